"""The index distinguishes bools from numbers, as conditions do, although Python has True == 1."""

from typing import Any

import msgspec
import pytest
from support.judging import judge_each
from support.one_field import OneField

from router.alerts import Severity
from router.cel import ERROR, Condition, compile_condition, compile_match
from router.cel.compiler import compile_value
from router.datatypes import Duration
from router.events.model import Event
from router.offline.explain import RuleResult, explain
from router.rules.index.rule_set import RuleSet
from router.rules.model import EventWatch, Mode, Rule
from router.rules.state.absent import AbsentFeature, AbsentText
from router.rules.state.feature import StateId
from router.rules.state.features import RuleFeatures
from router.rules.state.resolve import ResolveFeature, ResolveText

VALUES = (True, False, 0, 1, 0.0, 1.0, -0.0, -1, 2, "1", "true", None, [1], [True], {})
CONDITIONS = (
    *("data.flag in [1, true]", "data.flag in [true, 1]", "data.flag in [0, false]"),
    *("data.flag in [false, 0]", "data.flag in [true, 1.0]", "data.flag in [1.0, true]"),
    *("data.flag in [false, -0.0]", "data.flag in [-0.0, false]", "data.flag in [0, 1, true]"),
    *("data.flag == 1 || data.flag == true", "data.flag == true || data.flag == 1"),
    *(
        "data.flag || data.flag == 1.0",
        "!data.flag || data.flag == 0",
        "data.flag == 0 || !data.flag",
    ),
    *("!(data.flag != 1 && data.flag != true)", "data.flag in [true] || data.flag in [1]"),
    *("1 in data.list || true in data.list", "data.list.exists(x, x == 1 || x)"),
)


def rule(name: str, condition: Condition | None, **features: Any) -> Rule:
    return Rule(
        name=name,
        description="",
        events=("x",),
        condition=condition,
        severity=Severity.INFO,
        send_to=(),
        summary="",
        mode=Mode.LIVE,
        **features,
    )


def events() -> list[dict[str, Any]]:
    return [{"data": {"flag": value, "list": [value]}} for value in VALUES]


def matches(rules: RuleSet) -> list[list[str]]:
    """Return the names of the rules that match each of the events."""
    return [[each.name for each in rules.judge("x", event).matches] for event in events()]


def expected(condition: Condition) -> list[list[str]]:
    return [["one"] if condition.verdict(event).name == "MATCH" else [] for event in events()]


@pytest.mark.parametrize("source", CONDITIONS)
def test_a_condition_on_bools_and_numbers_matches_what_it_does_by_itself(source: str) -> None:
    condition = compile_condition(source)

    assert matches(RuleSet([rule("one", condition)])) == expected(condition)


@pytest.mark.parametrize(
    "wanted", [[1, True], [True, 1], [0, False], [False, -0.0], {"in": [1.0, True]}]
)
def test_match_on_bools_and_numbers_matches_what_it_does_by_itself(wanted: Any) -> None:
    condition = compile_match({"data.flag": wanted})

    assert matches(RuleSet([rule("one", condition)])) == expected(condition)


def test_conditions_that_differ_in_a_bool_and_a_number_only_are_both_found() -> None:
    conditions = ("data.flag == 1", "data.flag == true", "data.flag == 0", "data.flag == false")
    rules = RuleSet(rule(text, compile_condition(text)) for text in conditions)

    assert matches(rules)[:7] == [
        ["data.flag == true"],
        ["data.flag == false"],
        ["data.flag == 0"],
        ["data.flag == 1"],
        ["data.flag == 0"],
        ["data.flag == 1"],
        ["data.flag == 0"],
    ]


def watchful(name: str, raises: Condition, resolves: Condition, ends: Condition) -> Rule:
    """Return a rule with ``resolve`` and ``absent``, each with a condition on the same events."""
    resolve = ResolveFeature(
        text=ResolveText(events=("x",)), state=StateId("1"), condition=resolves
    )
    absent = AbsentFeature(
        text=AbsentText(event="x", for_=Duration(60.0)), state=StateId("2"), condition=ends
    )
    return rule(name, raises, features=RuleFeatures((absent, resolve)))


