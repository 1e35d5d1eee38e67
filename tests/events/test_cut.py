"""An array is cut into elements although some are malformed."""

import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.events.cut import cut_array

texts = st.text(alphabet=st.sampled_from('[]{}:,"\\ aé'), max_size=6)
values = st.recursive(
    st.none() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=20,
)
MIB = 1 << 20


@given(st.lists(values, min_size=1, max_size=6), st.sampled_from([0, 2]))
def test_a_well_formed_array_is_cut_as_a_decoder_cuts_it(array: list[Any], indent: int) -> None:
    text = msgspec.json.format(msgspec.json.encode(array), indent=indent)

    elements = cut_array(text, most=10)

    assert elements is not None
    assert [msgspec.json.decode(element) for element in elements] == array


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        (b' [1, True ,{"a":}]\n', [b"1", b"True", b'{"a":}']),
        (b'[{"a":"\\ud83d, ]"},2]', [b'{"a":"\\ud83d, ]"}', b"2"]),
        (b'[{"a":"\xff,"},2]', [b'{"a":"\xff,"}', b"2"]),
        (b"[1," + b"[" * 5000 + b"]" * 5000 + b",2]", [b"1", b"[" * 5000 + b"]" * 5000, b"2"]),
        (b"[1,]", [b"1"]),
        (b"[{],2]", [b"{]", b"2"]),
        (b"[{]},2]", None),
        (b"", None),
        (b"[", None),
        (b"[]", None),
        (b"[,]", None),
        (b"{}", None),
        (b"[1]2", None),
        (b"[1}", None),
        (b"[1,{]", None),
        (b'[1,"a]', None),
        (b"[[]]]", None),
    ],
    ids=range(17),
)
def test_elements_end_where_their_brackets_do(text: bytes, elements: list[bytes] | None) -> None:
    """Case I1. A wrong cut (``[{],2]``) makes elements that are malformed, never an event."""
    assert cut_array(text, most=10) == elements


@pytest.mark.parametrize("count", [3, 4, 1000])
def test_the_search_ends_when_there_are_too_many(count: int) -> None:
    elements = cut_array(b"[" + b"1," * count + b"1]", most=2)

    assert elements == [b"1"] * 3


@pytest.mark.parametrize(
    "text",
    [
        b"[" * (4 * MIB),
        b"[[" + b"[]," * MIB + b"1]]",
        b"[[" + b'"a",' * MIB + b"1]]",
        b'["' + b'\\"' * (2 * MIB),
        b"[[" + b'"a"' * MIB + b'"',
        b"[" + b"1," * (2 * MIB) + b"1]",
    ],
    ids=range(6),
)
def test_a_hostile_text_takes_linear_time(text: bytes) -> None:
    began = time.process_time()

    cut_array(text, most=1000)

    assert time.process_time() - began < 3  # a quadratic search would take hours
