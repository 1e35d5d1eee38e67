"""The documented fields that an expression reads and that are not checked, because their shape is not known."""

from collections.abc import Iterable
from typing import Final

from router.cel import Condition, Expression
from router.cel.check.types import ANY, Type
from router.cel.paths_read import paths_read
from router.field_paths import Each, FieldPath
from router.rules.event_types import shapes

_ROOT: Final = "data"


def unchecked_fields(
    expression: Condition | Expression, patterns: Iterable[str]
) -> tuple[str, ...]:
    """Return the paths of such fields, for example ``data.metrics.inbound.mos``.

    Args:
        expression: The expression.
        patterns: The types of the events that it reads, exact or with a ``*`` at the end. Nothing is
            returned for types of which no field is known.
    """
    known = [shape.names[_ROOT] for shape in shapes(tuple(patterns)) if shape.event_types]
    found = {
        path[:length]
        for path in paths_read(expression.tree)
        for data in known
        if (length := _unknown_from(data, path))
    }
    return tuple(sorted(".".join(map(_text, path)) for path in found))


def _unknown_from(data: Type, path: FieldPath) -> int:
    """Return how many steps of a path lead to a documented field of any shape; 0 if none does."""
    if path[:1] != (_ROOT,):
        return 0
    type_ = data
    for length, step in enumerate(path[1:], 2):
        of_step = _step(type_, step)
        if of_step is None:
            return 0
        if of_step == ANY:
            return length
        type_ = of_step
    return 0


def _step(type_: Type, step: str | Each) -> Type | None:
    """Return the type of a member or element; None if it is not documented."""
    if isinstance(step, str) and type_.fields is not None:
        field = type_.fields.get(step)
        return None if field is None else field.type
    return type_.item


def _text(step: str | Each) -> str:
    return step if isinstance(step, str) else step.value
