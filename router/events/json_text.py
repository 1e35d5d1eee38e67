"""The one reader of JSON text, for ingress and worker alike: what ingress accepts, a worker can read.

msgspec rejects some texts that the grammar of JSON permits. They are read in a second way, which
begins only after the first one failed, so that ordinary texts cost nothing more:

| text | read as |
|---|---|
| a byte order mark in front (RFC 8259, section 8.1) | the text after it |
| an escaped surrogate without its other half (RFC 8259, section 8.2), as a text that was cut inside an emoji has it | U+FFFD, the replacement character |
| a number that no double can represent (RFC 8259, section 6) | infinity |
"""

import re
from typing import Any, Final

import msgspec

BOM: Final = b"\xef\xbb\xbf"
"""The byte order mark in UTF-8."""
UNDECODABLE: Final = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
"""The errors that decoding a text raises if it is not JSON."""

check_json = msgspec.json.Decoder(msgspec.Raw).decode
"""Check the syntax of a JSON text without decoding it; raises one of ``UNDECODABLE``."""
_decode = msgspec.json.Decoder().decode
_decode_any_number = msgspec.json.Decoder(float_hook=float).decode

_ENDS_EARLY: Final = "Input data was truncated"
"""The message of msgspec for a text that ends too early, and for an empty one."""
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_HALF: Final = rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
_PAIR: Final = rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
# No possessive quantifiers: those of Python before 3.11.5 match wrongly (python/cpython#106052).
_HALVES: Final = re.compile(
    # An even number of backslashes is text. Pairs that follow each other are skipped together.
    rb"(?<!\\)(?:\\\\)*(?:(?:" + _PAIR + rb")+|(" + _HALF + rb"))"
)
_REPLACEMENT: Final = b"\\ufffd"
_MAX_REPLACEMENTS: Final = 10_000
"""Lone surrogates that are replaced in one text; a text with more is not mended, because it would
hold the event loop."""
_LONG_INTEGER: Final = re.compile(
    # No string without an end and no digit is tried twice.
    rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\Z)|(?<![0-9.eE])(?<![eE][+-])-?[0-9]{4301,}(?![0-9.eE])',
    re.DOTALL,
)
"""Strings, and integers of more digits than msgspec and Python convert."""
_HAS_LONG_INTEGER: Final = re.compile(rb"(?<![0-9])[0-9]{4301}")
_INFINITE: Final = {True: b"-1e999", False: b"1e999"}


def decode_json(text: bytes) -> Any:
    """Return the value of a JSON text; the module says how special texts are read.

    Raises one of ``UNDECODABLE``.
    """
    try:
        return _decode(text)
    except msgspec.DecodeError:
        changed = mended(text)
        if _HAS_LONG_INTEGER.search(changed):
            changed = _LONG_INTEGER.sub(_in_range, changed)
        return _decode_any_number(changed)


def reason_of(error: Exception) -> str:
    """Return what is wrong with a text, of one of ``UNDECODABLE``."""
    if isinstance(error, RecursionError):
        return "JSON is nested too deeply"
    if str(error) == _ENDS_EARLY:
        return "JSON ends too early: the text is empty, or a part of it is missing"
    return str(error)


def mended(text: bytes) -> bytes:
    """Return a JSON text without its byte order mark, with U+FFFD for each lone surrogate.

    All other bytes stay, so that a text that is not JSON does not become one.
    """
    text = text.removeprefix(BOM)
    if b"\\u" not in text or _SURROGATE.search(text) is None:
        return text
    pieces: list[bytes] = []
    end = 0
    for found in _HALVES.finditer(text):
        if found[1] is None:  # pairs
            continue
        pieces += (text[end : found.start(1)], _REPLACEMENT)
        end = found.end()
        if len(pieces) > 2 * _MAX_REPLACEMENTS:
            return text
    return b"".join((*pieces, text[end:]))


def _in_range(found: re.Match[bytes]) -> bytes:
    text = found[0]
    return text if text.startswith(b'"') else _INFINITE[text.startswith(b"-")]
