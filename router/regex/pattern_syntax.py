r"""Parses a part of RE2's syntax to a tree, for a search that returns only whether there is a match.

Captures are therefore groups, and a lazy repetition equals a greedy one. It does not know what depends on
tables of Unicode (``\pL``, letters beyond ASCII regardless of case), on bytes (``\C``, ``\B``), and ``\Q…\E``.

Source: github.com/google/re2/wiki/Syntax, and RE2's parser where that is silent (re2/parse.cc).
"""

import enum
import re
from typing import Final

import msgspec

LAST: Final = 0x10FFFF
"""The last code point."""
_DEEPEST: Final = 50
"""Groups within groups; RE2 permits 1,000."""
_MAX_REPEAT: Final = 1000
Range = tuple[int, int]
"""The first and the last code point."""


class Anchor(enum.Enum):
    """A condition on the two characters around a position."""

    TEXT_START = "\\A"
    TEXT_END = "\\z"
    LINE_START = "(?m)^"
    LINE_END = "(?m)$"
    WORD = "\\b"


class Characters(msgspec.Struct, frozen=True):
    """One character out of a set."""

    ranges: tuple[Range, ...]
    """Sorted, without overlaps."""


class Concatenation(msgspec.Struct, frozen=True):
    """One after the other."""

    parts: tuple["Tree", ...]


class Alternation(msgspec.Struct, frozen=True):
    """Any of them."""

    parts: tuple["Tree", ...]


class Repetition(msgspec.Struct, frozen=True):
    """A part several times."""

    part: "Tree"
    least: int
    most: int | None


Tree = Anchor | Characters | Concatenation | Alternation | Repetition


class NotSupportedError(ValueError):
    """Raised for what RE2 may know and this parser does not."""


_DIGIT: Final = ((0x30, 0x39),)
_WORD: Final = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
_SPACE: Final = ((0x09, 0x0A), (0x0C, 0x0D), (0x20, 0x20))
_NAMED: Final[dict[str, tuple[Range, ...]]] = {
    "alnum": ((0x30, 0x39), (0x41, 0x5A), (0x61, 0x7A)),
    "alpha": ((0x41, 0x5A), (0x61, 0x7A)),
    "ascii": ((0x00, 0x7F),),
    "blank": ((0x09, 0x09), (0x20, 0x20)),
    "cntrl": ((0x00, 0x1F), (0x7F, 0x7F)),
    "digit": _DIGIT,
    "graph": ((0x21, 0x7E),),
    "lower": ((0x61, 0x7A),),
    "print": ((0x20, 0x7E),),
    "punct": ((0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E)),
    "space": ((0x09, 0x0D), (0x20, 0x20)),
    "upper": ((0x41, 0x5A),),
    "word": _WORD,
    "xdigit": ((0x30, 0x39), (0x41, 0x46), (0x61, 0x66)),
}
_CLASSES: Final = {"d": _DIGIT, "w": _WORD, "s": _SPACE}
_CONTROLS: Final = {"a": 7, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}
# The two characters beyond ASCII that Unicode's simple folding makes equal to letters of ASCII.
_FOLDED: Final = {ord("k"): 0x212A, ord("s"): 0x17F}

# RE2 takes other numbers, such as 01, as text.
_COUNT: Final = "(0|[1-9][0-9]{0,8})"
_COUNTED: Final = re.compile(rf"\{{{_COUNT}(,{_COUNT}?)?\}}")
_GROUP: Final = re.compile(r"\(\?(?:P?<([A-Za-z0-9_]+)>|([imsU]*)(?:-([imsU]+))?([:)]))")
_HEX: Final = re.compile(r"x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})")
_NAMED_CLASS: Final = re.compile(r"\[:(\^?)([^\]]*?):\]")


def merged(ranges: list[Range]) -> tuple[Range, ...]:
    """Return the ranges sorted, those that touch as one."""
    found: list[Range] = []
    for low, high in sorted(ranges):
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return tuple(found)


