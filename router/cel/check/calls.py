"""Types of functions and macros. A function without a row takes arguments of any type."""

from collections.abc import Callable, Mapping
from typing import Final

from router.cel import tree
from router.cel.check.checker import Checker, one_of
from router.cel.check.types import (
    ANY,
    BOOL,
    BYTES,
    DOUBLE,
    DURATION,
    INT,
    LIST,
    MAP,
    STRING,
    TIMESTAMP,
    TYPE,
    UINT,
    Type,
    TypeKind,
    either,
    list_of,
    optional_of,
)
from router.cel.functions import FUNCTIONS, MACROS
from router.cel.tree import Node

_Kinds = tuple[TypeKind, ...]
_TEXT: Final[_Kinds] = (TypeKind.STRING,)
_WHOLE: Final[_Kinds] = (TypeKind.INT,)
_DATE: Final[tuple[_Kinds, ...]] = ((TypeKind.TIMESTAMP,), _TEXT)
_TIME: Final[tuple[_Kinds, ...]] = ((TypeKind.TIMESTAMP, TypeKind.DURATION), _TEXT)
_OPTIONAL: Final[tuple[_Kinds, ...]] = ((TypeKind.OPTIONAL,),)

_ARGUMENTS: Final[Mapping[str, tuple[_Kinds, ...]]] = {
    "size": ((TypeKind.STRING, TypeKind.LIST, TypeKind.MAP, TypeKind.BYTES),),
    **dict.fromkeys(("startsWith", "endsWith", "contains", "matches"), (_TEXT, _TEXT)),
    **dict.fromkeys(("lowerAscii", "upperAscii", "trim", "reverse"), (_TEXT,)),
    "charAt": (_TEXT, _WHOLE),
    "substring": (_TEXT, _WHOLE, _WHOLE),
    **dict.fromkeys(("indexOf", "lastIndexOf", "split"), (_TEXT, _TEXT, _WHOLE)),
    "join": ((TypeKind.LIST,), _TEXT),
    "replace": (_TEXT, _TEXT, _TEXT, _WHOLE),
    "double": ((TypeKind.NUMBER, TypeKind.STRING),),
    "parseJson": (_TEXT,),
    "fingerprint": ((TypeKind.MAP,),),
    "timestamp": ((TypeKind.STRING, TypeKind.INT, TypeKind.TIMESTAMP),),
    "duration": ((TypeKind.STRING, TypeKind.DURATION),),
    **dict.fromkeys(("getFullYear", "getMonth", "getDate", "getDayOfMonth"), _DATE),
    **dict.fromkeys(("getDayOfWeek", "getDayOfYear"), _DATE),
    **dict.fromkeys(("getHours", "getMinutes", "getSeconds", "getMilliseconds"), _TIME),
    **dict.fromkeys(("hasValue", "value", "or", "orValue"), _OPTIONAL),
}
"""The types that each argument may have. The object of a method is the first."""
_RESULTS: Final[Mapping[str, Type]] = {
    "bool": BOOL,
    "string": STRING,
    "int": INT,
    "uint": UINT,
    "double": DOUBLE,
    "bytes": BYTES,
    "list": LIST,
    "map": MAP,
    "timestamp": TIMESTAMP,
    "duration": DURATION,
    "type": TYPE,
    "optional": optional_of(ANY),
}
"""Types by CEL's names, as in ``Function.result``."""


def call(check: Checker, node: tree.Call) -> Type:
    """Return the type of a call."""
    types = [check.type(argument) for argument in node.arguments]
    wanted = _ARGUMENTS.get(node.function, ())
    for argument, found, kinds in zip(node.arguments, types, wanted, strict=False):
        if not found.can_be(*kinds):
            names = one_of(kind.value for kind in kinds)
            check.report(
                argument,
                f"{check.is_a(argument, found)}, {node.function}() takes {names}",
                _instead(check, node, argument, found, kinds),
            )
            return _result(node.function, [])
    return _result(node.function, types)


def _result(function: str, types: list[Type]) -> Type:
    result_of = _RESULTS_OF.get(function)
    if result_of is not None and types:
        return result_of(types)
    return _RESULTS.get(FUNCTIONS[function].result, ANY)


def _or_value(types: list[Type]) -> Type:
    return either((types[0].item or ANY, types[1]))


_RESULTS_OF: Final[Mapping[str, Callable[[list[Type]], Type]]] = {
    "value": lambda types: types[0].item or ANY,
    "or": lambda types: either(types) if types[0].item and types[1].item else optional_of(ANY),
    "orValue": _or_value,
    "optional.of": lambda types: optional_of(types[0]),
    "dyn": lambda _: ANY,
    "split": lambda _: list_of(STRING),
}
"""Functions whose result depends on their arguments, or is known more exactly."""


def _instead(check: Checker, node: tree.Call, argument: Node, found: Type, kinds: _Kinds) -> str:
    """Return a hint: the probable intention, or ``""`` if there is none."""
    source = check.source_of(argument)
    if node.function == "contains" and found.kind in {TypeKind.LIST, TypeKind.MAP}:
        return f"write {check.source_of(node.arguments[1])} in {source}"
    if TypeKind.TIMESTAMP in kinds and found.kind is TypeKind.STRING:
        return f"write timestamp({source})"
    return ""


# Macros


def macro(check: Checker, node: tree.Macro) -> Type:
    """Return the type of a macro."""
    over = check.type(node.over)
    form = MACROS[node.macro]
    wanted = (TypeKind.LIST, TypeKind.MAP) if form.is_loop else (TypeKind.OPTIONAL,)
    if not over.can_be(*wanted):
        takes = "iterates a list or map" if form.is_loop else "takes an optional value"
        check.report(node.over, f"{check.is_a(node.over, over)}, {node.macro}() {takes}")
        over = ANY

    def body() -> Type:
        if node.condition is not None:
            check.bool(node.condition)
        is_test = form.result == "bool" or node.macro == "filter"
        return check.bool(node.body) if is_test else check.type(node.body)

    result = check.within(_variables(node, over), body)
    results: Mapping[str, Type] = {
        "filter": list_of(_single(over)),
        "transformMap": Type(kind=TypeKind.MAP, item=result),
        "optMap": optional_of(result),
        "optFlatMap": result,
    }
    default = BOOL if form.result == "bool" else list_of(result)
    return results.get(node.macro, default)


def _variables(node: tree.Macro, over: Type) -> dict[str, Type]:
    """Return the types of a macro's variables."""
    if len(node.variables) == 1:
        return {node.variables[0]: _single(over)}
    first, second = node.variables
    key = {TypeKind.LIST: INT, TypeKind.MAP: _key(over)}.get(over.kind, ANY)
    return {first: key, second: over.item or ANY}


def _single(over: Type) -> Type:
    """Return the type of a list's element, a map's key, or an optional's value."""
    return _key(over) if over.kind is TypeKind.MAP else over.item or ANY


def _key(over: Type) -> Type:
    """Return the type of a key: JSON's keys are strings; a map literal may have others."""
    return ANY if over.fields is None and over.item is None else STRING
