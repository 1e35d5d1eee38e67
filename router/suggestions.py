"""Names that people write: the values that they name, and suggestions where one is misspelt."""

import difflib
from collections.abc import Collection, Iterable, Mapping
from typing import Final, TypeVar

T = TypeVar("T")
_COMPARED: Final = 100
"""Characters of a word that are compared; difflib takes quadratic time."""
_LISTED: Final = 12
"""Names that a suggestion lists."""


class UnknownNameError(ValueError):
    """Raised when nothing has a name; the message says which one is similar, or which there are."""


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


class Synonyms:
    """Words of other tools, and those of ours that mean the same.

    Args:
        rows: Words of others, and ours for each of them, the best first. A word may stand in several rows,
            of which the first has the best ones.
    """

    def __init__(self, *rows: tuple[Iterable[str], Iterable[str]]) -> None:
        self._ours: dict[str, tuple[str, ...]] = {}
        for words, ours in rows:
            for word in words:
                self._ours[word] = (*self._ours.get(word, ()), *ours)

    def same(self, word: str, known: Collection[str]) -> str:
        """Return the known word that means the same as ``word``, in any case; ``""`` if none does."""
        return next((name for name in self._ours.get(word.lower(), ()) if name in known), "")

    def meant(self, word: str, known: Collection[str]) -> str:
        """Return the known word that means the same as ``word``, or a similar one; ``""`` if there is none."""
        return self.same(word, known) or closest_match(word, known) or ""


def named(names: Iterable[str], known: Mapping[str, T], *, missing: str) -> tuple[T, ...]:
    """Return the values of these names, each once.

    Args:
        names: The names that were written.
        known: The values by their names.
        missing: The beginning of the error, such as ``there is no pack``.

    Raises:
        UnknownNameError: Nothing has one of the names.
    """
    wanted = dict.fromkeys(names)
    for name in wanted:
        if name not in known:
            raise UnknownNameError(f'{missing} "{name}": {suggestion(name, known)}')
    return tuple(known[name] for name in wanted)