def kind(watch: EventWatch) -> str:
    """Return what an event that matches the watch ends."""
    return "" if watch.ends is None else watch.ends.ending


@pytest.mark.parametrize("source", CONDITIONS[:4])
def test_what_ends_an_alert_or_an_absence_is_found_by_bools_and_numbers(source: str) -> None:
    when = compile_condition(source)
    rules = RuleSet([watchful("one", compile_condition("false"), when, when)])

    found = [len(rules.judge("x", event).endings) for event in events()]

    assert found == [2 * len(each) for each in expected(when)]


def test_a_condition_of_resolve_without_a_value_is_an_error_of_its_rule() -> None:
    fails = compile_condition("data.flag in [1, true] && data.missing > data.flag")
    rules = RuleSet([watchful("one", compile_condition("false"), fails, fails)])

    errors = [len(rules.judge("x", event).errors) for event in events()]

    assert errors == [2 if value in (True, 1.0) else 0 for value in VALUES]


def condition(grown: OneField, share: float = 0.3) -> Condition:
    if grown.chance(share):
        return compile_match(grown.mapping())
    return compile_condition(grown.condition())


def random_rules(grown: OneField, count: int) -> RuleSet:
    return RuleSet(
        watchful(str(number), condition(grown), condition(grown), condition(grown))
        for number in range(count)
    )


def check_random(seed: int, rules: int) -> int:
    """Compare the verdicts of the index, of each condition by itself, and of ``explain``.

    Each rule has three conditions (its own, ``resolve``'s, ``absent``'s). Return how many verdicts
    of the index were compared. ``explain`` uses the value code, and verdicts the true and false code.
    """
    grown = OneField(seed)
    made = random_rules(grown, rules)
    values = [compile_value(watch.condition.tree) for watch in made.watches if watch.condition]
    events = grown.events()
    for event in events:
        found, naive = made.judge("x", event), judge_each(made, "x", event)
        assert found.matches == naive.matches
        assert found.endings == naive.endings
        errors = {(each.rule.name, kind(each.watch)) for each in naive.errors}
        assert {(each.rule.name, kind(each.watch)) for each in found.errors} <= errors
        data = event.get("data", ERROR)
        explained = [
            (watch.rule.name, kind(watch))
            for watch, value in zip(made.watches, values, strict=True)
            if value(event, data) is True
        ]
        assert explained == sorted(
            [(each.name, "") for each in found.matches]
            + [(each.rule.name, kind(each)) for each in found.endings],
            key=lambda each: (int(each[0]), each[1]),
        )
    check_explained(made, grown.pick(*events))
    return len(events) * len(made.watches)


def check_explained(rules: RuleSet, event: dict[str, Any]) -> None:
    """Check that ``router explain`` says "matched" of the rules that the index finds."""
    body = msgspec.json.encode(event)
    accepted = Event("1", "/s", "x", "", "", 0.0, body)
    told = explain(accepted, rules, [], now=0.0).rules
    assert [each.rule for each in told if each.result is RuleResult.MATCHED] == [
        each.name for each in rules.judge("x", msgspec.json.decode(body)).matches
    ]


@pytest.mark.parametrize("seed", range(6))
def test_the_index_says_of_one_field_what_each_rule_and_explain_say(seed: int) -> None:
    assert check_random(seed, rules=25) > 2000


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_index_says_of_one_field_what_each_rule_and_explain_say_at_length() -> None:
    verdicts = seed = 0
    while verdicts < 1_000_000:
        verdicts += check_random(1000 + seed, rules=(3, 10, 30, 100)[seed % 4])
        seed += 1
    print(f"{verdicts:,} verdicts of {seed} rule sets compared")  # noqa: T201 - shown by pytest -s
