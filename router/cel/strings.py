"""Functions on strings. Each returns ERROR for arguments of other types.

An index counts characters (code points) from 0. Results are limited to ``limits.RESULT_SIZE``. Source: CEL language definition, and the strings
extension (github.com/google/cel-go, ext/README.md, "Strings").
"""

from typing import Any, Final

from router.cel import limits
from router.cel.values import ERROR, SIZED

_UPPER: Final = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}
_LOWER: Final = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_SPACES: Final = "".join(
    map(chr, (*range(9, 14), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029))
) + "".join(map(chr, (0x202F, 0x205F, 0x3000)))
_SEARCHED: Final = 2048
"""Characters of a text that any pattern may search: one has at most about 10,000 instructions."""


def size(value: Any) -> Any:
    """Count characters, bytes, elements or keys."""
    return len(value) if value.__class__ in SIZED else ERROR


def starts_with(text: Any, part: Any) -> Any:
    """``startsWith``."""
    return text.startswith(part) if _are_strings(text, part) else ERROR


def ends_with(text: Any, part: Any) -> Any:
    """``endsWith``."""
    return text.endswith(part) if _are_strings(text, part) else ERROR


def contains(text: Any, part: Any) -> Any:
    """``contains``."""
    return part in text if _are_strings(text, part) else ERROR


def matches(text: Any, pattern: Any) -> Any:
    """Search for a compiled RE2 ``pattern``, in time linear in the text."""
    if text.__class__ is not str or (len(text) > _SEARCHED and _is_slow(text, pattern)):
        return ERROR
    try:
        return pattern.search(text) is not None
    except UnicodeEncodeError:  # a lone surrogate, which UTF-8 cannot encode
        return ERROR


def _is_slow(text: str, pattern: Any) -> bool:
    """Tell whether a search may take longer than a worker may stand still."""
    instructions = pattern.programsize
    is_small = instructions <= limits.REGEX_SMALL
    return not is_small and len(text) * instructions > limits.REGEX_STEPS


def lower_ascii(text: Any) -> Any:
    """``lowerAscii``."""
    return text.translate(_LOWER) if _is_short(text) else ERROR


def upper_ascii(text: Any) -> Any:
    """``upperAscii``."""
    return text.translate(_UPPER) if _is_short(text) else ERROR


def trim(text: Any) -> Any:
    """Remove white space (Unicode's White_Space) at both ends."""
    return text.strip(_SPACES) if text.__class__ is str else ERROR


def reverse(text: Any) -> Any:
    """Reverse the code points."""
    return text[::-1] if _is_short(text) else ERROR


def char_at(text: Any, index: Any) -> Any:
    """Return the character at ``index``, ``""`` at the end of the string."""
    return text[index : index + 1] if _is_index(text, index) else ERROR


def substring(text: Any, start: Any, *end: Any) -> Any:
    """Return the characters from ``start`` to the end, or to ``end`` (exclusive)."""
    if not end:
        return text[start:] if _is_index(text, start) else ERROR
    inside = _is_index(text, start) and _is_index(text, end[0]) and start <= end[0]
    return text[start : end[0]] if inside else ERROR


def index_of(text: Any, part: Any, start: Any = 0) -> Any:
    """Return the first index of ``part`` that is at least ``start``, or -1."""
    usable = _are_strings(text, part) and _is_index(text, start)
    return text.find(part, start) if usable else ERROR


def last_index_of(text: Any, part: Any, *start: Any) -> Any:
    """Return the last index of ``part`` that is at most ``start``, or -1."""
    if not _are_strings(text, part):
        return ERROR
    if not start:
        return text.rfind(part)
    inside = _is_index(text, start[0])
    return text.rfind(part, 0, start[0] + len(part)) if inside else ERROR


def split(text: Any, separator: Any, limit: Any = -1) -> Any:
    """Split into at most ``limit`` pieces, or into characters if the separator is empty.

    The last piece contains the rest. A negative limit is none.
    """
    if not _are_strings(text, separator) or limit.__class__ is not int:
        return ERROR
    if limit == 0:
        return []
    pieces = text.count(separator) + 1 if separator else max(1, len(text))
    if 0 < limit < pieces:
        pieces = limit
    if pieces > limits.RESULT_SIZE:
        return ERROR
    if separator:
        return text.split(separator, pieces - 1)
    return [*text[: pieces - 1], text[pieces - 1 :]]


def join(parts: Any, separator: Any = "") -> Any:
    """Join a list of strings."""
    if parts.__class__ is not list or separator.__class__ is not str:
        return ERROR
    length = len(separator) * max(0, len(parts) - 1)
    for part in parts:
        if part.__class__ is not str or length > limits.RESULT_SIZE:
            return ERROR
        length += len(part)
    return separator.join(parts) if length <= limits.RESULT_SIZE else ERROR


def replace(text: Any, old: Any, new: Any, limit: Any = -1) -> Any:
    """Replace each ``old``, or the first ``limit`` of them.

    An empty ``old`` matches before each character and at the end. A negative limit is none.
    """
    if not (_are_strings(text, old) and new.__class__ is str and limit.__class__ is int):
        return ERROR
    times = text.count(old)
    if 0 <= limit < times:
        times = limit
    if len(text) + times * (len(new) - len(old)) > limits.RESULT_SIZE:
        return ERROR
    return text.replace(old, new, times)


def _are_strings(text: Any, part: Any) -> bool:
    return text.__class__ is str and part.__class__ is str


def _is_short(text: Any) -> bool:
    return text.__class__ is str and len(text) <= limits.RESULT_SIZE


def _is_index(text: Any, index: Any) -> bool:
    return text.__class__ is str and index.__class__ is int and 0 <= index <= len(text)
