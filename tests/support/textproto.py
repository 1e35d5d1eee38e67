"""Parses protocol buffers in text format to dicts of lists, as far as cel-spec needs.

Source: Text Format Language Specification (protobuf.dev/reference/protobuf/textformat-spec).
"""

import re
from collections.abc import Iterator
from typing import Any

Message = dict[str, list[Any]]
"""Values by the name of the field. Strings are bytes; numbers and words are str."""

_TOKEN = re.compile(
    rb"""(?P<space>\s+|\#[^\n]*)
  | (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
  | (?P<type>\[[A-Za-z][A-Za-z0-9_.\-/]*\])
  | (?P<word>[-+.A-Za-z0-9_]+)
  | (?P<mark>[{}<>:;,\[\]])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(
    rb"\\(?:([abfnrtv\\?'\"])|[xX]([0-9a-fA-F]{1,2})|([0-7]{1,3})"
    rb"|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))"
)
_SIMPLE = {
    b"a": b"\a",
    b"b": b"\b",
    b"f": b"\f",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"v": b"\v",
}


def read(content: bytes) -> Message:
    """Return the whole file as one message."""
    tokens = list(_tokens(content))
    message, at = _message(tokens, 0)
    assert at == len(tokens), f"text left over: {tokens[at:]}"
    return message


def _tokens(content: bytes) -> Iterator[tuple[str, bytes]]:
    at = 0
    while at < len(content):
        match = _TOKEN.match(content, at)
        assert match, f"unreadable: {content[at : at + 40]!r}"
        if match.lastgroup != "space":
            yield str(match.lastgroup), match[0]
        at = match.end()


def _message(tokens: list[tuple[str, bytes]], at: int) -> tuple[Message, int]:
    message: Message = {}
    while at < len(tokens) and tokens[at][1] != b"}":
        name = tokens[at][1].decode()
        at += 1
        if tokens[at][1] == b":":
            at += 1
        value, at = _value(tokens, at)
        message.setdefault(name, []).append(value)
        if at < len(tokens) and tokens[at][1] in {b",", b";"}:
            at += 1
    return message, at


def _value(tokens: list[tuple[str, bytes]], at: int) -> tuple[Any, int]:
    kind, text = tokens[at]
    if text == b"{":
        message, at = _message(tokens, at + 1)
        return message, at + 1
    if kind == "word":
        return text.decode(), at + 1
    assert kind == "string", f"no value: {text!r}"
    parts = []
    while at < len(tokens) and tokens[at][0] == "string":
        parts.append(_unquoted(tokens[at][1]))
        at += 1
    return b"".join(parts), at


def _unquoted(text: bytes) -> bytes:
    def replace(match: re.Match[bytes]) -> bytes:
        simple, hexadecimal, octal, short, long = match.groups()
        if simple:
            return _SIMPLE.get(simple, simple)
        if short or long:
            return chr(int(short or long, 16)).encode()
        return bytes([int(octal, 8) if octal else int(hexadecimal, 16)])

    return _ESCAPE.sub(replace, text[1:-1])
