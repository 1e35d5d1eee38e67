"""Limits on the depth and members of JSON, compared with a traversal of its values."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.events.limits import MAX_MEMBERS, exceeded_limit

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
        (b"[" + b"[]," * 100_000 + b"[]]", ""),
        (b'["' + b"[" * 1000 + b'"]', ""),
        (b"{" + b'"a":1,' * (MAX_MEMBERS - 1) + b'"a":1}', ""),
        (b"{" + b'"a":1,' * MAX_MEMBERS + b'"a":1}', "more than 100000 members"),
        (b'["' + b":" * (MAX_MEMBERS + 1) + b'"]', ""),
    ],
    ids=range(7),
)
def test_limits_are_exact(text: bytes, expected: str) -> None:
    message = exceeded_limit(text, max_depth=64)

    assert expected in message
    assert bool(message) == bool(expected)
