"""Compiles ``match:``, the declarative form of a condition, to the same tree as CEL.

    match: {data.status: summary_timeout, data.detected_issues.call_quality: {">=": 3}}

is ``data.status == "summary_timeout" && data.detected_issues.call_quality >= 3``.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from router.cel.condition import Condition
from router.cel.names import NO_NAMES, Names
from router.cel.parser import parse
from router.cel.tree import ExternalConstant, Field, Let, Name, Node
from router.errors import ConditionError
from router.suggestions import closest_match


def compile_match(mapping: Mapping[str, Any], names: Names = NO_NAMES) -> Condition:
    """Compile a map of fields and their required values.

    Args:
        mapping: By field: a value, a list of values, or a map of tests. It is not empty.
        names: Names that may be used as fields.

    Raises:
        ConditionError: The message names the field. The offset is in the CEL text that is
            equivalent to the map.
    """
    if not mapping:
        raise ConditionError("match is empty, it needs at least one field", offset=0)
    source = " && ".join(_field(name, wanted, names) for name, wanted in mapping.items())
    return Condition(source, parse(source, names))


def _field(name: str, wanted: Any, names: Names) -> str:
    try:
        node = parse(name, names)
    except ConditionError as error:
        raise ConditionError(
            f"match: {name!r}: {error.message}", offset=0, hint=error.hint
        ) from None
    if not _is_field(node):
        raise ConditionError(
            f"match: {name!r} is no field", offset=0, hint="write for example data.status"
        )
    if isinstance(wanted, Mapping):
        tests = [_test(node, name, operator, value) for operator, value in wanted.items()]
        if not tests:
            hint = 'write a value, or a test such as {">=": 3}'
            raise ConditionError(f"match: {name} has no test", offset=0, hint=hint)
        return " && ".join(tests)
    if isinstance(wanted, list):
        return f"{name} in {_literal(name, wanted)}"
    return f"{name} == {_literal(name, wanted)}"


def _is_field(node: Node) -> bool:
    """Return whether a node is a field of a root, a name, or a field of a name."""
    is_alone = not isinstance(node, Field)
    while isinstance(node, Field):
        node = node.operand
    return isinstance(node, Let | ExternalConstant) or (isinstance(node, Name) and not is_alone)


def _exists(field: Node, name: str, wanted: Any) -> str:
    if not isinstance(wanted, bool):
        raise ConditionError(f"match: {name}: exists must be true or false", offset=0)
    chain: list[str] = []
    while isinstance(field, Field):
        chain.insert(0, f"has({name[field.offset : field.offset + field.length]})")
        field = field.operand
    if not chain:
        raise ConditionError(f"match: {name}: exists needs a field", offset=0)
    return f"{'' if wanted else '!'}({' && '.join(chain)})"


_TESTS: Final[dict[str, Callable[[str, str], str]]] = {
    **{
        operator: lambda name, value, operator=operator: f"{name} {operator} {value}"  # type: ignore[misc]
        for operator in ("==", "!=", "<", "<=", ">", ">=", "in")
    },
    "contains": lambda name, value: f"{value} in {name}",
    "substring": lambda name, value: f"{name}.contains({value})",
    "prefix": lambda name, value: f"{name}.startsWith({value})",
    "suffix": lambda name, value: f"{name}.endsWith({value})",
    "matches": lambda name, value: f"{name}.matches({value})",
}


_OTHER_WORDS: Final = {
    **dict.fromkeys(("eq", "equals", "is", "="), "=="),
    **dict.fromkeys(("ne", "neq", "not", "is_not", "<>"), "!="),
    "gt": ">",
    "gte": ">=",
    "ge": ">=",
    "min": ">=",
    "lt": "<",
    "lte": "<=",
    "le": "<=",
    "max": "<=",
    "above": ">",
    "below": "<",
    **dict.fromkeys(("regex", "regexp", "re", "pattern", "=~", "~", "match", "like"), "matches"),
    **dict.fromkeys(("starts_with", "startswith", "begins_with", "begins"), "prefix"),
    **dict.fromkeys(("ends_with", "endswith", "ends"), "suffix"),
    **dict.fromkeys(("includes", "include", "any"), "contains"),
    **dict.fromkeys(("one_of", "any_of", "oneof", "anyof"), "in"),
    **dict.fromkeys(("has", "present", "exist", "defined"), "exists"),
}
"""Tests by the words of other rule languages."""


def _test(field: Node, name: str, operator: str, value: Any) -> str:
    if operator == "exists":
        return _exists(field, name, value)
    test = _TESTS.get(operator)
    if test is None:
        known = [*_TESTS, "exists"]
        near = _OTHER_WORDS.get(operator.lower()) or closest_match(operator, known)
        hint = f'did you mean "{near}"?' if near else f"there are {', '.join(known)}"
        raise ConditionError(f"match: {name}: there is no {operator!r}", offset=0, hint=hint)
    return test(name, _literal(name, value))


def _literal(name: str, value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_literal(name, each) for each in value)}]"
    if value is None or isinstance(value, str | int | float):
        # A JSON string is a CEL string, except for lone surrogates, which YAML cannot contain.
        return json.dumps(value, ensure_ascii=False)
    raise ConditionError(f"match: {name}: cannot compare with a {type(value).__name__}", offset=0)
