"""No text exhausts the compiler, and no event makes a condition slow."""

import inspect
import sys
import types
from collections.abc import Iterator
from typing import Any

import pytest
from support.with_re2 import NEEDS_RE2

from router.cel import (
    ERROR,
    Condition,
    ConditionError,
    Verdict,
    compile_condition,
    compile_expression,
)

LARGE: dict[str, Any] = {
    "data": {
        "numbers": list(range(50_000)),
        "others": list(range(50_000)),
        "words": ["abc"] * 5000,
        "text": "x" * 1_000_000,
        "commas": "a," * 400_000,
        "matrix": [list(range(100)) for _ in range(1000)],
        "map": {str(number): number for number in range(50_000)},
        "infinite": 1e308,
        "huge": 10**300,
    }
}


def nested(depth: int) -> list[Any]:
    made: list[Any] = []
    for _ in range(depth):
        made = [made]
    return made


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("+".join(["data.a"] * 300), "more than 100 operators"),
        ("(" * 2000, "nested deeper than 60 levels"),
        ("[" * 2000, "nested deeper than 60 levels"),
        ("-" * 4000 + "1", "more than 60 signs in a row"),
        ("true?1:" * 500 + "1", "nested deeper than 60 levels"),
        ("data" + ".a" * 61, "nested deeper than 60 levels"),
        ("1" * 4096, "the integer does not fit 64 bits"),
        ("0x" + "f" * 4000, "the integer does not fit 64 bits"),
        ("18446744073709551616u", "the integer does not fit 64 bits"),
        ("-5u", "an unsigned integer has no sign"),
        ("1" * 4000 + ".0", "the number does not fit a double"),
        ("1e99999", "the number does not fit a double"),
        ("(" * 33 + "1" + ("+1" * 55 + ")") * 33, "nested too deeply"),
        ("[" + "1," * 1001 + "1]", "more than 1000 items"),
        ("data.a.matches('((a{0,100}){0,100}){0,100}')", "regular expression"),
        ("data.a == '\ud800'", "a lone surrogate is no character"),
        ("[1].map(a, [1].map(b, [1].map(c, c)))", "more than 2 deep"),
        ("[1].all(x, x, true)", "two different names"),
    ],
)
def test_what_is_too_much_is_refused(source: str, message: str) -> None:
    with pytest.raises(ConditionError, match=message):
        compile_expression(source)


@pytest.mark.parametrize(
    "source",
    [
        "+".join(["data.a"] * 100),
        "(" * 57 + "1" + ")" * 57,
        "[" * 57 + "1" + "]" * 57,
        "true ? 1 : " * 50 + "1",
        " || ".join(["data.a"] * 400),
        "[" + ",".join(["data.a"] * 500) + "]",
        "{" + ",".join(f"{number}: data.a" for number in range(300)) + "}",
        "data" + ".a" * 59,
        "data[" * 55 + "0" + "]" * 55,
        "data.a" + ".trim()" * 59,
        "(" * 58 + "data.a" + " || data.b) == true" * 58,
        "&&".join(["data.a.all(x, x)"] * 150),
        pytest.param("data.a.matches('" + "(" * 900 + ")" * 900 + "')", marks=NEEDS_RE2),
    ],
)
def test_what_is_at_the_limits_is_compiled_and_explained(source: str) -> None:
    condition = Condition(source, compile_expression(f"({source}) == 1").tree)

    assert condition.verdict({"data": {"a": nested(900)}}) in Verdict
    assert condition.explain({"data": {}})


