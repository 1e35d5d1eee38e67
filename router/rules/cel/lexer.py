"""Text of a condition -> tokens.

Source: CEL language definition, "Syntax" (github.com/google/cel-spec, doc/langdef.md).
"""

import re
from typing import Final

import msgspec

from router.errors import ConditionError

LENGTH_LIMIT: Final = 4096
"""Characters of a condition."""
INT_MIN: Final = -(2**63)
INT_MAX: Final = 2**63 - 1

KEYWORDS: Final = frozenset({"true", "false", "null", "in"})
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

_TOKEN: Final = re.compile(
    r"""
    (?P<space>[ \t\r\n\f]+|//[^\n]*)
  | (?P<float>\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)
  | (?P<int>0[xX][0-9a-fA-F]+|\d+)
  | (?P<text>[rR]?(?:\"\"\"(?:.|\n)*?(?<!\\)\"\"\"|'''(?:.|\n)*?(?<!\\)'''))
  | (?P<string>[rR]?(?:"(?:[^"\\\r\n]|\\.)*"|'(?:[^'\\\r\n]|\\.)*'))
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<operator>&&|\|\||==|!=|<=|>=|[-+*/%<>!?:.,()\[\]{}])
    """,
    re.VERBOSE,
)
_ESCAPE: Final = re.compile(
    r"\\(?:([abfnrtv\\?\"'`])|[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})"
    r"|([0-3][0-7]{2})|(.|$))",
    re.DOTALL,
)
_SIMPLE: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class Token(msgspec.Struct, frozen=True):
    """``kind`` is int, float, string, name, operator or end."""

    kind: str
    text: str
    offset: int
    value: str | int | float | None = None

    @property
    def length(self) -> int:
        return max(1, len(self.text))


def tokens(source: str) -> list[Token]:
    """The tokens, with one of kind ``end`` at the end. Raises ConditionError."""
    if len(source) > LENGTH_LIMIT:
        raise ConditionError(
            f"a condition has at most {LENGTH_LIMIT} characters, this one has {len(source)}",
            offset=LENGTH_LIMIT,
        )
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


def _token(kind: str, text: str, offset: int) -> Token:
    match kind:
        case "int":
            value = int(text, 0 if text[:2].lower() == "0x" else 10)
            # The sign is an operator of its own, so that the smallest integer is one too large here.
            if value > INT_MAX + 1:
                raise ConditionError("no integer is that large", offset=offset, length=len(text))
            return Token("int", text, offset, value)
        case "float":
            return Token("float", text, offset, float(text))
        case "text" | "string":
            return Token("string", text, offset, _unquoted(text, offset))
        case _:
            return Token(kind, text, offset)


def _unquoted(text: str, offset: int) -> str:
    is_raw = text[0] in "rR"
    quote = 3 if text[is_raw : is_raw + 3] in {'"""', "'''"} else 1
    inner = text[is_raw + quote : -quote]
    if is_raw:
        return inner

    def replace(match: re.Match[str]) -> str:
        simple, *codes, octal, wrong = match.groups()
        if wrong is not None:
            raise ConditionError(
                f"there is no escape \\{wrong}",
                offset=offset + quote + match.start(),
                length=2,
                hint="write \\\\ for a backslash, or r'…' for a text without escapes",
            )
        if simple is not None:
            return _SIMPLE.get(simple, simple)
        code = int(octal, 8) if octal else int(next(filter(None, codes)), 16)
        if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            raise ConditionError(
                "there is no such character",
                offset=offset + quote + match.start(),
                length=len(match[0]),
            )
        return chr(code)

    return _ESCAPE.sub(replace, inner)


_HINTS: Final = {
    "=": "write == to compare",
    "&": "write && for and",
    "|": "write || for or",
    '"': "the text has no end",
    "'": "the text has no end",
}


def _unreadable(source: str, offset: int) -> ConditionError:
    character = source[offset]
    return ConditionError(
        f"{character!r} has no place in a condition",
        offset=offset,
        hint=_HINTS.get(character, ""),
    )
