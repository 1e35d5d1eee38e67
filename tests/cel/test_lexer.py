"""Tokens: kinds, values and positions."""

from typing import Any

import pytest

from router.cel import ConditionError
from router.cel.lexer import tokens
from router.cel.values import Uint


@pytest.mark.parametrize(
    ("source", "kind", "value"),
    [
        ("5", "int", 5),
        ("0x1F", "int", 31),
        ("5u", "int", Uint(5)),
        ("9223372036854775808", "int", 2**63),
        ("2.5", "float", 2.5),
        ("1.0", "float", 1.0),
        (".5e1", "float", 5.0),
        ("'a'", "string", "a"),
        ('"""a"b"""', "string", 'a"b'),
        (r"r'\n'", "string", "\\n"),
        (r"'\n\u00e9\101'", "string", "\né\x41"),
        (r"b'\xff'", "string", b"\xff"),
        ("`a-b`", "quoted", "a-b"),
        ("data", "name", None),
        ("in", "name", None),
        ("&&", "operator", None),
        ("<=", "operator", None),
    ],
)
def test_one_token(source: str, kind: str, value: Any) -> None:
    token, end = tokens(source)

    assert (token.kind, token.text, token.offset) == (kind, source, 0)
    assert token.value == value
    assert token.value.__class__ is value.__class__
    assert (end.kind, end.offset, end.length) == ("end", len(source), 1)


def test_spaces_and_comments_separate_tokens() -> None:
    found = tokens("data // all of it\n .a\t>=3")

    assert [(token.text, token.offset) for token in found] == [
        ("data", 0),
        (".", 19),
        ("a", 20),
        (">=", 22),
        ("3", 24),
        ("", 25),
    ]


@pytest.mark.parametrize(
    ("source", "message", "offset", "hint"),
    [
        ("a = b", "unexpected character '='", 2, "write == to compare"),
        ("a & b", "unexpected character '&'", 2, "write && for and"),
        ("a | b", "unexpected character '|'", 2, "write || for or"),
        ('"abc', "unexpected character '\"'", 0, "the text has no end"),
        ("a.`b;c`", "unexpected character '`'", 2, "a field's name in back quotes has"),
        (r"'\q'", r"there is no escape \q", 1, "write \\\\ for a backslash"),
        (r"b'\u00e9'", r"there is no escape \u in bytes", 2, ""),
        (r"'\ud800'", "there is no such character", 1, ""),
        ("18446744073709551616u", "the integer does not fit 64 bits", 0, ""),
        ("1e999", "the number does not fit a double", 0, ""),
    ],
)
def test_an_error_has_a_position_and_a_hint(
    source: str, message: str, offset: int, hint: str
) -> None:
    with pytest.raises(ConditionError) as caught:
        tokens(source)

    assert caught.value.message == message
    assert caught.value.offset == offset
    assert hint in caught.value.hint
