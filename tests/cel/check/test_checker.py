"""The type check reports what cannot be true, and nothing that is true for some event."""

from typing import Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.expressions import Expressions

from router.cel import (
    Condition,
    ConditionError,
    Constant,
    Verdict,
    compile_condition,
    compile_expression,
)
from router.cel.check import TypeProblem, check, check_condition
from router.cel.check.contradictions import contradictions
from router.cel.check.missing import missing_field_warnings
from router.cel.check.types import (
    ANY,
    Type,
    TypeKind,
    either,
    type_of_struct,
    type_of_value,
)


class Person(msgspec.Struct, kw_only=True):
    name: str
    age: int | None = None


class Data(msgspec.Struct, kw_only=True):
    status: Literal["open", "closed"]
    text: str
    count: int
    ratio: float
    yes: bool
    words: list[str]
    states: list[Literal["on", "off"]]
    people: list[Person]
    person: Person | None = None
    labels: dict[str, str]
    anything: Any = None
    named_in_camel_case: str = msgspec.field(name="namedInCamelCase", default="")


NAMES = {"data": type_of_struct(Data), "event": ANY}


def problems(source: str, **names: Any) -> list[TypeProblem]:
    condition = compile_condition(source, names)
    return check_condition(source, condition.tree, NAMES)


def told(source: str) -> tuple[str, str, str]:
    """Return the only problem: the marked text, the message and the hint."""
    (problem,) = problems(source)
    underlined = source[problem.offset : problem.offset + problem.length]
    return underlined, problem.message, problem.hint


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            'data.statuss == "open"',
            ("statuss", 'data has no field "statuss"', 'did you mean "status"?'),
        ),
        ("data . statuss == 1", ("statuss", 'data has no field "statuss"', "")),
        ("has(data.person.nam)", ("nam", 'data.person has no field "nam"', 'did you mean "name"?')),
        ("data.text.x == 1", ("x", "data.text is text and has no fields", "")),
        ("data.words.x == 1", ("x", "data.words is a list and has no fields", "its elements may")),
        ("data.count[0] == 1", ("data.count[0]", "data.count is a number and has no elements", "")),
        ('data.words["a"] == "x"', ('"a"', "a list is not indexed by text", "")),
    ],
)
def test_a_field_that_is_not_there(source: str, expected: tuple[str, str, str]) -> None:
    underlined, message, hint = told(source)
    assert (underlined, message) == expected[:2]
    assert hint.startswith(expected[2])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("data.count == 'x'", "data.count is a number and 'x' is text, they are never equal"),
        ("'x' != data.yes", "'x' is text and data.yes is a bool, they are never equal"),
        ("data.words == 'x'", "data.words is a list and 'x' is text, they are never equal"),
        ("data.count in [1, 'x']", "data.count is a number and 'x' is text, they are never equal"),
        ("1 in data.words", "1 is a number, data.words contains only text"),
        ("data.status > 3", "data.status is text and 3 is a number, `>` is never true"),
        ("data.words < data.words", "data.words is a list and data.words is a list, `<` is never"),
        ("data.text in 'abc'", "'abc' is text, `in` searches a list or map"),
        ("data.text - 1 == 1", "data.text is text, `-` takes numbers"),
        (
            "data.count + 'x' == 'y'",
            "data.count is a number and 'x' is text, `+` takes two of a kind",
        ),
        ("data.yes + 1 == 2", "data.yes is a bool, `+` takes numbers, texts, lists and times"),
        ("data.count * 1.5 > 1.0", "`*` does not mix a whole number with a decimal number"),
        ("data.count % 2.0 == 1", "2.0 is a decimal number, `%` takes whole numbers"),
        ("-data.text == 'x'", "data.text is text, `-` takes a number"),
        ("data.text", "data.text is text, not true or false"),
        ("!data.count", "data.count is a number, not true or false"),
        ("data.yes || data.words", "data.words is a list, not true or false"),
        ("data.count ? true : false", "data.count is a number, not true or false"),
        ("data.count.startsWith('x')", "data.count is a number, startsWith() takes text"),
        ("size(data.yes) == 1", "data.yes is a bool, size() takes text, a list, a map or bytes"),
        ("data.text.all(c, c == 'x')", "data.text is text, all() iterates a list or map"),
        ("data.words.all(w, w)", "w is text, not true or false"),
        ("data.words.map(w, w > 'a', size(w)) == ['x']", None),
        ("data.words.map(w, w).exists(w, w == 1)", "w is text and 1 is a number, they are never"),
        ("data.labels.exists(k, k == 1)", "k is text and 1 is a number, they are never equal"),
        ("{'a': 1}.b == 1", "{'a': 1} has no field \"b\""),
        ("data.?count == 3", "data.?count is an optional value and 3 is a number, they are never"),
        ("data.?person.nam.orValue('x') == 'x'", 'data.?person has no field "nam"'),
        ("data.?count.orValue(0) == 'x'", "data.?count.orValue(0) is a number and 'x' is text"),
        ("data.count.hasValue()", "data.count is a number, hasValue() takes an optional value"),
        ("data.?count.optMap(c, c == 'x').hasValue()", "c is a number and 'x' is text, they are"),
        (
            "timestamp(data.text) > data.text",
            "timestamp(data.text) is a timestamp and data.text is",
        ),
        ("timestamp(data.text) - 3 == 1", "timestamp(data.text) is a timestamp and 3 is a number"),
        ("data.text.getHours() > 3", "data.text is text, getHours() takes a timestamp or a dura"),
        (
            "duration(data.text) > 3",
            "duration(data.text) is a duration and 3 is a number, `>` is never true",
        ),
        ("data.people.exists(i, p, p.nam == 'x')", 'p has no field "nam"'),
        (
            "data.people.exists(i, p, i == 'x')",
            "i is a number and 'x' is text, they are never equal",
        ),
        ("data.labels.transformMap(k, v, size(v)).exists(k, v, v == 'x')", "v is a number and 'x'"),
        ("data.text.split(',') == 'x'", "data.text.split(',') is a list and 'x' is text, they are"),
        ("type(data.text) == 'string'", "type(data.text) is a type and 'string' is text, they are"),
        ("b'x' == 'x'", "b'x' is bytes and 'x' is text, they are never equal"),
        ("3u + 3 == 6", "`+` does not mix an unsigned number with a whole number"),
    ],
)
def test_what_does_not_fit(source: str, message: str | None) -> None:
    found = problems(source)
    assert len(found) == (message is not None)
    assert all(problem.message.startswith(str(message)) for problem in found)


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("data.count == '3'", "write 3 without quotes"),
        ("data.ratio < '-2.5'", "write -2.5 without quotes"),
        ("data.yes == 'true'", "write true without quotes"),
        ("data.text == 3", 'write "3" for text'),
        ("data.status == 3", "it is one of: closed, open"),
        ("data.words.contains('x')", "write 'x' in data.words"),
        ("data.text in data.text", "write data.text.contains(data.text)"),
        ("data.count * 2.0 > 1.0", "write 2"),
        ("data.count > 'x'", ""),
        ("data.ratio + 1.0 > data.count * 0.5", "write double(data.count)"),
        ("timestamp(data.text) > data.status", "write timestamp(data.status)"),
        ("data.text.getHours() > 3", "write timestamp(data.text)"),
        ("data.?count > 3", "write data.?count.orValue(…)"),
    ],
)
def test_what_would_be_right(source: str, hint: str) -> None:
    assert told(source)[2] == hint


