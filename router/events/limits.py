"""Limits on the depth, the members and the values of a JSON text, checked without decoding it.

Nesting, members, values and extreme numbers cost the decoder far more than their bytes cost the
sender, and the event loop serves no other request meanwhile. Counting brackets, commas and colons,
which runs in C, gives an upper bound of each. Only a text above such a bound is examined further:
without its strings the counts are exact. Each step is linear in the text, well-formed or not.
"""

import math
import re
from typing import Final

MAX_DEPTH: Final = 64
"""Default of the nesting depth of arrays and objects; a setting overrides it."""
MAX_VALUES: Final = 100_000
"""The number of values of one event: the members of all objects and the elements of all arrays."""
MAX_EXTREME_NUMBERS: Final = 1000
"""The number of numbers with an exponent of three digits in one event. Such a number may take the
decoder 9 µs, 300 times as long as others."""
LARGEST_DEPTH: Final = 500
"""The largest depth that the setting permits."""
BYTES_PER_VALUE: Final = 16
"""A request may have one value for so many bytes of the largest body, and always those of one event.
Twilio's events have 30 bytes or more for each value."""

_NO_BRACKETS: Final = bytes(byte for byte in range(256) if byte not in b"[]{}")
_ALIKE: Final = bytes.maketrans(b"{}", b"[]")
_SMALL: Final = 8192
"""Texts up to this size cannot have so many extreme numbers that they matter."""
_WHITESPACE: Final = b" \t\r\n"
_NUMBERS_ALIKE: Final = bytes.maketrans(b"123456789E-", b"000000000e+")
_EXPONENTS: Final = (b"e000", b"e+000")
"""Exponents of three digits, after ``_NUMBERS_ALIKE``."""
_TOO_LONG: Final = b"0" * 4301
"""Digits in a row that neither msgspec nor Python converts to an integer, after ``_NUMBERS_ALIKE``."""
_MAYBE_LARGE: Final = (*_EXPONENTS, b"0" * 200)
"""One of these is in a number that is too large for a double, after ``_NUMBERS_ALIKE``."""
_FLOAT: Final = re.compile(rb"(?<![0-9])[0-9]++(?:\.[0-9]++(?:[eE][+-]?[0-9]++)?|[eE][+-]?[0-9]++)")
"""A number with a fraction or an exponent; possessive, because long integers would be tried again."""


def max_request_values(max_body: int) -> int:
    """Return the number of values that a request may have.

    Args:
        max_body: The permitted size of a body in bytes.
    """
    return max(MAX_VALUES, max_body // BYTES_PER_VALUE)


def exceeded_limit(text: bytes, *, max_depth: int, max_values: int = MAX_VALUES) -> str:
    """Return a message about the limit that an event exceeds; ``""`` if it exceeds none.

    Args:
        text: JSON. The result for a text that is not JSON has no meaning.
        max_depth: The permitted nesting depth of arrays and objects.
        max_values: The permitted number of values, and of members; more for a text that is cut into
            events.
    """
    openings = text.count(b"{") + text.count(b"[")
    is_small = len(text) <= _SMALL
    if openings <= max_depth and (is_small or not _may_exceed(text, max_values)):
        return ""
    bare = _without_strings(text, max_values)
    if bare is not None and bare.count(b":") > max_values:
        return f"more than {max_values} members"
    if bare is None or _values(bare) > max_values:
        return f"more than {max_values} values"
    if not is_small and _extreme_numbers(bare) > MAX_EXTREME_NUMBERS:
        return f"more than {MAX_EXTREME_NUMBERS} numbers with an exponent of three digits"
    brackets = bare.translate(_ALIKE, _NO_BRACKETS)
    for _ in range(max_depth):
        brackets = brackets.replace(b"[]", b"")
    return f"JSON is nested too deeply, at most {max_depth} levels" if brackets else ""


def exceeds_values(text: bytes, limit: int) -> bool:
    """Return whether a JSON text has more than ``limit`` values below the outermost one."""
    if len(text) <= limit or _most_values(text) <= limit:
        return False
    bare = _without_strings(text, limit)
    return bare is None or _values(bare) > limit


def number_out_of_range(text: bytes) -> str:
    """Return a message if a number is too large for a double, or too long; ``""`` if none is.

    Args:
        text: Well-formed JSON.
    """
    if not _may_be_out_of_range(text):
        return ""
    bare = _without_strings(text, len(text)) or b""
    alike = bare.translate(_NUMBERS_ALIKE)
    if _TOO_LONG in alike:
        return "Number out of range"
    if any(each in alike for each in _MAYBE_LARGE) and any(
        math.isinf(float(number)) for number in _FLOAT.findall(bare)
    ):
        return "Number out of range"
    return ""


def _may_exceed(text: bytes, max_values: int) -> bool:
    return (
        (len(text) > max_values and _most_values(text) > max_values)
        or (len(text) > max_values and text.count(b":") > max_values)
        or _extreme_numbers(text) > MAX_EXTREME_NUMBERS
    )


def _most_values(text: bytes) -> int:
    return text.count(b"{") + text.count(b"[") + text.count(b",")


def _values(bare: bytes) -> int:
    """Return the number of values below the outermost one in JSON without strings."""
    compact = bare.translate(None, _WHITESPACE)
    return _most_values(compact) - compact.count(b"[]") - compact.count(b"{}")


def _extreme_numbers(text: bytes) -> int:
    alike = text.translate(_NUMBERS_ALIKE)
    return sum(map(alike.count, _EXPONENTS))


def _may_be_out_of_range(text: bytes) -> bool:
    alike = text.translate(_NUMBERS_ALIKE)
    return any(each in alike for each in _MAYBE_LARGE)


def _without_strings(text: bytes, limit: int = MAX_VALUES) -> bytes | None:
    """Return JSON with one quote for each string; None if they are too many for ``limit`` values.

    A value has at most two strings, a name and a text, and a string two quotes. The outermost value,
    which is not counted, may be one more string.
    """
    # Pairs of backslashes first, so that what is left of a backslash escapes the quote after it.
    plain = text.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in text else text
    if plain.count(b'"') > 4 * limit + 2:
        return None
    return b'"'.join(plain.split(b'"')[::2])
