"""Lists, maps, patterns and times that are literals: evaluated once, when a condition compiles."""

from collections.abc import Iterator
from typing import Any, Final

from router.cel import limits
from router.cel.functions import FUNCTIONS
from router.cel.tree import Call, Let, ListLiteral, Literal, MapLiteral, Node
from router.cel.values import ERROR, Optional, make_map
from router.errors import ConditionError
from router.regex import Pattern, compile_pattern

_TIME_HINTS: Final = {
    "timestamp": 'a timestamp is written as "2025-10-14T09:30:00Z"',
    "duration": 'a duration is written as "1h30m" or "1.5s"',
}


def collection(node: ListLiteral | MapLiteral) -> Any:
    """Return the value of a list or map of literals; ERROR if a part is no literal or is wrong."""
    if node.optional or not all(isinstance(part, Literal) for part in node.children()):
        return ERROR
    values = [part.value for part in node.children() if isinstance(part, Literal)]
    if isinstance(node, ListLiteral):
        return values
    return make_map(zip(values[::2], values[1::2], strict=True))


def list_literal(items: list[Any], optional: frozenset[int]) -> Any:
    """Evaluate ``[a, ?b]``. ``optional`` are the positions of items with a question mark."""
    if optional:
        items = [each for _, each in _present(list(enumerate(items)), optional)]
    for each in items:
        if each is ERROR:
            return ERROR
    return items


def map_literal(keys: list[Any], values: list[Any], optional: frozenset[int]) -> Any:
    """Evaluate ``{key: a, ?other: b}``. ``optional`` are the positions with a question mark."""
    entries = list(zip(keys, values, strict=True))
    return make_map(_present(entries, optional) if optional else entries)


def _present(entries: list[tuple[Any, Any]], optional: frozenset[int]) -> Iterator[tuple[Any, Any]]:
    """Drop the absent optionals. A marked value that is no optional is an error."""
    for position, (key, value) in enumerate(entries):
        if position not in optional:
            yield key, value
        elif value.__class__ is not Optional:
            yield key, ERROR
        elif value.value is not ERROR:
            yield key, value.value


def call(node: Call) -> Any:
    """Return the value of ``timestamp("…")`` or ``duration("…")``; ERROR for another call.

    Raises:
        ConditionError: The string is no timestamp or duration.
    """
    hint = _TIME_HINTS.get(node.function)
    if hint is None or not isinstance(node.arguments[0], Literal):
        return ERROR
    argument = node.arguments[0]
    value = FUNCTIONS[node.function].run(argument.value)
    if value is ERROR:
        raise ConditionError(
            f"not a {node.function}", offset=argument.offset, length=argument.length, hint=hint
        )
    return value


def check(tree: Node) -> None:
    """Raise ConditionError if a pattern, timestamp or duration of the tree is invalid.

    The parser has rejected everything else that could fail to compile. Lets are skipped, because
    they were checked as expressions.
    """
    pending = [tree]
    while pending:
        node = pending.pop()
        pending += () if isinstance(node, Let) else node.children()
        if isinstance(node, Call):
            call(node)
            if FUNCTIONS[node.function].takes_pattern:
                pattern(node.arguments[-1])


def pattern(node: Node) -> Pattern:
    """Compile a regular expression. Raise ConditionError."""
    if not isinstance(node, Literal) or not isinstance(node.value, str):
        raise ConditionError(
            "a pattern must be a literal text",
            offset=node.offset,
            length=node.length,
        )
    try:
        return regular_expression(node.value)
    except ValueError as error:
        raise ConditionError(str(error), offset=node.offset, length=node.length) from None


def regular_expression(text: str) -> Pattern:
    """Compile a regular expression in RE2 syntax. Raise ValueError."""
    return compile_pattern(text, max_memory=limits.REGEX_MEMORY)
