"""Conditions: verdicts, reasons of errors, and texts that do not compile."""

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.expressions import Expressions

from router.cel import (
    ERROR,
    Condition,
    ConditionError,
    Verdict,
    compile_condition,
    compile_expression,
)

EVENT = {
    "id": "1",
    "type": "com.example.thing",
    "data": {
        "status": "completed",
        "count": 5,
        "ratio": 0.5,
        "whole": 5.0,
        "huge": 2**64,
        "yes": True,
        "no": False,
        "nothing": None,
        "tags": ["silent", "other"],
        "numbers": [1, 2, 3],
        "empty": [],
        "nested": {"a": {"b": 1}},
        "name": "Weekly Stand-up",
    },
}


def verdict(source: str) -> Verdict:
    return compile_condition(source).verdict(EVENT)


@pytest.mark.parametrize(
    "source",
    [
        'data.status == "completed"',
        "data.status == 'completed'",
        'data["status"] == "completed"',
        'event.data.status == "completed" && message.id == "1"',
        'data.status != "other"',
        "data.count == 5 && data.count == 5.0 && data.whole == 5",
        "data.count >= 5 && data.count <= 5 && data.count > 4 && data.count < 6",
        "data.ratio < 1 && data.count > 4.5",
        "data.huge > 9223372036854775807",
        '"b" > "a" && "B" < "a"',
        "true > false",
        "data.nothing == null",
        "data.yes",
        "!data.no",
        "!!data.yes",
        '"silent" in data.tags',
        '"nested" in data && !("other" in data)',
        'data.status in ["completed", "failed"]',
        "5.0 in [1, 5]",
        "has(data.nothing) && !has(data.missing)",
        "has(data.nested.a.b) && !has(data.nested.a.c)",
        'data.name.startsWith("Weekly") && data.name.endsWith("up") && data.name.contains("Stand")',
        'data.name.matches("^W.*up$") && matches(data.name, "Stand")',
        'data.name.lowerAscii() == "weekly stand-up" && " x ".trim() == "x"',
        '"é".size() == 1 && "É".lowerAscii() == "É"',
        "size(data.tags) == 2 && data.nested.size() == 1",
        "data.numbers[0] == 1 && data.tags[1] == 'other'",
        "1 + 2 * 3 == 7 && (1 + 2) * 3 == 9",
        "-7 / 2 == -3 && -7 % 2 == -1 && 7 / -2 == -3",
        "0.5 + 0.5 == 1.0",
        '"a" + "b" == "ab" && [1] + [2] == [1, 2]',
        "-9223372036854775808 < 0 && 0x10 == 16",
        '{"a": [1]} == {"a": [1.0]}',
        "data.count > 3 ? data.yes : data.no",
        "data.numbers.all(n, n > 0) && data.empty.all(n, false)",
        "data.numbers.exists(n, n == 2) && !data.empty.exists(n, true)",
        "data.numbers.exists_one(n, n > 2)",
        "data.numbers.filter(n, n > 1) == [2, 3]",
        "data.numbers.map(n, n * 2) == [2, 4, 6]",
        "data.numbers.map(n, n > 1, n * 2) == [4, 6]",
        'data.nested.exists(key, key == "a")',
        "data.numbers.all(n, data.numbers.exists(m, m >= n))",
        r'"\u00e9\x41\101\n" == "éAA\n" && r"\d" == "\\d"',
        '"""a "quoted" text""" == \'a "quoted" text\'',
        "data.status == 'completed' // a comment",
    ],
)
def test_what_holds(source: str) -> None:
    assert verdict(source) is Verdict.MATCH


