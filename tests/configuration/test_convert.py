"""Conversion of YAML nodes to values, and the problems that it reports."""

import enum
from typing import Any, Literal

import msgspec
import pytest
from support.documents import parse, problems

from router.configuration.convert import INVALID, Converter
from router.configuration.variables import EnvironmentVariables, NoVariables, Substitutions
from router.datatypes import ByteSize, Duration, Rate, Secret

ENVIRON = {"N": "20", "WORD": "c4nary", "URL": "https://c4nary.example", "RATE": "often"}


class Color(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


class Inner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    size: int
    names: tuple[str, ...] = ()


class Outer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    from_: str
    inner: Inner | None = None

    def __post_init__(self) -> None:
        if self.from_ == "nowhere":
            raise ValueError("from: expected a place")
        if self.from_.startswith("https"):
            raise ValueError(f"from: {self.from_} is not known")


def convert(text: str, kind: Any, *, hide_unknown: bool = False) -> tuple[Any, list[str]]:
    """Convert the value of ``key`` and return it with the reported problems."""
    document, root = parse(f"key: {text}\n")
    variables = EnvironmentVariables(Substitutions(ENVIRON))
    converter = Converter(document, variables, hide_unknown=hide_unknown)
    value = converter.convert(root.get("key"), kind, "key")  # type: ignore[union-attr, arg-type]
    return value, problems(document)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("word", str, "word"),
        ("'12'", str, "12"),
        ("12", int, 12),
        ("1.5", float, 1.5),
        ("3", float, 3.0),
        ("true", bool, True),
        ("1m30s", Duration, Duration(90)),
        ("64KiB", ByteSize, ByteSize(65536)),
        ("blue", Color, Color.BLUE),
        ("b", Literal["a", "b"], "b"),
        ("[a, b]", tuple[str, ...], ("a", "b")),
        ("[1]", list[int], [1]),
        ("{a: 1}", dict[str, int], {"a": 1}),
        ("{a: [1, x, {b: true}]}", Any, {"a": [1, "x", {"b": True}]}),
        ("~", str | None, None),
        ("x", str | None, "x"),
        ("x", str | tuple[str, ...], "x"),
        ("[x]", str | tuple[str, ...], ("x",)),
        ("5/s", Rate, Rate(limit=5, per=Duration(1))),
        ("{limit: 5, per: 1s}", Rate, Rate(limit=5, per=Duration(1))),
        ("{from: x}", Outer, Outer("x")),
        ("{from: x, inner: {size: 1, names: [a]}}", Outer, Outer("x", Inner(1, ("a",)))),
        ("secret text", Secret, Secret("secret text")),
        ("a ${N} b", str, "a 20 b"),
        ("${N}", int, 20),
        ("$${N}", str, "${N}"),
    ],
)
def test_a_node_becomes_a_value_of_its_type(text: str, kind: Any, value: object) -> None:
    converted, reported = convert(text, kind)
    assert (converted, type(converted), reported) == (value, type(value), [])


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("12", str, '1:6: key: expected text, found the number 12 (write "12")'),
        ("no", str, '1:6: `no` without quotes is false to some YAML parsers (write "no")'),
        ("true", str, '1:6: key: expected text, found true (write "true")'),
        ("", str, "1:5: key: expected text, found nothing"),
        ("'1'", int, '1:6: key: expected a whole number, found "1" (write it without quotes)'),
        ("1.5", int, "1:6: key: expected a whole number, found the number 1.5"),
        ("[1]", int, "1:6: key: expected a whole number, found a list"),
        ("10", Duration, "1:6: key: expected a duration such as 500ms, 10s or 1h30m, found"),
        ("big", ByteSize, '1:6: key: expected a size such as 64KiB or 1MiB, found "big"'),
        ("blu", Color, 'expected one of red, blue, found "blu" (did you mean "blue"?)'),
        ("x", Literal["a", "b"], '1:6: key: expected one of a, b, found "x"'),
        ("a", tuple[str, ...], '1:6: key: expected a list, found "a" (write [a])'),
        ("{a: 1}", list[int], "1:6: key: expected a list, found a map of keys and values"),
        ("[a]", dict[str, int], "1:6: key: expected a map of keys and values, found a list"),
        ("{a: x}", dict[str, int], '1:10: key: a: expected a whole number, found "x"'),
        ("often", Rate, "1:6: key: 'often' is not a rate, write for example 5/s"),
        ("{form: x}", Outer, 'unknown key "form" in key (did you mean "from"?)'),
        ("{}", Outer, '1:6: key needs "from"'),
        ("{from: nowhere}", Outer, "1:13: from: expected a place"),
        ("5", Secret, "1:6: key: expected text (write it in quotes)"),
        ("[x]", Secret, "1:6: key: expected text, found a list"),
        ("${M}", str, "1:6: ${M} is not set"),
    ],
)
def test_a_wrong_node_is_reported_with_its_position(text: str, kind: Any, expected: str) -> None:
    converted, reported = convert(text, kind)
    assert converted is INVALID
    assert any(expected in each for each in reported), reported


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("${WORD}", int, "key: expected a whole number, found another value in ${WORD}"),
        ("${RATE}", Rate, "key: the value of ${RATE} is not valid"),
        ("{from: '${URL}'}", Outer, "from: the value of ${URL} is not valid"),
    ],
)
def test_the_value_of_a_variable_is_in_no_message(text: str, kind: Any, expected: str) -> None:
    converted, reported = convert(text, kind)
    assert converted is INVALID
    assert any(expected in each for each in reported)
    assert not any(value in each for each in reported for value in ENVIRON.values())


def test_all_problems_of_a_struct_are_reported() -> None:
    _, reported = convert("{from: 1, inner: {size: x, nam: 1}}", Outer)
    assert [each.split(":")[1] for each in reported] == ["13", "30", "33"]


def test_the_value_of_an_unknown_key_is_masked_on_request() -> None:
    document, root = parse("{from: x, passwort: c4nary}\n")
    Converter(document, NoVariables(), hide_unknown=True).convert(root, Outer, "key")
    (diagnostic,) = document.diagnostics()
    assert diagnostic.source == "{from: x, passwort: ******}"


def test_a_node_that_is_reported_already_is_not_reported_again() -> None:
    document, root = parse("key: *alias\n")
    before = problems(document)
    value = Converter(document, NoVariables()).convert(
        root.get("key"),  # type: ignore[union-attr, arg-type]
        str,
        "key",
    )
    assert (value, problems(document)) == (INVALID, before)


def test_the_keys_of_a_map_may_be_those_of_an_enumeration_only() -> None:
    kind = dict[Color, int]
    assert convert("{red: 1, blue: 2}", kind) == ({Color.RED: 1, Color.BLUE: 2}, [])
    value, found = convert("{red: 1, bleu: 2}", kind)
    assert value is INVALID
    assert found == ['1:15: unknown key "bleu" in key (did you mean "blue"?)']
