"""Which events a rule may meet, as types, and what can be said against its conditions on them.

An event type that ``schemas`` knows has its documented shape. A prefix (``….conference-summary.*``)
stands for the known types below it where all that come before its last dot are known by name: what
Twilio adds there looks like what is there. Any other event may hold anything.
"""

import functools
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from router.cel import Condition, Expression
from router.cel.check import TypeProblem, check, check_condition
from router.cel.check.contradictions import contradictions
from router.cel.check.missing import missing_field_warnings
from router.cel.check.types import ANY, Property, Type, type_of_struct
from router.cel.tree import Has, Node, OptionalField, OptionalIndexAccess, path, walk
from router.events.model import CloudEvent
from router.events.schemas import SCHEMAS

_ROOTS: Final = ("event", "message")
_LISTED: Final = 3
"""Event types that a message names."""


class Shape(msgspec.Struct, frozen=True):
    """What the events of some types look like."""

    event_types: tuple[str, ...]
    """Empty where nothing is known of them."""
    names: Mapping[str, Type]
    """The types of what a condition can read."""


@functools.lru_cache(maxsize=1024)
def shapes(patterns: tuple[str, ...]) -> tuple[Shape, ...]:
    """The shapes of the events that ``patterns`` name, each once."""
    known: dict[type[msgspec.Struct] | None, list[str]] = {}
    for pattern in patterns:
        for event_type, struct in _covered(pattern):
            known.setdefault(struct, []).append(event_type)
    return tuple(
        Shape(() if struct is None else tuple(types), _names(struct))
        for struct, types in known.items()
    )


def problems_of(judged: Condition | Expression, patterns: Iterable[str]) -> list[TypeProblem]:
    """What can be said against a condition or expression on these events.

    What is wrong for events of all shapes is an error. What is wrong for some only may have been
    seen to by asking for ``event.type``; without that, it is a warning.
    """
    different = shapes(tuple(patterns))
    if not different:
        return []
    is_condition = isinstance(judged, Condition)
    own = contradictions(judged.source, judged.tree) if is_condition else []
    check_one = check_condition if is_condition else check
    found = [check_one(judged.source, judged.tree, shape.names) for shape in different]
    common = _common(found)
    if common or not any(found):
        return [*own, *common, *_silent(judged, different)]
    return own if _asks_for_type(judged.tree) else [*own, *_partial(found, different)]


def problems_on_sides(
    judged: Condition | Expression, sides: Iterable[tuple[str, ...]]
) -> list[TypeProblem]:
    """What can be said where values for some events are compared with those for others.

    What is wrong on each side is wrong. On one side only it is, too, for such values are never the
    same; unless the expression asks what an event is or has, and may give each side its own.
    """
    given = [side for side in dict.fromkeys(sides) if side]
    found = [problems_of(judged, side) for side in given]
    if not any(found):
        return []
    common = _common(found)
    if _asks_for_fields(judged.tree) or _asks_for_type(judged.tree):
        return common
    return common + [
        problem
        if problem.is_warning
        else msgspec.structs.replace(problem, message=f"{problem.message}{_in_events(side)}")
        for problems, side in zip(found, given, strict=True)
        for problem in problems
        if _without_hint(problem) not in map(_without_hint, common)
    ]


def _common(found: list[list[TypeProblem]]) -> list[TypeProblem]:
    """What is said in each list, whatever the hint: fields that are near are not the same ones."""
    others = [set(map(_without_hint, each)) for each in found[1:]]
    return [
        problem for problem in found[0] if all(_without_hint(problem) in each for each in others)
    ]


def _without_hint(problem: TypeProblem) -> TypeProblem:
    return msgspec.structs.replace(problem, hint="")


def _in_events(side: tuple[str, ...]) -> str:
    more = ", …" if len(side) > _LISTED else ""
    return f" in events of type {', '.join(side[:_LISTED])}{more}"


def _asks_for_fields(root: Node) -> bool:
    return any(isinstance(node, Has | OptionalField | OptionalIndexAccess) for node in walk(root))


def _silent(judged: Condition | Expression, different: Iterable[Shape]) -> list[TypeProblem]:
    if isinstance(judged, Expression):
        return []
    each = (missing_field_warnings(judged.source, judged.tree, shape.names) for shape in different)
    return list(dict.fromkeys(problem for problems in each for problem in problems))


def _partial(found: list[list[TypeProblem]], different: Iterable[Shape]) -> list[TypeProblem]:
    """The problems of some shapes, as warnings that name the event types."""
    return [
        msgspec.structs.replace(
            problem,
            message=f"{problem.message} in events of type {', '.join(shape.event_types)}",
            is_warning=True,
        )
        for problems, shape in zip(found, different, strict=True)
        for problem in problems
    ]


def _asks_for_type(root: Node) -> bool:
    return any(path(node) in {(name, "type") for name in _ROOTS} for node in walk(root))


def _covered(pattern: str) -> list[tuple[str, type[msgspec.Struct] | None]]:
    """The known event types that a pattern names; one that is unknown if it may name others."""
    if not pattern.endswith("*"):
        return [(pattern, SCHEMAS.get(pattern))]
    prefix = pattern[:-1]
    families = {event_type.rpartition(".")[0] + "." for event_type in SCHEMAS}
    if not any(prefix.startswith(family) for family in families):
        return [(pattern, None)]
    below = [(name, struct) for name, struct in SCHEMAS.items() if name.startswith(prefix)]
    return list(below) or [(pattern, None)]


@functools.cache
def _names(struct: type[msgspec.Struct] | None) -> Mapping[str, Type]:
    data = ANY if struct is None else type_of_struct(struct)
    envelope = type_of_struct(CloudEvent)
    # Extension attributes have any name, so nothing is said against one that is not known.
    event = msgspec.structs.replace(
        envelope,
        fields={**(envelope.fields or {}), "data": Property(data, required=True)},
        is_open=True,
    )
    return {"data": data, **dict.fromkeys(_ROOTS, event)}
