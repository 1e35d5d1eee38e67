"""Splits the text of a condition into tokens.

Source: CEL language definition, "Syntax" (github.com/google/cel-spec, doc/langdef.md).
"""

import math
import re
from typing import Any, Final

import msgspec

from router.cel import limits
from router.cel.values import Uint
from router.errors import ConditionError

KEYWORDS: Final = frozenset({"true", "false", "null", "in"})
"""Words of the grammar."""
RESERVED: Final = frozenset(
    [
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
        "var",
        "void",
        "while",
    ]
)
"""Words that CEL reserves, because its host languages use them as keywords."""

_TOKEN: Final = re.compile(
    r"""
    (?P<space>[ \t\r\n\f]+|//[^\n]*)
  | (?P<float>\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)
  | (?P<int>(?:0[xX][0-9a-fA-F]+|\d+)[uU]?)
  | (?P<string>
      (?:[rR][bB]?|[bB][rR])(?:\"\"\"[\s\S]*?\"\"\"|'''[\s\S]*?'''|"[^"\r\n]*"|'[^'\r\n]*')
    | [bB]?(?:
        \"\"\"(?:[^\\]|\\[\s\S])*?\"\"\"|'''(?:[^\\]|\\[\s\S])*?'''
      | "(?:[^"\\\r\n]|\\.)*"|'(?:[^'\\\r\n]|\\.)*'))
  | (?P<quoted>`[A-Za-z0-9_./\- ]+`)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<operator>&&|\|\||==|!=|<=|>=|[-+*/%<>!?:.,()\[\]{}])
    """,
    re.VERBOSE | re.ASCII,
)
_ESCAPE: Final = re.compile(
    r"\\(?:([abfnrtv\\?\"'`])|[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})"
    r"|([0-3][0-7]{2})|([\s\S]|$))"
)
_SIMPLE: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class Token(msgspec.Struct, frozen=True):
    """A token and its position."""

    kind: str
    """``int``, ``float``, ``string``, ``name``, ``quoted``, ``operator`` or ``end``."""
    text: str
    offset: int
    """In characters of the source."""
    value: Any = None
    """The value of a number, a string or a quoted name."""

    @property
    def length(self) -> int:
        """Characters that an error marks: at least one, also at the end of the text."""
        return max(1, len(self.text))


def tokens(source: str) -> list[Token]:
    """Return the tokens, the last of kind ``end``. Raise ConditionError."""
    if len(source) > limits.LENGTH:
        raise ConditionError(
            f"a condition has at most {limits.LENGTH} characters, this one has {len(source)}",
            offset=limits.LENGTH,
        )
    for offset, character in enumerate(source) if not source.isascii() else ():
        if "\ud800" <= character <= "\udfff":
            raise ConditionError("a lone surrogate is no character", offset=offset)
    found = []
    offset = 0
    while offset < len(source):
        match = _TOKEN.match(source, offset)
        if match is None:
            raise _unreadable(source, offset)
        kind = match.lastgroup or ""
        if kind != "space":
            found.append(_token(kind, match[0], offset))
        offset = match.end()
    return [*found, Token("end", "", len(source))]


def comments(source: str) -> list[tuple[int, int]]:
    """Return start and end of each comment, also in a text that is no valid condition."""
    found = []
    offset = 0
    while offset < len(source):
        match = _TOKEN.match(source, offset)
        if match is not None and match[0].startswith("//"):
            found.append(match.span())
        offset = match.end() if match else offset + 1
    return found


def _token(kind: str, text: str, offset: int) -> Token:
    match kind:
        case "int":
            return Token(kind, text, offset, _integer(text, offset))
        case "float":
            value = float(text)
            if math.isinf(value):
                raise ConditionError(
                    "the number does not fit a double", offset=offset, length=len(text)
                )
            return Token(kind, text, offset, value)
        case "string":
            return Token(kind, text, offset, _unquoted(text, offset))
        case "quoted":
            return Token(kind, text, offset, text[1:-1])
        case _:
            return Token(kind, text, offset)


def _integer(text: str, offset: int) -> int:
    digits = text.rstrip("uU")
    value = int(digits, 16 if digits[:2].lower() == "0x" else 10)
    is_unsigned = digits != text
    # The smallest integer is one too large here, because its sign is a token of its own.
    if value > (limits.UINT_MAX if is_unsigned else limits.INT_MAX + 1):
        raise ConditionError("the integer does not fit 64 bits", offset=offset, length=len(text))
    return Uint(value) if is_unsigned else value


def _unquoted(text: str, offset: int) -> str | bytes:
    start = min(text.index(quote) for quote in "\"'" if quote in text)
    prefix = text[:start].lower()
    width = 3 if text[start : start + 3] in {'"""', "'''"} and len(text) >= start + 6 else 1
    inner = text[start + width : -width]
    is_bytes = "b" in prefix
    if "r" in prefix:
        return inner.encode("utf-8", "surrogatepass") if is_bytes else inner
    parts: list[str | bytes] = []
    end = 0
    for escape in _ESCAPE.finditer(inner):
        parts.append(inner[end : escape.start()])
        parts.append(_escaped(escape, offset + start + width, is_bytes=is_bytes))
        end = escape.end()
    parts.append(inner[end:])
    if is_bytes:
        return b"".join(
            part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass")
            for part in parts
        )
    return "".join(part for part in parts if isinstance(part, str))


def _escaped(match: re.Match[str], offset: int, *, is_bytes: bool) -> str | bytes:
    """Return the character of an escape. In bytes, a number is a byte."""
    simple, hexadecimal, short, long, octal, wrong = match.groups()
    if wrong is not None or (is_bytes and (short or long)):
        raise ConditionError(
            f"there is no escape {match[0][:2]}{' in bytes' * (wrong is None)}",
            offset=offset + match.start(),
            length=2,
            hint="write \\\\ for a backslash, or r'…' for a text without escapes",
        )
    if simple is not None:
        return _SIMPLE.get(simple, simple)
    code = int(octal, 8) if octal else int(hexadecimal or short or long, 16)
    if is_bytes:
        return bytes([code])
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise ConditionError(
            "there is no such character", offset=offset + match.start(), length=len(match[0])
        )
    return chr(code)


_HINTS: Final = {
    "=": "write == to compare",
    "&": "write && for and",
    "|": "write || for or",
    '"': "the text has no end",
    "'": "the text has no end",
    "`": "a field's name in back quotes has letters, digits, spaces and . - _ /",
}


def _unreadable(source: str, offset: int) -> ConditionError:
    character = source[offset]
    return ConditionError(
        f"unexpected character {character!r}",
        offset=offset,
        hint=_HINTS.get(character, ""),
    )
