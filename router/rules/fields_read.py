"""The fields of an event that a rule reads, for a message that shows their values."""

from collections.abc import Iterable, Iterator
from typing import Final

from router.cel import Condition
from router.cel.paths_read import paths_read
from router.cel.tree import Node
from router.field_paths import PATH_LIMIT, Each, FieldPath, path_text
from router.rules.state.feature import Feature

_LIMIT: Final = 12
"""Fields of one rule."""
_ATTRIBUTES: Final = frozenset({"id", "source", "type", "time", "specversion", "subject"})
"""Attributes that each message shows, or that no person reads."""


def fields_read(condition: Condition | None, features: Iterable[Feature]) -> tuple[str, ...]:
    """Return the paths of the fields that a rule reads: of its condition, what it measures, its ``by``.

    Whole objects are left out: ``data`` and ``event`` say nothing.
    """
    found: dict[str, None] = {}
    for tree in _trees(condition, tuple(features)):
        for path in sorted(paths_read(tree), key=str):
            if _is_field(path):
                found[path_text(path)] = None
    texts = [text for text in found if len(text) <= PATH_LIMIT]
    return tuple(texts[:_LIMIT])


def _trees(condition: Condition | None, features: tuple[Feature, ...]) -> Iterator[Node]:
    if condition is not None:
        yield condition.tree
    for feature in features:
        if feature.judged is not None:
            yield feature.judged.tree
        if feature.evaluated is not None:
            yield feature.evaluated.tree
    for feature in features:
        yield from (each.tree for each in feature.by)


def _is_field(path: FieldPath) -> bool:
    names = [step for step in path if not isinstance(step, Each)]
    if not path or path[0] in _ATTRIBUTES or path[0] == "data_base64":
        return False
    return path[0] != "data" or len(names) > 1
