"""Which rules an event meets, and what they say of it."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.alerts import Severity
from router.rules.cel import compile_condition
from router.rules.index import RuleSet
from router.rules.model import Mode, Role, Rule, Watch

SUMMARY = "com.twilio.voice.insights.conference-summary"


def rule(name: str, *events: str, when: str = "") -> Rule:
    return Rule(
        name=name,
        description="",
        events=events,
        condition=compile_condition(when) if when else None,
        severity=Severity.INFO,
        send_to=("noc",),
        summary="",
        mode=Mode.LIVE,
    )


class Watchful(Rule, frozen=True, kw_only=True):
    """A rule that looks out for ends, too."""

    @property
    def watches(self) -> tuple[Watch, ...]:
        ends = compile_condition("data.left == 0")
        return (
            *super().watches,
            Watch(self, Role.ENDS_ABSENCE, ("x.complete",), None),
            Watch(self, Role.RESOLVES, ("x.*",), ends),
        )


def watchful(name: str, *events: str, when: str = "") -> Rule:
    return Watchful(**{key: getattr(rule(name, *events, when=when), key) for key in FIELDS})


FIELDS = Rule.__struct_fields__


def names(rules: tuple[Rule, ...]) -> list[str]:
    return [rule.name for rule in rules]


@pytest.mark.parametrize(
    ("pattern", "event_type"),
    [
        (f"{SUMMARY}.complete", f"{SUMMARY}.complete"),
        (f"{SUMMARY}.*", f"{SUMMARY}.complete"),
        (f"{SUMMARY}.*", f"{SUMMARY}."),
        (f"{SUMMARY}*", SUMMARY),
        ("*", "x"),
        ("*", ""),
    ],
)
def test_a_rule_meets_the_types_that_it_names(pattern: str, event_type: str) -> None:
    assert names(RuleSet([rule("one", pattern)]).candidates(event_type)) == ["one"]


@pytest.mark.parametrize(
    ("pattern", "event_type"),
    [
        (f"{SUMMARY}.complete", f"{SUMMARY}.completed"),
        (f"{SUMMARY}.complete", f"{SUMMARY}.complet"),
        (f"{SUMMARY}.complete", f"{SUMMARY}.COMPLETE"),
        (f"{SUMMARY}.*", SUMMARY),
        ("com.example.*", "com"),
    ],
)
def test_a_rule_meets_no_other_types(pattern: str, event_type: str) -> None:
    assert names(RuleSet([rule("one", pattern)]).candidates(event_type)) == []


def test_rules_are_met_in_their_order_whatever_their_patterns() -> None:
    rules = RuleSet(
        [rule("a", "*"), rule("b", "x.y"), rule("c", "x.*"), rule("d", "x.y"), rule("e", "x*")]
    )
    assert names(rules.candidates("x.y")) == ["a", "b", "c", "d", "e"]
    assert names(rules.candidates("x.z")) == ["a", "c", "e"]
    assert names(rules.judge("x.y", {}).matches) == ["a", "b", "c", "d", "e"]


def test_a_rule_is_judged_once_however_many_of_its_patterns_fit() -> None:
    rules = RuleSet([rule("one", "x.y", "x.*", "*", "x.y", "x.y*")])
    assert names(rules.judge("x.y", {}).matches) == ["one"]
    assert names(rules.judge("z", {}).matches) == ["one"]


def test_an_event_without_rules_has_an_empty_judgement() -> None:
    judgement = RuleSet([rule("one", "x")]).judge("y", {})
    assert (judgement.matches, judgement.errors) == ((), ())


@pytest.mark.parametrize(
    ("data", "matches", "errors"),
    [
        ({"status": "late"}, ["always", "late"], []),
        ({"status": "fine"}, ["always"], []),
        ({}, ["always"], ["late"]),
        (None, ["always"], ["late"]),
    ],
)
def test_a_rule_holds_fails_or_cannot_be_judged(
    data: object, matches: list[str], errors: list[str]
) -> None:
    rules = RuleSet([rule("always", "*"), rule("late", "*", when='data.status == "late"')])
    judgement = rules.judge("x", {"type": "x", "data": data})
    assert names(judgement.matches) == matches
    assert [failure.rule.name for failure in judgement.errors] == errors


def test_a_failure_says_why_when_asked() -> None:
    rules = RuleSet([rule("late", "*", when="data.status > 3")])
    (failure,) = rules.judge("x", {"data": {}}).errors
    assert failure.reason == "no such field: data.status"


def roles(watches: tuple[Watch, ...]) -> list[tuple[str, Role]]:
    return [(watch.rule.name, watch.role) for watch in watches]


def test_what_ends_an_absence_or_an_alert_is_told_apart_from_what_raises_one() -> None:
    rules = RuleSet([watchful("first", "x.complete"), watchful("second", "y")])
    judgement = rules.judge("x.complete", {"data": {"left": 0}})
    assert names(judgement.matches) == ["first"]
    assert roles(judgement.endings) == [
        ("first", Role.ENDS_ABSENCE),
        ("first", Role.RESOLVES),
        ("second", Role.ENDS_ABSENCE),
        ("second", Role.RESOLVES),
    ]


def test_a_failure_to_judge_an_end_is_told_with_the_rules_own() -> None:
    rules = RuleSet([watchful("one", "x.*", when="data.left > 0")])
    judgement = rules.judge("x.partial", {"data": {}})
    assert [failure.watch.role for failure in judgement.errors] == [Role.RAISES, Role.RESOLVES]
    assert {failure.reason for failure in judgement.errors} == {"no such field: data.left"}


def test_what_would_end_an_alert_makes_no_rule_a_candidate() -> None:
    rules = RuleSet([watchful("one", "y")])
    assert rules.candidates("x.complete") == ()
    assert names(rules.candidates("y")) == ["one"]


patterns = st.builds(
    "".join, st.tuples(st.text("ab.", max_size=5), st.sampled_from(["", "*"]))
).filter(bool)


@given(
    rules=st.lists(st.lists(patterns, min_size=1, max_size=4), max_size=8),
    event_type=st.text("ab.", max_size=7),
)
def test_the_plans_find_what_comparing_every_pattern_finds(
    rules: list[list[str]], event_type: str
) -> None:
    rule_set = RuleSet(rule(str(number), *events) for number, events in enumerate(rules))
    naive = [
        str(number)
        for number, events in enumerate(rules)
        if any(
            event_type.startswith(pattern[:-1]) if pattern.endswith("*") else event_type == pattern
            for pattern in events
        )
    ]
    assert names(rule_set.candidates(event_type)) == naive
    assert names(rule_set.judge(event_type, {}).matches) == naive


def matches_of_made_up_types(rules: RuleSet, seed: str) -> int:
    return sum(
        len(rules.judge(f"com.example.{seed}.{number}", {"data": {}}).matches)
        for number in range(5000)
    )


def test_made_up_event_types_leave_nothing_behind() -> None:
    rules = RuleSet([rule("one", "com.example.*", when="data.x == 1"), rule("two", "*")])
    tracemalloc.start()
    matches_of_made_up_types(rules, "first")
    before = tracemalloc.get_traced_memory()[0]
    matches = matches_of_made_up_types(rules, "second")
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert matches == 5000
    assert grown < 5000
