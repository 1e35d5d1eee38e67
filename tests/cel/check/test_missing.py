"""Tests that are not true for an event that lacks a field, although they read as if they were."""

import msgspec
import pytest

from router.cel import Verdict, compile_condition, compile_expression
from router.cel.check.missing import missing_field_warnings
from router.cel.check.types import type_of_struct


class Inner(msgspec.Struct, kw_only=True):
    a: int | None = None
    b: str = ""


class Data(msgspec.Struct, kw_only=True):
    there: str
    maybe: str | None = None
    flag: bool = False
    inner: Inner | None = None


NAMES = {"data": type_of_struct(Data)}


def warned(source: str) -> list[str]:
    condition = compile_condition(source)
    problems = missing_field_warnings(source, condition.tree, NAMES)
    assert all(problem.is_warning for problem in problems)
    return [source[problem.offset : problem.offset + problem.length] for problem in problems]


@pytest.mark.parametrize(
    ("source", "part"),
    [
        ("data.maybe != 'x'", "data.maybe != 'x'"),
        ("'x' != data.maybe", "'x' != data.maybe"),
        ("!(data.maybe == 'x')", "data.maybe == 'x'"),
        ("!data.flag", "data.flag"),
        ("!data.maybe.startsWith('x')", "data.maybe.startsWith('x')"),
        ("!(data.maybe in ['x'])", "data.maybe in ['x']"),
        ("data.maybe == null", "data.maybe == null"),
        ("!has(data.inner.a)", "has(data.inner.a)"),
        ("data.inner.a != 3", "data.inner.a != 3"),
        ("data.there == 'x' && data.maybe != 'x'", "data.maybe != 'x'"),
        ("data.there == 'x' || data.maybe != 'x'", "data.maybe != 'x'"),
        ("!(data.there == 'x' || data.maybe == 'x')", "data.maybe == 'x'"),
        ("has(data.inner) && data.inner.a != 3", "data.inner.a != 3"),
        ("has(data.maybe) || data.maybe != 'x'", "data.maybe != 'x'"),
        ("data.flag ? data.maybe != 'x' : true", "data.maybe != 'x'"),
    ],
)
def test_a_denial_of_what_may_be_missing(source: str, part: str) -> None:
    assert warned(source) == [part]


@pytest.mark.parametrize(
    "source",
    [
        "data.there != 'x'",
        "data.maybe == 'x'",
        "data.maybe != null",
        "!(data.maybe == null)",
        "!(data.maybe != 'x')",
        "!has(data.maybe)",
        "has(data.maybe) && data.maybe != 'x'",
        "data.maybe != 'x' && has(data.maybe)",
        "!has(data.maybe) || data.maybe != 'x'",
        "!(has(data.maybe) && data.maybe == 'x')",
        "!has(data.inner) || !has(data.inner.a)",
        "!(has(data.inner) && has(data.inner.a))",
        "data.inner.b == 'x' && data.inner.b != 'y'",
        "has(data.inner.a) && data.inner.a != 3",
        "has(data.maybe) ? data.maybe != 'x' : true",
        "!has(data.maybe) ? true : data.maybe != 'x'",
        "(has(data.maybe) && data.flag) && data.maybe != 'x'",
        "data.other != 'x'",
        "event.subject != 'x'",
    ],
)
def test_a_test_that_makes_sure(source: str) -> None:
    assert warned(source) == []


@pytest.mark.parametrize(
    ("source", "safe"),
    [
        ("data.maybe != 'x'", "!has(data.maybe) || data.maybe != 'x'"),
        ("!has(data.inner.a)", "!has(data.inner) || !has(data.inner.a)"),
        ("data.inner.a != 3", "!has(data.inner) || !has(data.inner.a) || data.inner.a != 3"),
        ("!data.flag", "!has(data.flag) || !data.flag"),
    ],
)
def test_the_spelling_that_is_offered_holds_without_the_field(source: str, safe: str) -> None:
    condition = compile_condition(source)
    (problem,) = missing_field_warnings(source, condition.tree, NAMES)
    offered = problem.hint.removeprefix("write ").split(" if it should be,")[0]
    test = problem.message.split("`")[1]

    assert offered.replace("…", test) == safe
    assert condition.verdict({"data": {}}) is Verdict.ERROR
    assert compile_condition(safe).verdict({"data": {}}) is Verdict.MATCH
    assert missing_field_warnings(safe, compile_condition(safe).tree, NAMES) == []


def test_what_is_behind_a_name_is_shown_where_the_name_stands() -> None:
    source = "data.there == 'x' && other"
    names = {"other": compile_expression("data.maybe != 'x'")}
    (problem,) = missing_field_warnings(source, compile_condition(source, names).tree, NAMES)
    assert source[problem.offset :] == "other"


def test_a_long_condition_is_looked_at_in_no_time() -> None:
    source = " && ".join(["data.maybe != 1"] * 200)
    assert len(warned(source)) == 200
