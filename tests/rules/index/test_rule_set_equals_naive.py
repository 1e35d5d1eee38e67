"""The index finds the same rules as the evaluation of every rule."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.conditions import NAMED, NAMES, conditions, events
from support.expressions import Expressions
from support.index_cases import IndexCases
from support.judging import judge_each

from router.alerts import Severity
from router.cel import compile_condition
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


def check(rules: RuleSet, event_type: str, event: dict[str, Any]) -> None:
    found = rules.judge(event_type, event)
    naive = judge_each(rules, event_type, event)
    assert found.matches == naive.matches
    assert found.endings == naive.endings
    assert {each.rule.name for each in found.errors} <= {each.rule.name for each in naive.errors}


def check_all(conditions: list[tuple[str, str]], events: list[dict[str, Any]]) -> None:
    rules = rule_set(conditions)
    for event in events:
        check(rules, event["type"], event)


rule_texts = st.lists(
    st.tuples(st.sampled_from(PATTERNS), conditions | st.just("")), min_size=1, max_size=10
)
event_lists = st.lists(events, min_size=1, max_size=8)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(conditions)
def test_a_made_up_condition_is_valid(text: str) -> None:
    assert compile_condition(text, NAMES)


@pytest.mark.parametrize("text", NAMED)
def test_a_made_up_test_of_names_is_valid_within_a_macro(text: str) -> None:
    assert compile_condition(f"data.c.exists(v, {text})", NAMES)


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


def check_case(seed: int, rules: int, events: int) -> int:
    """Return the number of matches, because a comparison of nothing proves nothing."""
    cases = IndexCases(seed)
    made = RuleSet(cases.rules(rules))
    matches = 0
    for _ in range(events):
        event = cases.event()
        check(made, event["type"], event)
        matches += len(made.judge(event["type"], event).matches)
    return matches


@pytest.mark.parametrize("seed", range(6))
def test_the_index_finds_the_same_in_strange_events(seed: int) -> None:
    """Strange names and numbers, many fields, several types, and rules that watch further events."""
    assert check_case(seed, rules=60, events=20)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(1000, 1300))
def test_the_index_finds_the_same_in_strange_events_at_length(seed: int) -> None:
    assert check_case(seed, rules=400, events=50)


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