def complement(ranges: tuple[Range, ...]) -> tuple[Range, ...]:
    """Return the characters that are in none of the sorted ranges."""
    found, first = [], 0
    for low, high in ranges:
        if first < low:
            found.append((first, low - 1))
        first = high + 1
    return (*found, (first, LAST)) if first <= LAST else tuple(found)


def _folded(ranges: tuple[Range, ...]) -> tuple[Range, ...]:
    """Return the ranges with the other case of each letter."""
    if any(high > 0x7F and (low != high or low not in _FOLDED.values()) for low, high in ranges):
        raise NotSupportedError("letters beyond ASCII regardless of their case")
    found = list(ranges)
    for small in range(ord("a"), ord("z") + 1):
        equal = {small, small - 32, _FOLDED.get(small, small)}
        if any(low <= code <= high for low, high in ranges for code in equal):
            found += [(code, code) for code in equal]
    return merged(found)


class PatternParser:
    """Parses one pattern.

    Raises:
        NotSupportedError: RE2 may know it.
        ValueError: RE2 does not know it either.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._flags: frozenset[str] = frozenset()
        self._depth = 0

    def parse(self) -> Tree:
        """Return the tree of the whole pattern."""
        tree = self._choice()
        if self._at < len(self._text):
            raise ValueError(f"unexpected ): {self._text}")
        return tree

    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, expected: str) -> bool:
        found = self._text.startswith(expected, self._at)
        self._at += len(expected) if found else 0
        return found

    def _choice(self) -> Tree:
        parts = [self._sequence()]
        while self._take("|"):
            parts.append(self._sequence())
        return parts[0] if len(parts) == 1 else Alternation(tuple(parts))

    def _sequence(self) -> Tree:
        parts: list[Tree] = []
        while self._next() not in {"", "|", ")"}:
            part = self._atom()
            if part is not None:
                parts.append(self._repeated(part))
            elif self._repeats():
                raise NotSupportedError("a repetition after flags")
        return Concatenation(tuple(parts))

    def _repeats(self) -> bool:
        return self._next() in {"*", "+", "?"} or bool(_COUNTED.match(self._text, self._at))

    def _repeated(self, part: Tree) -> Tree:
        if not self._repeats():
            return part
        least, most = self._bounds()
        self._take("?")
        if self._repeats():
            raise ValueError("bad repetition operator")
        return Repetition(part, least, most)

    def _bounds(self) -> tuple[int, int | None]:
        counted = _COUNTED.match(self._text, self._at)
        if counted is None:
            self._at += 1
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[self._text[self._at - 1]]
        self._at = counted.end()
        least = int(counted[1])
        most = least if counted[2] is None else int(counted[3]) if counted[3] else None
        if max(least, most or 0) > _MAX_REPEAT or (most is not None and most < least):
            raise ValueError("invalid repetition size")
        return least, most

    def _atom(self) -> Tree | None:
        """Parse what may be repeated; None for flags."""
        match self._next():
            case "(":
                return self._group()
            case "[":
                return Characters(self._set())
            case "\\":
                return self._escape()
            case "*" | "+" | "?":
                raise ValueError("no argument for repetition operator")
            case character:
                if _COUNTED.match(self._text, self._at):
                    raise ValueError("no argument for repetition operator")
                self._at += 1
                return self._plain(character)

    def _plain(self, character: str) -> Tree:
        match character:
            case ".":
                line_end = () if "s" in self._flags else ((0x0A, 0x0A),)
                return Characters(complement(line_end))
            case "^":
                return Anchor.LINE_START if "m" in self._flags else Anchor.TEXT_START
            case "$":
                return Anchor.LINE_END if "m" in self._flags else Anchor.TEXT_END
            case _:
                return self._one(ord(character))

    def _one(self, code: int) -> Characters:
        return Characters(self._cased(((code, code),)))

    def _cased(self, ranges: tuple[Range, ...]) -> tuple[Range, ...]:
        return _folded(ranges) if "i" in self._flags else ranges

    def _group(self) -> Tree | None:
        before = self._flags
        if self._text.startswith("(?", self._at):
            found = _GROUP.match(self._text, self._at)
            if found is None:
                raise ValueError(f"invalid perl operator: {self._text[self._at :][:3]}")
            self._at = found.end()
            if found[1] is None:
                self._flags = (before | set(found[2])) - set(found[3] or "")
                if found[4] == ")":
                    return None
        else:
            self._at += 1
        self._depth += 1
        if self._depth > _DEEPEST:
            raise NotSupportedError(f"more than {_DEEPEST} groups in one another")
        tree = self._choice()
        if not self._take(")"):
            raise ValueError(f"missing ): {self._text}")
        self._depth -= 1
        self._flags = before
        return tree

    def _escape(self) -> Tree:
        letter = self._text[self._at + 1 : self._at + 2]
        anchor = {"A": Anchor.TEXT_START, "z": Anchor.TEXT_END, "b": Anchor.WORD}.get(letter)
        if anchor is not None:
            self._at += 2
            return anchor
        ranges = self._class()
        return self._one(self._escaped()) if ranges is None else Characters(ranges)

    def _class(self) -> tuple[Range, ...] | None:
        """Parse a class such as that of digits; None if something else follows."""
        if self._next() != "\\":
            return None
        letter = self._text[self._at + 1 : self._at + 2]
        known = _CLASSES.get(letter.lower())
        if known is None:
            return None
        self._at += 2
        ranges = self._cased(known)
        return ranges if letter.islower() else complement(ranges)

    def _escaped(self) -> int:
        """Parse a character after a backslash."""
        self._at += 1
        letter = self._next()
        if letter == "":
            raise ValueError("trailing \\")
        if (found := _HEX.match(self._text, self._at)) is not None:
            code = int(found[1] or found[2], 16)
            if code > LAST:
                raise ValueError(f"invalid escape sequence: \\{found[0]}")
            self._at = found.end()
            return self._scalar(code)
        self._at += 1
        if letter in _CONTROLS:
            return _CONTROLS[letter]
        if letter in "pPQECB0" or (letter in "1234567" and self._next() in set("01234567")):
            raise NotSupportedError(f"\\{letter}")
        if letter.isascii() and (not letter.isalnum()):
            return ord(letter)
        raise ValueError(f"invalid escape sequence: \\{letter}")

    def _scalar(self, code: int) -> int:
        if 0xD800 <= code <= 0xDFFF:
            raise NotSupportedError("a surrogate")
        return code

    def _set(self) -> tuple[Range, ...]:
        start = self._at
        self._at += 1
        is_negated = self._take("^")
        found: list[Range] = []
        while self._next() != "]" or not found:
            if self._next() == "":
                raise ValueError(f"missing ]: {self._text[start:]}")
            found += self._item()
        self._at += 1
        ranges = merged(found)
        return complement(ranges) if is_negated else ranges

    def _item(self) -> tuple[Range, ...]:
        """Parse a member of a set: a class, a range or a character."""
        named = _NAMED_CLASS.match(self._text, self._at)
        if named is not None:
            if named[2] not in _NAMED:
                raise ValueError(f"invalid character class range: {named[0]}")
            self._at = named.end()
            known = self._cased(_NAMED[named[2]])
            return complement(known) if named[1] else known
        ranges = self._class()
        if ranges is not None:
            return ranges
        low = high = self._member()
        if self._next() == "-" and self._text[self._at + 1 : self._at + 2] not in {"]", ""}:
            self._at += 1
            high = self._member()
        if high < low:
            raise ValueError("invalid character class range")
        return self._cased(((low, high),))

    def _member(self) -> int:
        if self._next() == "\\":
            return self._escaped()
        character = self._next()
        self._at += 1
        return ord(character)
