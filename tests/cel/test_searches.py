"""Many searches of large values end as an error of their condition, not as a pause of the worker."""

import time
from typing import Any

import pytest
from rules.index.test_rule_set_equals_naive import rule
from support.with_re2 import NEEDS_RE2

from router.cel import Verdict, compile_condition
from router.cel.searches import charges_searches
from router.rules.index.rule_set import RuleSet

LARGE = [1] * 2_000_000
"""About 4 MiB of JSON."""


def event(**data: Any) -> dict[str, Any]:
    return {"type": "x", "data": data}


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("-{} in data.l", LARGE),
        ('"{}" in data.l', LARGE),
        ('data.l.contains("{}")', "x" * (4 << 20)),
        ('data.l.matches("[a-q][^u-z]{{{}}}x")', "x" * (4 << 20)),
        ('data.l.lowerAscii() == "{}"', "x" * (4 << 20)),
        ("{} in data.l.tags", {"tags": LARGE}),
    ],
    ids=["in numbers", "in texts", "contains", "matches", "lowerAscii", "in a field"],
)
def test_many_searches_of_a_large_value_are_an_error_soon(part: str, value: Any) -> None:
    """Case R17: 220 searches of a list of 4 MiB held the event loop for 3 s."""
    source = " || ".join(part.format(number) for number in range(10, 110))
    condition = compile_condition(source)
    condition.verdict(event(l="x"))  # compiled, which is not measured

    began = time.process_time()
    verdict = condition.verdict(event(l=value))

    assert verdict is Verdict.ERROR
    assert time.process_time() - began < 0.5


def test_the_other_rules_of_the_event_go_on() -> None:
    """Case R17."""
    many = " || ".join(f"-{number} in data.l" for number in range(10, 230))
    other = " || ".join(f"data.n - {number} in data.l" for number in range(10, 160))
    rules = RuleSet(
        [rule(0, "x", other), rule(1, "x", "1 in data.l"), rule(2, "x", ""), rule(3, "x", many)]
    )
    rules.judge("x", event(n=1, l="x"))  # compiled, which is not measured

    began = time.process_time()
    judgement = rules.judge("x", event(n=1, l=LARGE))
    assert time.process_time() - began < 0.5

    assert [each.name for each in judgement.matches] == ["1", "2"]
    assert [each.rule.name for each in judgement.errors] == ["0"]


def test_a_condition_over_its_budget_matches_neither_by_the_index() -> None:
    source = '"a" in data.l || "b" in data.l || "c" in data.l'
    rules = RuleSet([rule(0, "x", source)])
    condition = compile_condition(source)

    for values in (["a"], [*("z" * 400_000), "a"]):
        found = bool(rules.judge("x", event(l=values)).matches)
        assert found is (condition.verdict(event(l=values)) is Verdict.MATCH)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("'a' in data.l && data.t.contains('x')", False),
        ("'a' in data.l && data.t.contains('x') && data.u.matches('y')", True),
        ("data.a == 1 && data.b == 'x' && data.c in ['x', 'y'] && data.d > 3", False),
        ("data.t.startsWith('a') || data.t.startsWith('b') || data.t.startsWith('c')", False),
        ("data.a == data.b && data.c == data.d && data.e == data.f", True),
    ],
)
def test_usual_conditions_are_not_charged(source: str, expected: bool) -> None:  # noqa: FBT001
    assert charges_searches(compile_condition(source).tree) is expected


def test_a_charged_condition_has_the_usual_value() -> None:
    source = "'a' in data.l && data.t.contains('x') && data.t.matches('y') && data.l == data.m"
    values = {"l": ["a"], "t": "xy", "m": ["a"]}

    assert compile_condition(source).verdict(event(**values)) is Verdict.MATCH
    assert compile_condition(source).verdict(event(**values | {"m": []})) is Verdict.NO_MATCH
    assert compile_condition(source).verdict(event(l=["a"], t=1, m=["a"])) is Verdict.ERROR


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("a{500}b", "a" * (1 << 20)),
        pytest.param("((a{0,30}){0,30}){0,1}b", "a" * (1 << 20), marks=NEEDS_RE2),
        ("error.{0,200}timeout", "error " * 50_000),
        pytest.param("(a{0,30}){0,30}b", "a" * 20_000, marks=NEEDS_RE2),
    ],
)
def test_a_pattern_that_counts_is_an_error_soon_in_a_long_text(pattern: str, text: str) -> None:
    """Case R17: a search of 1 MiB held the event loop for 8 s and more."""
    condition = compile_condition(f"data.l.matches('{pattern}')")
    condition.verdict(event(l="x"))  # compiled, which is not measured

    began = time.process_time()
    verdict = condition.verdict(event(l=text))

    assert verdict is Verdict.ERROR
    assert time.process_time() - began < 0.1


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("timeout", "x" * (4 << 20) + "timeout"),
        ("a.*b", "a" + "x" * (4 << 20) + "b"),
        pytest.param("error.{0,200}timeout", "x" * 10_000 + "error: timeout", marks=NEEDS_RE2),
        pytest.param(r"\\p{L}+$", "x" * 10_000, marks=NEEDS_RE2),
    ],
)
def test_common_patterns_search_long_texts(pattern: str, text: str) -> None:
    """Case R17."""
    condition = compile_condition(f"data.l.matches('{pattern}')")

    assert condition.verdict(event(l=text)) is Verdict.MATCH