@pytest.mark.parametrize(
    ("source", "underlined", "message"),
    [
        ("data.status == 'opn'", "'opn'", "data.status is never 'opn'"),
        ("'opn' != data.status", "'opn'", "data.status is never 'opn'"),
        ("data.status in ['open', 'opn']", "'opn'", "data.status is never 'opn'"),
        ("'of' in data.states", "'of'", "data.states never contains 'of'"),
        ("data.states.exists(s, s == 'of')", "'of'", "s is never 'of'"),
    ],
)
def test_a_word_that_does_not_exist(source: str, underlined: str, message: str) -> None:
    assert told(source)[:2] == (underlined, message)


@pytest.mark.parametrize(
    "source",
    [
        'data["statuss"] == 1',
        'data["status"] == "new"',
        '"statuss" in data',
        "data.anything.of.any > 3",
        "data.anything == 3 || data.anything == 'x'",
        "data.count == 3.0 && data.ratio == 3",
        "data.ratio * 2.0 > 1.0 && data.ratio * 2 > 1",
        "data.person == null && data.text == null",
        "data.person.age == null",
        "data.labels.whatever == 'x'",
        "data.namedInCamelCase == 'x'",
        "event.extension > 3",
        "data.status.startsWith('o') && data.status == data.text",
        "data.words + ['x'] == ['x']",
        "data.text + 'x' == 'x'",
        "data.people.exists(p, p.name == 'x' && p.age > 3)",
        "(data.yes ? data.count : data.text) == 3",
        "size(data.words.filter(w, w.startsWith('a'))) > 3",
        "data.status in ['open', data.text]",
        "timestamp(data.text) - timestamp(data.status) > duration('4h')",
        "timestamp(event.time) + duration('1h') < timestamp(data.text)",
        "data.?person.age.orValue(0) >= 3 && data.?person.?name.hasValue()",
        "data.?anything.deep.orValue('x') == 'x'",
        'data[?"statuss"].orValue(1) == 1',
        "double(data.count) * data.ratio > 1.5",
        "data.?person.optMap(p, p.name).orValue('') != 'x'",
        "[1, ?data.?count].exists(n, n > 3)",
        "3u < 4 && 3u == data.count",
        "type(data.count) == int",
    ],
)
def test_what_could_be_is_left_alone(source: str) -> None:
    assert problems(source) == []


def test_all_problems_are_told_at_once() -> None:
    found = problems("data.statuss == 1 && data.count == 'x' || has(data.coutn)")
    assert [problem.message.split(" ")[0] for problem in found] == ["data", "data.count", "data"]


