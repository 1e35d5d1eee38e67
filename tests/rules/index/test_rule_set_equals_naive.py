"""The index finds what asking every rule finds."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.conditions import NAMES, conditions, events
from support.expressions import Expressions

from router.alerts import Severity
from router.cel import Verdict, compile_condition
from router.errors import ConditionError
from router.rules.index.rule_set import RuleSet
from router.rules.model import Mode, Rule

PATTERNS = ("x.y", "x.*", "x*", "*", "x.z", "y")


def rule(number: int, pattern: str, when: str) -> Rule:
    return Rule(
        name=str(number),
        description="",
        events=(pattern,),
        condition=compile_condition(when, NAMES) if when else None,
        severity=Severity.INFO,
        send_to=("noc",),
        summary="",
        mode=Mode.LIVE,
    )


def rule_set(patterns_and_conditions: Iterable[tuple[str, str]]) -> RuleSet:
    return RuleSet(
        rule(number, pattern, when)
        for number, (pattern, when) in enumerate(patterns_and_conditions)
    )


def naive(rules: RuleSet, event_type: str, event: dict[str, Any], verdict: Verdict) -> list[str]:
    """The names of the rules whose condition says so, asked one by one."""
    return [
        rule.name
        for rule in rules.rules
        if _names(rule.events[0], event_type)
        and (Verdict.MATCH if rule.condition is None else rule.condition.verdict(event)) is verdict
    ]


def _names(pattern: str, event_type: str) -> bool:
    if pattern.endswith("*"):
        return event_type.startswith(pattern[:-1])
    return event_type == pattern


def check(rules: RuleSet, event_type: str, event: dict[str, Any]) -> None:
    found = rules.judge(event_type, event)
    matches = naive(rules, event_type, event, Verdict.MATCH)
    errors = naive(rules, event_type, event, Verdict.ERROR)
    assert [rule.name for rule in found.matches] == matches
    assert {failure.rule.name for failure in found.errors} <= set(errors)
    each = rules.judge_each(event_type, event)
    assert [rule.name for rule in each.matches] == matches
    assert [failure.rule.name for failure in each.errors] == errors


def check_all(conditions: list[tuple[str, str]], events: list[dict[str, Any]]) -> None:
    rules = rule_set(conditions)
    for event in events:
        check(rules, event["type"], event)


rule_texts = st.lists(
    st.tuples(st.sampled_from(PATTERNS), conditions | st.just("")), min_size=1, max_size=10
)
event_lists = st.lists(events, min_size=1, max_size=8)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(conditions=rule_texts, events=event_lists)
def test_the_index_finds_what_asking_every_rule_finds(
    conditions: list[tuple[str, str]], events: list[dict[str, Any]]
) -> None:
    check_all(conditions, events)


def compiles(text: str) -> bool:
    try:
        compile_condition(text)
    except ConditionError:
        return False
    return True


def check_random(seed: int, rules: int, events: int) -> None:
    grown = Expressions(seed)
    texts = [text for text in (grown.condition() for _ in range(rules)) if compiles(text)]
    made = rule_set(("*", text) for text in texts)
    for _ in range(events):
        check(made, "x", grown.event())


@pytest.mark.parametrize("seed", range(8))
def test_the_index_finds_what_asking_every_rule_finds_among_many(seed: int) -> None:
    check_random(seed, rules=100, events=20)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@settings(max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(conditions=rule_texts, events=event_lists)
def test_the_index_finds_what_asking_every_rule_finds_at_length(
    conditions: list[tuple[str, str]], events: list[dict[str, Any]]
) -> None:
    check_all(conditions, events)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(1000, 1100))
def test_the_index_finds_what_asking_every_rule_finds_among_a_thousand(seed: int) -> None:
    check_random(seed, rules=1000, events=50)
