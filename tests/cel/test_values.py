"""CEL values: equality, keys of maps, types."""

from typing import Any

import pytest

from router.cel.values import (
    ERROR,
    BoolKey,
    DurationValue,
    Map,
    Optional,
    TimestampValue,
    TypeValue,
    Uint,
    as_key,
    deep_equal,
    describe_type,
    keys_of,
    lookup_key,
    make_map,
    type_of,
)


@pytest.mark.parametrize(
    ("one", "other", "are_equal"),
    [
        (1, 1.0, True),
        (1, Uint(1), True),
        (0.0, -0.0, True),
        (1, True, False),
        (0.0, False, False),
        (Uint(3), True, False),
        (True, True, True),
        (None, False, False),
        ("1", 1, False),
        ("a", b"a", False),
        (2**53 + 1, float(2**53), False),
        (float("nan"), float("nan"), False),
        ([1, True], [1.0, True], True),
        ([1, True], [True, 1], False),
        ([[1]], [[True]], False),
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": 1}, {"b": 1}, False),
        ([], {}, False),
        (DurationValue(0), TimestampValue(0), False),
        (TypeValue("int"), TypeValue("int"), True),
        (Optional(1), Optional(1.0), True),
        (Optional(1), Optional(True), False),
        (Optional(ERROR), Optional(ERROR), True),
        (Optional(ERROR), Optional(None), False),
        (Optional(1), 1, False),
    ],
)
def test_equality_in_both_orders(one: Any, other: Any, are_equal: object) -> None:
    assert deep_equal(one, other) is are_equal
    assert deep_equal(other, one) is are_equal


def test_an_error_equals_nothing() -> None:
    assert ERROR != ERROR  # noqa: PLR0124


def test_large_values_that_differ_late_are_an_error() -> None:
    assert deep_equal([1] * 10_001, [1] * 10_001) is ERROR
    assert deep_equal([1] * 10_000, [1] * 10_000) is True
    assert deep_equal([1] * 10_001, [1]) is False


@pytest.mark.parametrize(
    ("value", "key", "searched"),
    [
        ("a", "a", "a"),
        (1, 1, 1),
        (Uint(2), 2, 2),
        (1.0, ERROR, 1.0),
        (True, BoolKey(value=True), BoolKey(value=True)),
        (None, ERROR, ERROR),
        ([], ERROR, ERROR),
    ],
)
def test_keys(value: Any, key: Any, searched: Any) -> None:
    for found, expected in ((as_key(value), key), (lookup_key(value), searched)):
        assert found is ERROR if expected is ERROR else found == expected


def test_a_bool_and_a_number_are_different_keys() -> None:
    made = make_map([(True, "bool"), (1, "number")])

    assert made.__class__ is Map
    assert [made[as_key(key)] for key in (True, 1)] == ["bool", "number"]
    assert list(keys_of(made)) == [True, 1]
    assert [key.__class__ for key in keys_of(made)] == [bool, int]


@pytest.mark.parametrize(
    "entries", [[(1, "a"), (Uint(1), "b")], [("a", ERROR)], [(None, 1)], [(1.0, 1)]]
)
def test_a_map_with_a_wrong_entry_is_an_error(entries: list[tuple[Any, Any]]) -> None:
    assert make_map(entries) is ERROR


@pytest.mark.parametrize(
    ("value", "name", "description"),
    [
        (True, "bool", "bool"),
        (1, "int", "number"),
        (1.0, "double", "number"),
        (Uint(2), "uint", "unsigned number"),
        ("", "string", "text"),
        (None, "null_type", "null"),
        ({}, "map", "map"),
        (Map(), "map", "map"),
        (TypeValue("int"), "type", "type"),
    ],
)
def test_types(value: Any, name: str, description: str) -> None:
    assert type_of(value) == TypeValue(name)
    assert describe_type(value) == description


def test_an_error_has_no_type() -> None:
    assert type_of(ERROR) is ERROR
    assert describe_type(ERROR) == "nothing"
