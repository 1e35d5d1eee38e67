"""The event types that a rule may receive, and the type errors of its conditions for them.

An event type in ``schemas`` has its documented shape. A prefix (``….conference-summary.*``)
represents the known types below it if its last dot is the last dot of known types, or if all of them
have one shape (``com.twilio.taskrouter.*``), because types that Twilio adds there look like the known
ones. Any other event may have any content.
"""

import functools
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from router.cel import Condition, Expression
from router.cel.check import (
    TypeProblem,
    check,
    check_choice,
    check_condition,
    check_number,
)
from router.cel.check.contradictions import contradictions
from router.cel.check.lookups import unguarded_lookups
from router.cel.check.missing import missing_field_warnings
from router.cel.check.types import ANY, Property, Type, type_of_struct
from router.cel.tree import Has, Node, OptionalField, OptionalIndexAccess, path, walk
from router.events.model import CloudEvent
from router.events.schemas import KNOWN_TYPES, SCHEMAS
from router.rules.type_names import misspelt_comparisons

_ROOTS: Final = ("event", "message")
_LISTED: Final = 3
"""Event types that a message lists."""


class Shape(msgspec.Struct, frozen=True):
    """The shape of the events of some types."""

    event_types: tuple[str, ...]
    """Empty if nothing is known about them."""
    names: Mapping[str, Type]
    """The types of the names that a condition can read."""


@functools.lru_cache(maxsize=1024)
def shapes(patterns: tuple[str, ...]) -> tuple[Shape, ...]:
    """Return the shapes of the events that ``patterns`` name, each once."""
    known: dict[type[msgspec.Struct] | None, list[str]] = {}
    for pattern in patterns:
        for event_type, struct in _covered(pattern):
            known.setdefault(struct, []).append(event_type)
    return tuple(
        Shape(() if struct is None else tuple(types), _names(struct))
        for struct, types in known.items()
    )


def unchecked(patterns: Iterable[str]) -> tuple[str, ...]:
    """Return those of the patterns whose events may have any content, so that nothing is checked."""
    return tuple(
        pattern
        for pattern in dict.fromkeys(patterns)
        if any(struct is None for _, struct in _covered(pattern))
    )


def problems_of(
    expression: Condition | Expression,
    patterns: Iterable[str],
    *,
    is_number: bool = False,
    choices: tuple[str, ...] = (),
) -> list[TypeProblem]:
    """Return the type errors and warnings of a condition or expression for these events.

    A problem for events of all shapes is an error. A problem for only some of them is a warning,
    unless the expression distinguishes them by ``event.type``.

    Args:
        expression: What is checked.
        patterns: Event types, exact or with a ``*`` at the end.
        is_number: Whether the expression must be a number.
        choices: The texts of which its value must be one; empty if it may be anything.
    """
    different = shapes(tuple(patterns))
    named = misspelt_comparisons(expression.tree)
    if not different:
        return named
    is_condition = isinstance(expression, Condition)
    own = named
    own += contradictions(expression.source, expression.tree) if is_condition else []
    own += unguarded_lookups(expression.source, expression.tree) if is_condition else []
    check_one = check_condition if is_condition else check_number if is_number else check
    if choices:
        check_one = functools.partial(check_choice, choices=choices)
    found = [check_one(expression.source, expression.tree, shape.names) for shape in different]
    common = _common(found)
    if common or not any(found):
        return [*own, *common, *_silent(expression, different)]
    return own if _distinguishes_types(expression.tree) else [*own, *_partial(found, different)]


def problems_on_sides(
    expression: Condition | Expression, sides: Iterable[tuple[str, ...]]
) -> list[TypeProblem]:
    """Return the type errors of an expression whose values for some events are compared with others.

    A problem on all sides is an error. A problem on one side only is an error too, because such
    values are never equal; unless the expression distinguishes the events by their type or fields.

    Args:
        expression: What is checked.
        sides: The event types of each side.
    """
    given = [side for side in dict.fromkeys(sides) if side]
    found = [problems_of(expression, side) for side in given]
    if not any(found):
        return []
    common = _common(found)
    if _distinguishes_fields(expression.tree) or _distinguishes_types(expression.tree):
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
    """Return the problems that all lists have. Hints are ignored: near fields differ by shape."""
    others = [set(map(_without_hint, each)) for each in found[1:]]
    return [
        problem for problem in found[0] if all(_without_hint(problem) in each for each in others)
    ]


def _without_hint(problem: TypeProblem) -> TypeProblem:
    return msgspec.structs.replace(problem, hint="")


def _in_events(side: tuple[str, ...]) -> str:
    more = ", …" if len(side) > _LISTED else ""
    return f" in events of type {', '.join(side[:_LISTED])}{more}"


def _distinguishes_fields(root: Node) -> bool:
    return any(isinstance(node, Has | OptionalField | OptionalIndexAccess) for node in walk(root))


def _silent(expression: Condition | Expression, different: Iterable[Shape]) -> list[TypeProblem]:
    if isinstance(expression, Expression):
        return []
    each = (
        missing_field_warnings(expression.source, expression.tree, shape.names)
        for shape in different
    )
    return list(dict.fromkeys(problem for problems in each for problem in problems))


def _partial(found: list[list[TypeProblem]], different: Iterable[Shape]) -> list[TypeProblem]:
    """Return the problems of some shapes, as warnings that name the event types."""
    return [
        msgspec.structs.replace(
            problem,
            message=f"{problem.message} in events of type {', '.join(shape.event_types)}",
            is_warning=True,
        )
        for problems, shape in zip(found, different, strict=True)
        for problem in problems
    ]


def _distinguishes_types(root: Node) -> bool:
    return any(path(node) in {(name, "type") for name in _ROOTS} for node in walk(root))


def _covered(pattern: str) -> list[tuple[str, type[msgspec.Struct] | None]]:
    """Return the known event types that a pattern names; the pattern itself if it may name others."""
    if not pattern.endswith("*"):
        return [(pattern, SCHEMAS.get(pattern))]
    prefix = pattern[:-1]
    below = [(name, SCHEMAS.get(name)) for name in KNOWN_TYPES if name.startswith(prefix)]
    is_family = any(prefix.startswith(family) for family in _families())
    is_alike = prefix.endswith(".") and len({struct for _, struct in below}) == 1
    return below if below and (is_family or is_alike) else [(pattern, None)]


@functools.cache
def _families() -> frozenset[str]:
    """Return the beginnings of known types up to their last dot."""
    return frozenset(event_type.rpartition(".")[0] + "." for event_type in KNOWN_TYPES)


@functools.cache
def _names(struct: type[msgspec.Struct] | None) -> Mapping[str, Type]:
    data = ANY if struct is None else type_of_struct(struct)
    envelope = type_of_struct(CloudEvent)
    # Open because extension attributes may have any name.
    event = msgspec.structs.replace(
        envelope,
        fields={**(envelope.fields or {}), "data": Property(data, required=True)},
        is_open=True,
    )
    return {"data": data, **dict.fromkeys(_ROOTS, event)}
