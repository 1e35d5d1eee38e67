"""Find misspelt event types: those that are not documented, and that look like one that is.

Event types are open: any sender may have its own, and Twilio adds further ones. A type is therefore
suspected only if it is nearly a known type, lacks the beginning of one, or ends unlike all types that
begin like it.
"""

import difflib
import functools
from collections.abc import Iterator
from typing import Final

from router.cel.check import TypeProblem
from router.cel.tree import Binary, ListLiteral, Literal, Node, path, unwrap_lets, walk
from router.events.schemas import KNOWN_TYPES

_ALIKE: Final = 0.92
"""The ratio of difflib from which two names are alike: about three characters of forty differ."""
_TWILIO: Final = "com.twilio."
_LONGER: Final = 3
"""Characters that one of two alike names may have more."""
_EQUALITY: Final = frozenset({"==", "!=", "in"})
_TYPE: Final = ("event", "type")
_LISTED: Final = 5
"""Types that a hint lists."""


@functools.lru_cache(maxsize=4096)
def misspelling(pattern: str) -> str | None:
    """Return a hint if an event type is probably misspelt; None if it is not.

    Args:
        pattern: An event type, exact or with a ``*`` at the end.
    """
    if pattern.endswith("*"):
        return _of_prefix(pattern[:-1])
    known = KNOWN_TYPES
    if pattern in known:
        return None
    near = _nearest(pattern, known)
    if near is not None:
        return f'did you mean "{near}"?'
    if any(each.startswith(f"{pattern}.") for each in known):
        return f'did you mean "{pattern}.*"?'
    ending = pattern.lower()
    if ending.startswith(_TWILIO):  # the segments in between may be wrong or missing
        ending = ".".join(ending.split(".")[-2:])
    longer = [each for each in known if each.endswith(f".{ending}")]
    if longer and "." in pattern:
        return _choice(longer)
    family = pattern.rpartition(".")[0] + "."
    siblings = [each for each in known if each.startswith(family) and family in _families()]
    return _choice(siblings) if siblings else None


def misspelt_comparisons(tree: Node) -> list[TypeProblem]:
    """Return a warning for each literal that ``event.type`` is compared with and that is misspelt."""
    found = []
    for node in walk(tree):
        if not isinstance(node, Binary) or node.operator not in _EQUALITY:
            continue
        for one, other in ((node.left, node.right), (node.right, node.left)):
            if path(one) != _TYPE:
                continue
            values = unwrap_lets(other)
            for value in values.items if isinstance(values, ListLiteral) else (values,):
                if not isinstance(value, Literal) or not isinstance(value.value, str):
                    continue
                hint = misspelling(value.value)
                if hint is not None:
                    message = f'no event type "{value.value}" is known'
                    found.append(
                        TypeProblem(value.offset, value.length, message, hint, is_warning=True)
                    )
    return found


def _of_prefix(prefix: str) -> str | None:
    known = KNOWN_TYPES
    if any(each.startswith(prefix) for each in known):
        return None
    name = prefix.rstrip(".")
    beginnings = dict.fromkeys(_beginnings(name.count(".") + 1))
    near = _nearest(name, tuple(beginnings))
    if near is not None:
        return f'did you mean "{near}.*"?'
    within = f".{name.lower()}."
    longer = {each[: each.index(within) + len(within)] for each in known if within in each}
    return _choice([f"{each}*" for each in sorted(longer)]) if longer else None


def _nearest(name: str, known: tuple[str, ...]) -> str | None:
    lower = name.lower()
    similar = [each for each in known if abs(len(each) - len(lower)) <= _LONGER]
    found = difflib.get_close_matches(lower, similar, n=1, cutoff=_ALIKE)
    return found[0] if found else None


def _choice(types: list[str]) -> str:
    if len(types) == 1:
        return f'did you mean "{types[0]}"?'
    more = ", …" if len(types) > _LISTED else ""
    return f"there are {', '.join(types[:_LISTED])}{more}"


def _beginnings(segments: int) -> Iterator[str]:
    """Yield the first segments of all known types that have more."""
    for each in KNOWN_TYPES:
        parts = each.split(".")
        if len(parts) > segments:
            yield ".".join(parts[:segments])


@functools.cache
def _families() -> frozenset[str]:
    return frozenset(each.rpartition(".")[0] + "." for each in KNOWN_TYPES)
