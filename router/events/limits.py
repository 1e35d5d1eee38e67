"""How deep and how wide a JSON text is, without a walk over its values.

Depth and members cost their reader far more than their bytes cost the sender. Both are bounded
from above by counting brackets and colons, passes in C; only a text over that bound is looked at
closely: its strings are cut out, and then pairs of brackets, as often as the depth that is allowed.
"""

import re
from typing import Final

MAX_DEPTH: Final = 64
"""Arrays and objects in one another, unless a setting says otherwise."""
MAX_MEMBERS: Final = 100_000
"""Members of all objects of one event together."""

_NO_BRACKETS: Final = bytes(byte for byte in range(256) if byte not in b"[]{}")
_ALIKE: Final = bytes.maketrans(b"{}", b"[]")
_STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)


def exceeded_limit(text: bytes, *, max_depth: int) -> str:
    """In what ``text``, which must be well-formed JSON, exceeds the bounds; ``""`` if in nothing."""
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
