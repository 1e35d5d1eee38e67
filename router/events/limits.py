"""Limits on the depth and the number of members of a JSON text, checked without decoding it.

Depth and members cost the decoder far more than their bytes cost the sender. Counting brackets and
colons, which runs in C, gives an upper bound of both. Only a text above that bound is examined
further: its strings are removed, then pairs of brackets, as many times as the permitted depth.
"""

import re
from typing import Final

MAX_DEPTH: Final = 64
"""Default of the nesting depth of arrays and objects; a setting overrides it."""
MAX_MEMBERS: Final = 100_000
"""The number of members of all objects of one event."""

_NO_BRACKETS: Final = bytes(byte for byte in range(256) if byte not in b"[]{}")
_ALIKE: Final = bytes.maketrans(b"{}", b"[]")
_STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)


def exceeded_limit(text: bytes, *, max_depth: int) -> str:
    """Return a message about the limit that ``text`` exceeds; ``""`` if it exceeds none.

    Args:
        text: Well-formed JSON.
        max_depth: The permitted nesting depth of arrays and objects.
    """
    openings = text.count(b"{") + text.count(b"[")
    if openings <= max_depth and (len(text) <= MAX_MEMBERS or text.count(b":") <= MAX_MEMBERS):
        return ""
    bare = _STRING.sub(b"", text)
    if bare.count(b":") > MAX_MEMBERS:
        return f"more than {MAX_MEMBERS} members"
    brackets = bare.translate(_ALIKE, _NO_BRACKETS)
    for _ in range(max_depth):
        brackets = brackets.replace(b"[]", b"")
    return f"JSON is nested too deeply, at most {max_depth} levels" if brackets else ""