@pytest.mark.fault_row(61)
@pytest.mark.parametrize(
    "source",
    [
        "data.numbers.all(x, x >= 0)",
        "data.matrix.all(x, data.matrix.all(y, y == y))",
        "data.words.all(x, data.numbers.exists(y, y in data.others))",
        "data.words.all(x, data.numbers != data.words)",
        "data.words.all(x, !data.text.contains('y'))",
        "data.words.all(x, !data.text.matches('(a|b|x)+y'))",
        "data.words.map(x, data.words + data.words)",
        "data.words.map(x, data.text.substring(0, 60000) + x)",
        "data.words.map(x, " + "+".join([f"'{'a' * 500}'"] * 7) + ")",
        "data.numbers.map(x, [" + ",".join(["x"] * 900) + "])",
        "data.words.transformList(i, v, data.words.transformList(j, w, i * j))",
        "data.map.transformMap(k, v, v)",
        "data.numbers == data.others",
        "data.matrix == data.matrix",
        "[-1] in data.numbers",
        "data.text + data.text",
        "data.text.lowerAscii()",
        "data.text.reverse()",
        "data.text.split('')",
        "data.commas.split(',')",
        "data.commas.replace('a', 'bbbb')",
        "data.commas.replace('', 'b')",
        "data.words.map(x, data.text.substring(0, 1000)).join()",
        "timestamp(data.text)",
        "duration(data.text)",
        "int(data.text)",
        "double(data.text)",
        "bytes(data.text)",
        "string(data.huge)",
        "timestamp(data.huge)",
        "timestamp(0).getHours(data.text)",
        "timestamp(0).getHours('../../etc/passwd')",
        pytest.param("data.text.matches('(.*)(.*)(.*)y')", marks=NEEDS_RE2),
        "uint(data.infinite)",
        "data.words[data.infinite * 10.0]",
        "data.words[0.0 / 0.0]",
        "data.words[data.huge]",
    ],
)
def test_what_would_take_too_long_is_an_error_instead(source: str) -> None:
    assert compile_expression(source).value(LARGE) is ERROR


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("data.words.all(x, x in ['abc', 'def'] && data.infinite > 1.0)", True),
        ("'y' in data.words", False),
        ("-1 in data.numbers || 1.5 in data.numbers", False),
        ("data.numbers.exists(x, x == 4000)", True),
        ("data.numbers == data.words", False),
        ("data.map['7']", 7),
        ("data.text.matches('x.*y')", False),
        ("data.huge > data.infinite", False),
        ("size(data.text.substring(0, 60000) + 'a')", 60_001),
    ],
)
def test_what_is_cheap_is_not_limited(source: str, value: object) -> None:
    assert compile_expression(source).value(LARGE) == value


def test_where_the_stack_is_nearly_full_there_is_no_value_that_time() -> None:
    source = "(" * 50 + "data.a" + " || data.b) == true" * 50
    condition, expression = compile_condition(source), compile_expression(source)
    event = {"data": {"a": True}}

    def deep(levels: int) -> tuple[Verdict, object]:
        if levels:
            return deep(levels - 1)
        return condition.verdict(event), expression.value(event)

    free = sys.getrecursionlimit() - len(inspect.stack())

    assert deep(free - 100) == (Verdict.ERROR, ERROR)
    assert condition.verdict(event) is Verdict.MATCH
    assert expression.value(event) is True


def test_a_comparison_of_deep_values_needs_no_stack() -> None:
    event = {"data": {"a": nested(5000), "b": nested(5000), "c": nested(4999)}}

    assert compile_expression("data.a == data.b").value(event) is True
    assert compile_expression("data.a != data.c").value(event) is True
    assert compile_expression("data.a in [data.c, data.b]").value(event) is True


@pytest.mark.parametrize(
    "source",
    [
        "data.__class__ == '__import__'",
        "data.a.all(budget, budget == 1 && data.b.exists(event_, event_.get == 2))",
        "{'k1': data.`k2`}[data.k3].?ERROR.orValue(b'condition') == r'v0'",
        "data.x.transformMap(t1, v0, t1 + v0) == {} ? data.globals : duration('1h') > data.l0",
    ],
)
def test_generated_code_has_names_from_a_closed_set_only(source: str) -> None:
    condition = compile_condition(f"({source}) == true || ({source}) != 3")
    assert condition.verdict({}) in Verdict

    codes = [*code_of(condition.is_true), *code_of(condition.is_false)]

    names = {name for code in codes for name in (*code.co_names, *code.co_varnames)}
    ours = {"condition", "event", "data", "budget", "ERROR", "get", "call", "search", "__class__"}
    assert {name for name in names if not (name[0] in "kltv" and name[1:].isdigit())} <= ours
    assert condition.is_true.__globals__["__builtins__"] == {}  # type: ignore[attr-defined]


def code_of(function: Any) -> Iterator[types.CodeType]:
    pending = [function.__code__]
    while pending:
        code = pending.pop()
        pending += [each for each in code.co_consts if isinstance(each, types.CodeType)]
        yield code
