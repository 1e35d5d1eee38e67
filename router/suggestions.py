"""Suggestions for misspelt names, for error messages."""

import difflib
from collections.abc import Iterable
from typing import Final

_COMPARED: Final = 100
"""Characters of a word that are compared; difflib takes quadratic time."""
_LISTED: Final = 12
"""Names that a suggestion lists."""


def closest_match(word: str, known: Iterable[str]) -> str | None:
    """Return the known name that ``word`` probably stands for; None if none is similar."""
    matches = difflib.get_close_matches(word[:_COMPARED], known, n=1)
    return matches[0] if matches else None


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return ``did you mean "severity"?`` for a similar name, otherwise the list of names."""
    known = sorted(known)
    match = closest_match(word, known)
    if match:
        return f'did you mean "{match}"?'
    more = ", …" if len(known) > _LISTED else ""
    return f"there are: {', '.join(known[:_LISTED])}{more}" if known else "there are none"
