"""What can be said against a condition before any event comes.

Each kind of node has a line in ``_RULES``; each operator, function and macro one in its module. A
rule gives the node's type and reports what cannot be: a field that its map has not, a comparison of
things that are never equal, an argument that a function never takes. What could be so is left alone,
and about ``ANY`` nothing is ever said: ``a["name"]`` is always ``ANY``, the way to read a field that the
schema does not have. ``missing`` and ``contradictions`` look at the condition as a whole.

Cost: each node once. Invariant: a condition with a problem here gives an error, or always the same
answer, for that part on every event that its schema describes.
"""

from collections.abc import Mapping
from typing import Final

from router.cel import tree
from router.cel.check import calls, fields, operators
from router.cel.check.checker import Checker, Rules, TypeProblem
from router.cel.check.types import Type
from router.cel.tree import Node

__all__ = ["TypeProblem", "check", "check_condition"]

_RULES: Final[Rules] = {
    tree.Literal: fields.literal,
    tree.Name: fields.name,
    tree.Let: fields.let,
    tree.ExternalConstant: fields.given,
    tree.Field: fields.field,
    tree.OptionalField: fields.optional_field,
    tree.Has: fields.has,
    tree.IndexAccess: fields.item,
    tree.OptionalIndexAccess: fields.optional_item,
    tree.ListLiteral: fields.listing,
    tree.MapLiteral: fields.mapping,
    tree.Not: operators.negation,
    tree.Negative: operators.negative,
    tree.Logic: operators.logic,
    tree.Binary: operators.binary,
    tree.Conditional: operators.ternary,
    tree.Call: calls.call,
    tree.Macro: calls.macro,
}


def check(source: str, root: Node, names: Mapping[str, Type]) -> list[TypeProblem]:
    """The problems of an expression of any type; ``names`` are the types of its roots."""
    checker = Checker(_RULES, source, names)
    checker.type(root)
    return checker.problems


def check_condition(source: str, root: Node, names: Mapping[str, Type]) -> list[TypeProblem]:
    """The problems of an expression that is to be true or false."""
    checker = Checker(_RULES, source, names)
    checker.bool(root)
    return checker.problems
