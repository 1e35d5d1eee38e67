"""The one reader of JSON: what the grammar permits and msgspec rejects."""

import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from router.events.json_text import UNDECODABLE, check_json, decode_json, mended, reason_of

BOM = b"\xef\xbb\xbf"
PIECES = [
    *(r"\ud83d", r"\ude00", r"\uD83D", r"\uDE00", r"\u00e9", r"\ud7ff", r"\ue000"),
    *(r"\\", r"\"", r"\n", "ud83d", "u", "a", "é", "😀"),
]


def replaced(value: Any) -> Any:
    """Return a text with U+FFFD for each lone surrogate, as Python's own reader leaves them."""
    return "".join("\ufffd" if 0xD800 <= ord(each) < 0xE000 else each for each in value)


@example([r"\ud83d", r"\\", r"\ude00"])
@example([r"\\", "ud83d", r"\ude00"])
@given(st.lists(st.sampled_from(PIECES), max_size=12))
def test_a_text_with_any_surrogates_reads_as_pythons_reader_reads_it(pieces: list[str]) -> None:
    """Case I1: lone surrogates are U+FFFD, pairs are kept, and nothing else changes."""
    text = f'"{"".join(pieces)}"'

    assert decode_json(text.encode()) == replaced(json.loads(text))


@given(st.lists(st.sampled_from(PIECES), max_size=12))
def test_mending_keeps_the_length_and_all_that_can_be_decoded(pieces: list[str]) -> None:
    text = f'"{"".join(pieces)}"'.encode()
    again = mended(text)

    assert len(again) == len(text)
    assert mended(again) == again
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError:
        assert again != text
    else:
        assert again == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (BOM + b'{"a":1}', {"a": 1}),
        (BOM + b'"\\ud83d"', "\ufffd"),
        (b'{"\\ud83d":"\\ude00"}', {"\ufffd": "\ufffd"}),
        (b"[1e999,-1e999,1e-999]", [math.inf, -math.inf, 0.0]),
        (b"[" + b"9" * 5000 + b",-" + b"9" * 5000 + b"]", [math.inf, -math.inf]),
        (b"[" + b"9" * 5000 + b".5]", [math.inf]),
        (b'["1e999",1e999,"' + b"9" * 5000 + b'"]', ["1e999", math.inf, "9" * 5000]),
        (b"[" + b"9" * 400 + b"]", [int("9" * 400)]),
        (b'"' + BOM + b'"', "\ufeff"),
    ],
    ids=range(9),
)
def test_texts_that_the_grammar_permits_are_read(text: bytes, value: Any) -> None:
    """Cases I1 and I18."""
    assert decode_json(text) == value


@pytest.mark.parametrize(
    "text",
    [
        b"",
        BOM,
        BOM + BOM + b"1",
        b'"\\ud83"',
        b'"\\',
        b'"\\ud83d',
        b"\\ud83d",
        b'"\xff"',
        b"[1e999",
    ],
)
def test_a_text_that_is_no_json_stays_one(text: bytes) -> None:
    with pytest.raises(UNDECODABLE):
        decode_json(text)


def test_a_text_of_nothing_but_surrogates_is_not_mended() -> None:
    """It would hold the event loop for a quarter of a second."""
    text = b'"' + b"\\ud83d" * 20_000 + b'"'

    assert mended(text) == text


@pytest.mark.parametrize("text", [b"", b" ", b"{", b'{"a":', b"[1,"])
def test_a_text_that_ends_too_early_is_said_to(text: bytes) -> None:
    """Case I1: the parser's "Input data was truncated" was also said of an empty body."""
    with pytest.raises(msgspec.DecodeError) as raised:
        check_json(text)

    assert reason_of(raised.value).startswith("JSON ends too early")
