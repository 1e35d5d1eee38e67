"""Conditions that are never true, because their tests of one field exclude each other.

Examples: ``data.status == "a" && data.status == "b"``, ``data.count > 5 && data.count < 3``. Only
the parts of an ``&&`` are compared, and only tests of plain fields with literals. Each part narrows
the values that the field may have, until none remains. A condition that reads no field of the event
is reported too, because its result is always the same.
"""

import math
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from router.cel import tree
from router.cel.check.checker import TypeProblem
from router.cel.compiler import compile_value
from router.cel.tree import Node, path, unwrap_lets
from router.cel.values import ERROR

_FLIPPED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


class Allowed(msgspec.Struct, frozen=True):
    """The values that a field may have if some parts are true."""

    values: tuple[Any, ...] | None = None
    """Only these. None if any value is allowed."""
    above: float = -math.inf
    above_is_allowed: bool = True
    below: float = math.inf
    below_is_allowed: bool = True

    @property
    def is_empty(self) -> bool:
        """Whether no value is allowed."""
        if self.values is not None:
            return not any(map(self._has, self.values))
        if self.above == self.below:
            return not (self.above_is_allowed and self.below_is_allowed)
        return self.above > self.below

    def _has(self, value: Any) -> bool:
        if not _is_number(value):
            # Only numbers are above or below a number.
            return math.isinf(self.above) and math.isinf(self.below)
        over = value > self.above or (self.above_is_allowed and value == self.above)
        return over and (value < self.below or (self.below_is_allowed and value == self.below))

    def restrict_to(self, values: tuple[Any, ...]) -> "Allowed":
        """Return the intersection with a set of values."""
        known = values if self.values is None else self.values
        remaining = tuple(each for each in known if any(_equal(each, value) for value in values))
        return msgspec.structs.replace(self, values=remaining)

    def restrict_range(self, operator: str, bound: float) -> "Allowed":
        """Return the intersection with the numbers on one side of a bound."""
        included = operator in {">=", "<="}
        if operator in {">", ">="} and (bound, not included) > (
            self.above,
            not self.above_is_allowed,
        ):
            return msgspec.structs.replace(self, above=bound, above_is_allowed=included)
        if operator in {"<", "<="} and (-bound, not included) > (
            -self.below,
            not self.below_is_allowed,
        ):
            return msgspec.structs.replace(self, below=bound, below_is_allowed=included)
        return self


def contradictions(source: str, root: Node) -> list[TypeProblem]:
    """Return the problems of a condition that is never true, or always true."""
    if not any(isinstance(node, tree.Name | tree.ExternalConstant) for node in tree.walk(root)):
        is_true = compile_value(root)({}, ERROR) is True
        always = "always" if is_true else "never"
        message = f"this is {always} true: it reads nothing of the event"
        hint = "leave it out" if is_true else "use `mode: shadow` for a rule that sends nothing"
        return [TypeProblem(root.offset, root.length, message, hint, is_warning=is_true)]
    fields: dict[tuple[str, ...], tuple[Allowed, Node]] = {}
    problems = list(_always_true(source, root))
    for part in _all_of(root):
        test = _test(unwrap_lets(part))
        if test is None:
            continue
        name, operator, literal = test
        before, earlier = fields.get(name, (Allowed(), part))
        after = _after(before, operator, literal)
        fields[name] = (after, part)
        if after.is_empty and not before.is_empty:
            problems.append(_problem(source, part, earlier))
    return problems


def _always_true(source: str, root: Node) -> Iterator[TypeProblem]:
    """Yield each ``a != 1 || a != 2``, which is true for every value of ``a``."""
    for node in tree.walk(root):
        if not isinstance(node, tree.Logic) or node.operator != "||":
            continue
        different: dict[tuple[str, ...], Any] = {}
        for part in node.parts:
            test = _test(unwrap_lets(part))
            if test is None or test[1] != "!=":
                continue
            name, _, literal = test
            if name in different and not _equal(different[name], literal):
                text = " ".join(source[node.offset : node.offset + node.length].split())
                yield TypeProblem(
                    root.offset,
                    root.length,
                    f"`{text[:200]}` is true for every value of {'.'.join(name)}",
                    "write && instead of ||, or !(… in […])",
                    is_warning=True,
                )
                break
            different[name] = literal


def _problem(source: str, part: Node, earlier: Node) -> TypeProblem:
    message = "this is never true"
    if earlier is not part:
        text = source[earlier.offset : earlier.offset + earlier.length]
        message = f"this is never true together with {' '.join(text.split())}"
    return TypeProblem(part.offset, part.length, message)


def _all_of(node: Node) -> Iterator[Node]:
    """Yield the parts that must all be true."""
    if isinstance(node, tree.Logic) and node.operator == "&&":
        for part in node.parts:
            yield from _all_of(part)
    else:
        yield node


def _test(node: Node) -> tuple[tuple[str, ...], str, Any] | None:
    """Return a field, an operator and a literal. None if the node is no such test."""
    if not isinstance(node, tree.Binary):
        return None
    left, right, operator = node.left, unwrap_lets(node.right), node.operator
    if operator == "in" and isinstance(right, tree.ListLiteral):
        items = [unwrap_lets(item) for item in right.items]
        values = tuple(item.value for item in items if isinstance(item, tree.Literal))
        name = path(left)
        return (name, "in", values) if name and len(values) == len(items) else None
    if isinstance(unwrap_lets(left), tree.Literal):
        left, right, operator = right, unwrap_lets(left), _FLIPPED.get(operator, "")
    name = path(left)
    if name is None or not isinstance(right, tree.Literal):
        return None
    return (name, operator, right.value)


def _after(before: Allowed, operator: str, literal: Any) -> Allowed:
    if operator == "in":
        return before.restrict_to(literal)
    if operator == "==":
        return before.restrict_to((literal,))
    if operator == "!=" and before.values is not None:
        remaining = tuple(each for each in before.values if not _equal(each, literal))
        return msgspec.structs.replace(before, values=remaining)
    return before.restrict_range(operator, literal) if _is_number(literal) else before


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _equal(one: Any, other: Any) -> bool:
    return bool(one == other) and (_is_number(one) == _is_number(other))