@pytest.mark.parametrize(
    "source",
    [
        'data.status == "other"',
        "data.count == '5'",
        "data.count == true",
        "data.yes == 1",
        "1 in [true]",
        "data.nothing == 0",
        "data.nothing == data.tags",
        "data.no",
        "data.count < 5",
        '"b" in data.tags',
        "data.numbers == [1, 2]",
        "!(data.count == 5)",
    ],
)
def test_what_does_not_hold(source: str) -> None:
    assert verdict(source) is Verdict.NO_MATCH


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ('data.missing == "x"', "no such field: data.missing"),
        ('data.missing != "x"', "no such field: data.missing"),
        ("!data.missing", "no such field: data.missing"),
        ("has(data.missing.deeper)", "no such field: data.missing"),
        ("has(data.status.deeper)", "data.status.deeper: text has no fields"),
        ("data.status.deeper == 1", "data.status.deeper: text has no fields"),
        ('data.count > "3"', "number > text has no value"),
        ("data.status > 3", "text > number has no value"),
        ("data.nothing > 3", "null > number has no value"),
        ("data.yes > 0", "bool > number has no value"),
        ("data.count", "number is neither true nor false"),
        ("!data.count", "no value for number"),
        ("data.count in data.count", "number in number has no value"),
        ("data.tags[5] == 'x'", "no such element in list"),
        ("data.tags[-1] == 'x'", "no such element in list"),
        ("data.count + 0.5 > 1.0", "number + number has no value"),
        ("9223372036854775807 + 1 > 0", "number + number has no value"),
        ("data.huge + 1 > 0", "number + number has no value"),
        ("data.count / 0 == 1", "number / number has no value"),
        ("data.count % 0 == 1", "number % number has no value"),
        ("data.count.startsWith('5')", "startsWith() takes no number, text"),
        ("size(data.count) == 1", "size() takes no number"),
        ("data.numbers.all(n, n.x)", "all() has no value"),
        ("data.missing ? true : true", "no such field: data.missing"),
        ("data.?count.?deeper.orValue(1) == 1", "data.?count.?deeper: number has no fields"),
        ("data.?nested.a.c.d.orValue(1) == data.missing", "no such field: data.missing"),
        ("data.?missing.value() == 1", "data.?missing is absent"),
        ("timestamp(data.status) > timestamp(0)", "timestamp() takes no text"),
        ("{data.count: 1, 5: 2} == {}", "no value for number, number, number, number"),
    ],
)
def test_what_is_an_error_says_why(source: str, reason: str) -> None:
    condition = compile_condition(source)

    assert condition.verdict(EVENT) is Verdict.ERROR
    assert reason in condition.reason(EVENT)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("data.missing || data.yes", Verdict.MATCH),
        ("data.yes || data.missing", Verdict.MATCH),
        ("data.missing && data.no", Verdict.NO_MATCH),
        ("data.no && data.missing", Verdict.NO_MATCH),
        ("data.missing || data.no", Verdict.ERROR),
        ("data.yes && data.missing", Verdict.ERROR),
        ("!(data.missing && data.no)", Verdict.MATCH),
        ("!(data.yes || data.missing)", Verdict.NO_MATCH),
        ("(data.missing || data.yes) == true", Verdict.MATCH),
        ("(data.missing && data.no) == false", Verdict.MATCH),
        ("(data.missing && data.yes) == false", Verdict.ERROR),
        ("data.count || data.yes", Verdict.MATCH),
        ("data.count && data.yes", Verdict.ERROR),
        ("data.numbers.exists(n, n.x || n == 3)", Verdict.MATCH),
        ("data.numbers.exists(n, n == 1 || n.x)", Verdict.MATCH),
        ("data.numbers.all(n, n > 5 && n.x)", Verdict.NO_MATCH),
    ],
)
def test_and_and_or_absorb_errors_in_either_order(source: str, expected: Verdict) -> None:
    assert verdict(source) is expected


def test_an_event_without_data_is_an_error_not_an_exception() -> None:
    assert compile_condition("data.x == 1").verdict({"id": "1"}) is Verdict.ERROR
    assert compile_condition("has(event.data)").verdict({"id": "1"}) is Verdict.NO_MATCH


@pytest.mark.parametrize(
    ("source", "message", "offset", "hint"),
    [
        ("", "the condition is empty", 0, ""),
        ("data.", "expected a field's name after '.', found the end", 5, ""),
        ("data.status = 'x'", "unexpected character '='", 12, "write == to compare"),
        ("data.a & data.b", "unexpected character '&'", 7, "write && for and"),
        ("data.a and data.b", "should end here, found 'and'", 7, ""),
        ('data.status == "x', "unexpected character", 15, "the text has no end"),
        ("(data.a", "expected ')' to close '('", 7, ""),
        ("dat.status == 'x'", "there is no 'dat'", 0, 'did you mean "data"?'),
        ("status == 'x'", "there is no 'status'", 0, "write data.status"),
        ("now() > 1", "there is no function 'now'", 0, "a condition has no clock"),
        ("data.a.startswith('x')", "there is no method", 7, 'did you mean "startsWith"?'),
        ("startsWith(data.a, 'x')", "no function", 0, "it is a method: write value.startsWith(…)"),
        ("data.a.startsWith()", "takes 1 argument, not 0", 7, ""),
        ("has(data)", "has() takes a field", 4, "has(data.tag_info)"),
        ("data.a.matches('(')", "not a regular expression", 15, ""),
        ("data.a.matches(data.b)", "a pattern must be a literal text", 15, ""),
        ("data.a.matches('(?=x)')", "not a regular expression", 15, ""),
        ("1 + 2", "must be true or false", 0, "compare it"),
        ("'text'", "must be true or false", 0, "compare it"),
        ("import == 1", "'import' is reserved", 0, ""),
        ("9223372036854775808 > 1", "the integer does not fit 64 bits", 0, ""),
        (r"'\q' == 'x'", "there is no escape \\q", 1, "write \\\\ for a backslash"),
        ("[1].all(x.y, true)", "expected ',' after the variable", 9, ""),
        ("[1].all(data, true)", "expects a new variable", 8, ""),
        ("[1].all(x, [1].all(x, true))", "expects a new variable", 19, ""),
        ("[1].all(a,[1].all(b,[1].all(c,true)))", "more than 2 deep", 24, ""),
        ("(" * 61 + "true" + ")" * 61, "nested deeper than 60 levels", 60, ""),
        ("1" + "+1" * 101 + " == 1", "more than 100 operators", 201, ""),
        ("x" * 4097, "at most 4096 characters", 4096, ""),
        ("[" + "1," * 1001 + "1] == [1]", "more than 1000 items", 2002, ""),
    ],
)
def test_what_cannot_be_compiled_says_where_and_what_would_be_right(
    source: str, message: str, offset: int, hint: str
) -> None:
    with pytest.raises(ConditionError) as caught:
        compile_condition(source)

    assert message in caught.value.message
    assert caught.value.offset == offset
    assert hint in caught.value.hint


