"""Limits on the depth and members of JSON, compared with a traversal of its values."""

from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from router.events.limits import (
    MAX_EXTREME_NUMBERS,
    MAX_VALUES,
    exceeded_limit,
    exceeds_values,
    number_out_of_range,
)

texts = st.text(alphabet=st.sampled_from('[]{}:,"\\ aé'), max_size=6)
values = st.recursive(
    st.none() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=20,
)


def depth(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


@given(values, st.integers(1, 5))
def test_the_depth_agrees_with_a_traversal(value: Any, max_depth: int) -> None:
    text = msgspec.json.encode(value)

    assert bool(exceeded_limit(text, max_depth=max_depth)) == (depth(value) > max_depth)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"[" * 64 + b"]" * 64, ""),
        (b"[" * 65 + b"]" * 65, "nested too deeply, at most 64"),
        (b"[" + b"[]," * (MAX_VALUES - 1) + b"[]]", ""),
        (b"[" + b"1," * MAX_VALUES + b"1]", "more than 100000 values"),
        (b'["' + b"[" * 1000 + b'"]', ""),
        (b"{" + b'"a":1,' * (MAX_VALUES - 1) + b'"a":1}', ""),
        (b"{" + b'"a":1,' * MAX_VALUES + b'"a":1}', "more than 100000 members"),
        (b'["' + b"," * (2 * MAX_VALUES) + b'"]', ""),
        (b'["' + b'\\"' * (3 * MAX_VALUES) + b'"]', ""),
        (b"[" + b'"a",' * MAX_VALUES + b'"a"]', "more than 100000 values"),
        (b"[" + b'"\\\\",' * MAX_VALUES + b"1]", "more than 100000 values"),
        (b"[" + b"1e300," * (MAX_EXTREME_NUMBERS - 1) + b"1E+300]" + b" " * 8192, ""),
        (b"[" + b"1e-300," * MAX_EXTREME_NUMBERS + b"1e300]" + b" " * 8192, "exponent of three"),
        (b'["' + b"1e300," * 2000 + b'"]', ""),
        (b'["' + b":" * (MAX_VALUES + 1) + b'"]', ""),
    ],
    ids=range(15),
)
def test_limits_are_exact(text: bytes, expected: str) -> None:
    message = exceeded_limit(text, max_depth=64)

    assert expected in message
    assert bool(message) == bool(expected)


def count(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return len(value) + sum(map(count, value)) if isinstance(value, list) else 0


@example("[", 0, 0)
@given(values, st.integers(0, 30), st.sampled_from([0, 2]))
def test_the_number_of_values_agrees_with_a_traversal(value: Any, limit: int, indent: int) -> None:
    text = msgspec.json.format(msgspec.json.encode(value), indent=indent)

    assert exceeds_values(text, limit) == (count(value) > limit)


@given(
    st.from_regex(
        r"-?(0|[1-9][0-9]{0,3}|[1-9][0-9]{198,320})(\.[0-9]{1,320})?([eE][+-]?[0-9]{1,4})?",
        fullmatch=True,
    )
)
def test_numbers_out_of_range_are_those_that_msgspec_rejects(number: str) -> None:
    text = f'["1e999", {{"1e999": {number}}}]'.encode()
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError:
        expected = "Number out of range"
    else:
        expected = ""

    assert number_out_of_range(text) == expected
