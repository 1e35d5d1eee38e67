"""The type check of conditions against the schemas of events.

Each kind of node has a row in ``_RULES``; each operator, function and macro has one in its module.
A rule returns the node's type and reports the impossible: a field that is not in the schema, a
comparison of values that are never equal, an argument of a wrong type. It reports nothing that is
possible, and nothing about ``ANY``: ``a["name"]`` is always ``ANY``, so that a condition can read a
field that the schema lacks. ``missing`` and ``contradictions`` check a condition as a whole.

Cost: one visit per node. Invariant: the reported part of a condition is an error, or always has the
same value, for every event that the schema describes.
"""

from collections.abc import Mapping
from typing import Final

from router.cel import tree
from router.cel.check import calls, fields, operators
from router.cel.check.checker import Checker, Rules, TypeProblem
from router.cel.check.types import Type
from router.cel.tree import Node

__all__ = ["TypeProblem", "check", "check_choice", "check_condition", "check_number", "type_of"]

_RULES: Final[Rules] = {
    tree.Literal: fields.literal,
    tree.Name: fields.name,
    tree.Let: fields.let,
    tree.ExternalConstant: fields.external_constant,
    tree.Field: fields.field,
    tree.OptionalField: fields.optional_field,
    tree.Has: fields.has,
    tree.IndexAccess: fields.item,
    tree.OptionalIndexAccess: fields.optional_item,
    tree.ListLiteral: fields.list_literal,
    tree.MapLiteral: fields.map_literal,
    tree.Not: operators.negation,
    tree.Negative: operators.negative,
    tree.Logic: operators.logic,
    tree.Binary: operators.binary,
    tree.Conditional: operators.conditional,
    tree.Call: calls.call,
    tree.Macro: calls.macro,
}


def check(source: str, root: Node, names: Mapping[str, Type]) -> list[TypeProblem]:
    """Return the problems of an expression of any type.

    Args:
        source: The expression's text.
        root: Its tree.
        names: The types of the event's roots.
    """
    checker = Checker(_RULES, source, names)
    checker.type(root)
    return checker.problems


def type_of(source: str, root: Node, names: Mapping[str, Type]) -> Type:
    """Return the type of an expression. Arguments as ``check``."""
    return Checker(_RULES, source, names).type(root)


def check_condition(source: str, root: Node, names: Mapping[str, Type]) -> list[TypeProblem]:
    """Return the problems of an expression that must be true or false. Arguments as ``check``."""
    checker = Checker(_RULES, source, names)
    checker.bool(root)
    return checker.problems


def check_number(source: str, root: Node, names: Mapping[str, Type]) -> list[TypeProblem]:
    """Return the problems of an expression that must be a number. Arguments as ``check``."""
    checker = Checker(_RULES, source, names)
    checker.number(root)
    return checker.problems


def check_choice(
    source: str, root: Node, names: Mapping[str, Type], choices: tuple[str, ...]
) -> list[TypeProblem]:
    """Return the problems of an expression that must be one of these texts. Arguments as ``check``."""
    checker = Checker(_RULES, source, names)
    operators.choice(checker, root, choices)
    return checker.problems
