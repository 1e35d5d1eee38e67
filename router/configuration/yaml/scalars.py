"""What a YAML scalar means, and which character of the file each character of it is.

Two versions of YAML read the same plain scalar differently: to YAML 1.1 (and PyYAML) ``no`` is
false, ``12:30:00`` is 45000 and ``0777`` is 511; to YAML 1.2 the first two are text and the last
is 777. Here a plain scalar means what both versions agree on, and where they differ it is a trap
that quotes or another spelling must avoid.

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
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_LONGEST_INTEGER: Final = 40
_TRAPS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(r"y|Y|yes|Yes|YES|on|On|ON"), "true to some readers of YAML"),
    (re.compile(r"n|N|no|No|NO|off|Off|OFF"), "false to some readers of YAML"),
    (re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"), "a number to base 60"),
    (re.compile(r"[-+]?0o?[0-7_]+"), "an octal number to some readers of YAML"),
    (re.compile(r"[-+]?0[0-9_]+"), "a number to some readers of YAML"),
    (re.compile(r"[-+]?0x[0-9a-fA-F_]+"), "a hexadecimal number"),
    (re.compile(r"[-+]?0b[01_]+"), "a binary number to some readers of YAML"),
    (
        re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?"),
        "a number to some readers of YAML",
    ),
    (re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"), "infinite or not a number"),
    (re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt \t].*)?"), "a date to some readers of YAML"),
    (re.compile(r"="), "a sign of its own to some readers of YAML"),
)

Plain = str | int | float | bool | None


class Meaning(msgspec.Struct, frozen=True):
    """What a plain scalar means. ``trap`` says what else it could be, ``""`` for nothing."""

    value: Plain
    trap: str = ""


def plain_value(text: str) -> Meaning:
    """What ``text`` without quotes means."""
    # Most values: they begin with a letter and are longer than any word that means something.
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


# Folding, indentation and line continuation change only these, so the n-th other character of the
# value is the n-th other character of the source.
_BLANK: Final = frozenset(" \t\r\n\x85\u2028\u2029")
_ESCAPE: Final = re.compile(
    r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|\r\n|[\s\S])|[\s\S]"
)
_BLANK_ESCAPES: Final = frozenset("tnr \t\r\nNLP") | {"\r\n"}
_HEX_ESCAPES: Final = frozenset("xuU")


def value_offsets(
    raw: str, value: str, style: str | None, offset: int, length: int
) -> tuple[int, int] | None:
    """Where ``value[offset:offset + length]`` stands in its source: start and end in ``raw``.

    ``raw`` is the scalar as it stands in the file, quotes and block header included, ``style``
    its quote or block sign. None where the two do not fit together.
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
        start = in_raw[first - 1][1]  # white space alone
        return start, start + 1
    return in_raw[first][0], in_raw[last][1]


def _visible(raw: str, style: str | None) -> list[tuple[int, int]]:
    """Start and end of each visible character, in order."""
    if style is None:
        return [(at, at + 1) for at, character in enumerate(raw) if character not in _BLANK]
    if style == "'":
        quotes = re.finditer(r"''|[\s\S]", raw[1:-1])
        return [(one.start() + 1, one.end() + 1) for one in quotes if one[0] not in _BLANK]
    if style == '"':
        escapes = _ESCAPE.finditer(raw[1:-1])
        return [(one.start() + 1, one.end() + 1) for one in escapes if not _is_blank(one)]
    body = raw.find("\n") + 1  # a block scalar, below its header
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
