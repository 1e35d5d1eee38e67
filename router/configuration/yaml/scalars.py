"""Interpret YAML scalars, and map their characters to positions in the file.

YAML 1.1 (and PyYAML) and YAML 1.2 interpret some plain scalars differently: ``no`` is false,
``12:30:00`` is 45000 and ``0777`` is 511 in YAML 1.1; the first two are text and the last is 777 in
YAML 1.2. Here a plain scalar has the meaning that both versions agree on. A scalar on which they
differ is a trap, which must be written in quotes or in another way.

Source: YAML 1.1 type repository (bool, int, float, merge, null, timestamp); YAML 1.2.2, section
10.3.2 "Tag Resolution" (core schema).
"""

import math
import re
from bisect import bisect_left
from typing import Final

import msgspec

_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_LONGEST_WORD: Final = 5
_INTEGER: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)")
# What both versions take for a number has a dot, and a sign in its exponent. PyYAML in addition knows
# no sign before a dot.
_FLOAT: Final = re.compile(r"(\.[0-9]+|[-+]?(0|[1-9][0-9]*)\.[0-9]*)([eE][-+][0-9]+)?")
_LONGEST_INTEGER: Final = 40
_TRAPS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(r"y|Y|yes|Yes|YES|on|On|ON"), "true to some YAML parsers"),
    (re.compile(r"n|N|no|No|NO|off|Off|OFF"), "false to some YAML parsers"),
    (re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"), "a number to base 60"),
    (re.compile(r"[-+]?0o?[0-7_]+"), "an octal number to some YAML parsers"),
    (re.compile(r"[-+]?0[0-9_]+"), "a number to some YAML parsers"),
    (re.compile(r"[-+]?0x[0-9a-fA-F_]+"), "a hexadecimal number"),
    (re.compile(r"[-+]?0b[01_]+"), "a binary number to some YAML parsers"),
    (
        re.compile(r"[-+]?([0-9][0-9_]*(\.[0-9_]*)?|\.[0-9][0-9_]*)([eE][-+]?[0-9]+)?"),
        "a number to some YAML parsers",
    ),
    (re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"), "infinite or not a number"),
    (re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t].*)?"), "a date to some YAML parsers"),
    (re.compile(r"=|<<"), "a special value to some YAML parsers"),
)

_CLEAR: Final = re.compile(
    r"[-+]?(0x[0-9a-fA-F]+|((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?)"
)
_CLEAR_SIZES: Final = (1e-4, 1e15)
"""Numbers of this size are written without an exponent."""

Plain = str | int | float | bool | None


class Meaning(msgspec.Struct, frozen=True):
    """The value of a plain scalar; ``trap`` describes another interpretation, ``""`` for none."""

    value: Plain
    trap: str = ""

    @property
    def number(self) -> str:
        """The number that a trap probably means, as all parsers read it; ``""`` if it is not clear."""
        text = str(self.value).replace("_", "")
        if not self.trap or not _CLEAR.fullmatch(text):
            return ""
        if "x" in text:
            return str(int(text, 16))
        number = float(text)
        smallest, largest = _CLEAR_SIZES
        return f"{number:.15g}" if smallest <= abs(number) < largest else ""


def plain_value(text: str) -> Meaning:
    """Return the meaning of ``text`` without quotes."""
    # A fast path, because most values begin with a letter and are longer than any special word.
    if text[:1].isalpha() and len(text) > _LONGEST_WORD:
        return Meaning(text)
    if text in _WORDS:
        return Meaning(_WORDS[text])
    if _INTEGER.fullmatch(text):
        if len(text) > _LONGEST_INTEGER:
            return Meaning(text, "a number with too many digits")
        return Meaning(int(text))
    if _FLOAT.fullmatch(text):
        number = float(text)
        return Meaning(number) if math.isfinite(number) else Meaning(text, "a number too large")
    traps = (trap for pattern, trap in _TRAPS if pattern.fullmatch(text))
    return Meaning(text, next(traps, ""))


# Folding, indentation and line continuation change only these characters. Therefore the n-th other
# character of the value is the n-th other character of the source.
_BLANK: Final = frozenset(" \t\r\n\x85\u2028\u2029")
_ESCAPE: Final = re.compile(
    r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|\r\n|[\s\S])|[\s\S]"
)
_BLANK_ESCAPES: Final = frozenset("tnr \t\r\nNLP") | {"\r\n"}
_HEX_ESCAPES: Final = frozenset("xuU")


def value_offsets(
    raw: str, value: str, style: str | None, offset: int, length: int
) -> tuple[int, int] | None:
    """Return start and end in ``raw`` of ``value[offset:offset + length]``.

    Args:
        raw: The scalar as written in the file, including quotes and block header.
        value: The text of the scalar.
        style: Its quote or block sign, None for a plain scalar.
        offset: The start of the part in ``value``.
        length: The number of characters of the part.

    Returns:
        The offsets; None if ``raw`` and ``value`` do not correspond.
    """
    in_raw = _visible(raw, style)
    in_value = [index for index, character in enumerate(value) if character not in _BLANK]
    if len(in_raw) != len(in_value) or not in_raw:
        return None
    first = bisect_left(in_value, offset)
    last = max(first, bisect_left(in_value, offset + max(length, 1)) - 1)
    if first == len(in_value):
        end = in_raw[-1][1]
        return end, end + 1
    if in_value[first] != offset and first > 0 and in_value[last] >= offset + length:
        start = in_raw[first - 1][1]  # the part is only white space
        return start, start + 1
    return in_raw[first][0], in_raw[last][1]


def _visible(raw: str, style: str | None) -> list[tuple[int, int]]:
    """Return start and end of each visible character, in order."""
    if style is None:
        return [(at, at + 1) for at, character in enumerate(raw) if character not in _BLANK]
    if style == "'":
        quotes = re.finditer(r"''|[\s\S]", raw[1:-1])
        return [(match.start() + 1, match.end() + 1) for match in quotes if match[0] not in _BLANK]
    if style == '"':
        escapes = _ESCAPE.finditer(raw[1:-1])
        return [(match.start() + 1, match.end() + 1) for match in escapes if not _is_blank(match)]
    body = raw.find("\n") + 1  # a block scalar begins below its header
    return [
        (at, at + 1) for at, character in enumerate(raw[body:], body) if character not in _BLANK
    ]


def _is_blank(escape: re.Match[str]) -> bool:
    sign = escape[1]
    if sign is None:
        return escape[0] in _BLANK
    if sign[0] in _HEX_ESCAPES and len(sign) > 1:
        return chr(int(sign[1:], 16)) in _BLANK
    return sign in _BLANK_ESCAPES