# Names


def test_a_name_has_the_type_of_what_it_stands_for() -> None:
    names = {"how_many": compile_expression("data.count")}
    (problem,) = problems("how_many == 'x'", **names)
    assert problem.message == "how_many is a number and 'x' is text, they are never equal"


def test_what_is_wrong_behind_a_name_is_told_where_the_name_is_given() -> None:
    expression = compile_expression("data.coutn")
    assert problems("wrong == 1", wrong=expression) == []
    assert len(check(expression.source, expression.tree, NAMES)) == 1


TABLE = Constant({"AC1": {"tier": "gold", "seats": 3}, "AC2": {"tier": "free", "seats": 5, "x": 1}})


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("customers[data.text].seats > 'x'", "customers[data.text].seats is a number and 'x'"),
        ("customers[data.text].teir == 'gold'", 'customers[data.text] has no field "teir"'),
    ],
)
def test_a_table_has_the_columns_of_its_rows(source: str, message: str) -> None:
    (problem,) = problems(source, customers=TABLE)
    assert problem.message.startswith(message)


@pytest.mark.parametrize(
    "source", ["customers[data.text].tier == 'new'", "customers[data.text].x == 1"]
)
def test_a_table_may_hold_other_texts_tomorrow(source: str) -> None:
    assert problems(source, customers=TABLE) == []


# Types


@pytest.mark.parametrize(
    ("values", "kind", "enum"),
    [
        (["a", "b", "a"], TypeKind.STRING, ("a", "b")),
        ([1, 2.5], TypeKind.NUMBER, ()),
        ([1, "a"], TypeKind.ANY, ()),
        ([], TypeKind.ANY, ()),
        ([None, "a"], TypeKind.STRING, ("a",)),
        ([[1], ["a"]], TypeKind.LIST, ()),
    ],
)
def test_either_of_several_types(values: list[Any], kind: TypeKind, enum: tuple[str, ...]) -> None:
    found = either(map(type_of_value, values))
    assert (found.kind, found.enum) == (kind, enum)


def test_null_is_known_to_be_possible() -> None:
    assert either([type_of_value(None), type_of_value(1)]).nullable
    assert NAMES["data"].fields is not None
    assert NAMES["data"].fields["person"].type.nullable


# Conditions that are true for some event

texts = st.sampled_from(["", "open", "closed", "a", "3"])
numbers = st.integers(-3, 3) | st.sampled_from([0.5, 1.0, -2.5])
events = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["open", "closed"]),
        "text": texts,
        "count": st.integers(-3, 3),
        "ratio": numbers,
        "yes": st.booleans(),
        "words": st.lists(texts, max_size=3),
        "states": st.lists(st.sampled_from(["on", "off"]), max_size=2),
        "labels": st.dictionaries(texts, texts, max_size=2),
    },
    optional={"anything": texts | numbers | st.none() | st.lists(numbers, max_size=2)},
)
operands = st.sampled_from(
    [
        *("data.status", "data.text", "data.count", "data.ratio", "data.yes", "data.words"),
        *("data.states", "data.labels", "data.anything", "data.words[0]", "size(data.text)"),
        *("data.labels.a", "data.count + 1", "data.count * 2", "data.text + 'a'", "-data.count"),
        *("'a'", "'open'", "'on'", "'3'", "1", "3", "0.5", "true", "null", "[1, 2]", "['a']", "[]"),
        *("data.words.filter(w, w != '')", "data.words.map(w, size(w))", "data.states[0]"),
        *("(data.yes ? data.text : data.status)", "(data.yes ? 1 : 'a')", "{'a': 'a'}"),
    ]
)
comparisons = st.builds(
    "({}) {} ({})".format, operands, st.sampled_from(["==", "<", "<=", ">", ">=", "in"]), operands
) | st.builds(
    "({}).{}({})".format,
    operands,
    st.sampled_from(["startsWith", "endsWith", "contains"]),
    operands,
)


@given(data=events, source=comparisons)
def test_what_holds_for_an_event_is_not_refused(data: dict[str, Any], source: str) -> None:
    condition = compile_condition(source)
    if condition.verdict({"data": data}) is Verdict.MATCH and _compares_with_an_event(condition):
        assert problems(source) == []


def _compares_with_an_event(condition: Condition) -> bool:
    return "data" in condition.source


@given(seed=st.integers(0, 1 << 32))
def test_any_condition_can_be_checked(seed: int) -> None:
    source = Expressions(seed).condition()
    try:
        condition = compile_condition(source)
    except ConditionError:
        return
    for names in (NAMES, {}):
        assert isinstance(check_condition(source, condition.tree, names), list)
        assert isinstance(missing_field_warnings(source, condition.tree, names), list)
    assert isinstance(contradictions(source, condition.tree), list)


@given(value=st.recursive(st.none() | st.booleans() | numbers | texts, st.lists, max_leaves=8))
def test_a_value_is_of_the_type_that_is_told_of_it(value: Any) -> None:
    assert isinstance(type_of_value(value), Type)
