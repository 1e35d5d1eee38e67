"""Evaluates a rule set without its index, and shows the conditions that its index evaluates."""

from collections.abc import Callable
from typing import Any

from router.cel import Verdict
from router.rules.index.rule_set import Judgement, RuleFailure, RuleSet
from router.rules.model import EventWatch, Rule


def verdict(watch: EventWatch, event: dict[str, Any]) -> Verdict:
    """Return the verdict of the watch's condition by itself."""
    return Verdict.MATCH if watch.condition is None else watch.condition.verdict(event)


def names_type(pattern: str, event_type: str) -> bool:
    """Return whether one of a watch's ``events`` names an event type."""
    if pattern.endswith("*"):
        return event_type.startswith(pattern[:-1])
    return event_type == pattern


def judge_each(rules: RuleSet, event_type: str, event: dict[str, Any]) -> Judgement:
    """Evaluate each watch that names the type. Unlike ``rules.judge``, find every error."""
    matches: list[Rule] = []
    errors: list[RuleFailure] = []
    endings: list[EventWatch] = []
    for watch in rules.watches:
        if not any(names_type(pattern, event_type) for pattern in watch.events):
            continue
        found = verdict(watch, event)
        if found is Verdict.ERROR:
            errors.append(RuleFailure(watch, event))
        elif found is Verdict.MATCH and watch.ends is None:
            matches.append(watch.rule)
        elif found is Verdict.MATCH:
            endings.append(watch)
    return Judgement(tuple(matches), tuple(errors), tuple(endings))


def met(rules: RuleSet, event_type: str, event: dict[str, Any]) -> list[str]:
    """Return the rules that match by their atoms alone, or whose condition is evaluated."""
    evaluated: set[str] = set()
    for watch in rules.watches:
        if watch.condition is not None:
            watch.condition.is_true = _recorded(watch, evaluated)
    matched = {rule.name for rule in rules.judge(event_type, event).matches}
    return [rule.name for rule in rules.rules if rule.name in evaluated | matched]


def _recorded(watch: EventWatch, evaluated: set[str]) -> Callable[[Any, Any], Any]:
    assert watch.condition is not None
    evaluate = watch.condition.is_true

    def is_true(event: Any, data: Any) -> Any:
        evaluated.add(watch.rule.name)
        return evaluate(event, data)

    return is_true
