"""Conditions that are never true, although each of their parts may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.cel import Verdict, compile_condition
from router.cel.check.contradictions import contradictions


def told(source: str) -> list[tuple[str, str]]:
    problems = contradictions(source, compile_condition(source).tree)
    return [(source[each.offset : each.offset + each.length], each.message) for each in problems]


@pytest.mark.parametrize(
    ("source", "part", "message"),
    [
        ("data.a == 1 && data.a == 2", "data.a == 2", "is never true together with data.a == 1"),
        ("data.a == 'x' && data.b && 'y' == data.a", "'y' == data.a", "with data.a == 'x'"),
        ("data.a > 5 && data.a < 3", "data.a < 3", "together with data.a > 5"),
        ("data.a > 5 && 5 >= data.a", "5 >= data.a", "together with data.a > 5"),
        ("data.a in [1, 2] && (data.b && data.a in [3])", "data.a in [3]", "data.a in [1, 2]"),
        ("data.a in [1, 2] && data.a > 2", "data.a > 2", "data.a in [1, 2]"),
        ("data.a == 1 && data.a != 1", "data.a != 1", "data.a == 1"),
        ("data.a in []", "data.a in []", "this is never true"),
        ("1 > 2", "1 > 2", "this is never true: it reads nothing"),
        ("true || false", "true || false", "this is always true: it reads nothing"),
    ],
)
def test_what_excludes_itself(source: str, part: str, message: str) -> None:
    ((underlined, text),) = told(source)
    assert underlined == part
    assert message in text


@pytest.mark.parametrize(
    "source",
    [
        "data.a == 1 || data.a == 2",
        "data.a >= 5 && data.a <= 5",
        "data.a == 1 && data.a == 1.0",
        "data.a == 1 && data.b == 2",
        "data.a != 1 && data.a != 2",
        "data.a in [1, 2] && data.a in [2, 3]",
        "data.a in [1, data.b] && data.a == 3",
        "data.a[0] == 1 && data.a[0] == 2",
        "data.a == true && data.a != 1",
    ],
)
def test_what_can_be_is_left_alone(source: str) -> None:
    assert told(source) == []


values = st.sampled_from(["0", "1", "2", "1.5", "true", "'x'", "'y'"])
tests = st.builds(
    "data.a {} {}".format, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), values
) | st.builds("data.a in [{}, {}]".format, values, values)


@given(
    parts=st.lists(tests, min_size=1, max_size=4),
    a=st.sampled_from([0, 1, 2, 1.5, 0.5, 3, True, "x", "y", "z", None]),
)
def test_what_holds_for_an_event_excludes_nothing(parts: list[str], a: object) -> None:
    condition = compile_condition(" && ".join(parts))
    if condition.verdict({"data": {"a": a}}) is Verdict.MATCH:
        assert told(condition.source) == []