def test_a_loop_has_a_budget() -> None:
    event = {"data": {"many": list(range(200))}}
    condition = compile_condition("data.many.all(a, data.many.all(b, a + b >= 0))")

    assert condition.verdict(event) is Verdict.ERROR
    assert "too many iterations" in condition.reason(event)


def test_a_text_cannot_grow_without_bound() -> None:
    event = {"data": {"text": "x" * 40_000}}

    condition = compile_condition("(data.text + data.text).size() > 0")

    assert condition.verdict(event) is Verdict.ERROR


@pytest.mark.parametrize(
    "source",
    [
        "\"__import__('os')\" == data.status",
        'data.__class__ == "x"',
        "data.tags.all(v0, v0 == 'x')",
        "data.tags.all(ERROR, ERROR == 'x')",
        "data.tags.all(__builtins__, __builtins__ == 'x')",
        "data.tags.all(k3, k3 == 'x' || true)",
    ],
)
def test_no_name_of_a_condition_reaches_the_code(source: str) -> None:
    assert verdict(source) in Verdict


@pytest.mark.parametrize("name", ["`x`", "x;import os", "x\\"])
def test_names_are_what_the_lexer_says(name: str) -> None:
    with pytest.raises(ConditionError):
        compile_condition(f"[1].all({name}, true)")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
FRAGMENTS = (
    "data",
    "event",
    "data.a",
    "data.b.c",
    '"x"',
    "1",
    "2.5",
    "true",
    "null",
    "5u",
    "b'x'",
    "&&",
    "||",
    "!",
    "==",
    "<",
    "in",
    "+",
    "-",
    "*",
    "/",
    "%",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "?",
    ".",
    ".?",
    "[?",
    "has(",
    ".all(x,",
    ".all(x, y,",
    ".map(x,",
    ".exists(x,",
    ".transformMap(x, y,",
    ".optMap(x,",
    "x",
    "y",
    "size(",
    ".startsWith(",
    ".matches(",
    "'a'",
    "timestamp(",
    "duration(",
    "'1h'",
    "'2025-10-14T09:30:00Z'",
    ".getHours(",
    "'Europe/Berlin'",
    "int(",
    "string(",
    "type(",
    "optional.of(",
    ".orValue(",
    ".hasValue()",
    ".split(",
    ".join(",
    ".replace(",
    ".substring(",
    "data.?a",
    "data.?b.?c",
    ".`a-b`",
    "int",
    "r'\\\\'",
)
fragments = st.sampled_from(FRAGMENTS)


@given(st.text(max_size=60) | st.lists(fragments, max_size=20).map(" ".join))
def test_no_text_makes_the_compiler_raise_anything_else(source: str) -> None:
    outcome: Condition | ConditionError
    try:
        outcome = compile_condition(source)
    except ConditionError as error:
        outcome = error
    assert isinstance(outcome, Condition | ConditionError)


@given(
    source=st.lists(fragments, min_size=3, max_size=12).map(" ".join),
    data=st.dictionaries(st.sampled_from("abc"), json_values),
)
def test_no_event_makes_a_condition_raise(source: str, data: dict[str, object]) -> None:
    event = msgspec.json.decode(msgspec.json.encode({"data": data}))
    try:
        condition = compile_condition(source)
    except ConditionError:
        return
    judged(condition, event)


def test_no_well_formed_condition_raises_on_any_event() -> None:
    expressions = Expressions(seed=7)

    for _ in range(200):
        with contextlib.suppress(ConditionError):
            condition = compile_condition(expressions.condition())
            judged(condition, expressions.event())
            judged(condition, {})


def judged(condition: Condition, event: dict[str, object]) -> None:
    """Check that verdict, reason, explanation and value of a condition agree."""
    verdict = condition.verdict(event)
    assert (condition.reason(event) == "") is (verdict is not Verdict.ERROR)
    assert all(step.error or step.value is not ERROR for step in condition.explain(event))
    value = compile_expression(condition.source).value(event)
    assert (value is True) is (verdict is Verdict.MATCH)
    assert (value is False) is (verdict is Verdict.NO_MATCH)
