"""Types of literals, names, fields, elements, lists and maps."""

from collections.abc import Mapping
from typing import Final

from router.cel import tree
from router.cel.check.checker import Checker, NamesField, list_names, type_name
from router.cel.check.types import (
    ANY,
    BOOL,
    MAP,
    Property,
    Type,
    TypeKind,
    either,
    list_of,
    optional_of,
    type_of_table,
    type_of_value,
)
from router.suggestions import closest_match


def literal(_check: Checker, node: tree.Literal) -> Type:
    """Return the type of a literal."""
    return type_of_value(node.value)


def name(check: Checker, node: tree.Name) -> Type:
    """Return the type of a root or variable."""
    return check.name(node.name)


def let(check: Checker, node: tree.Let) -> Type:
    """Return the type of a let."""
    return check.let(node)


def external_constant(_check: Checker, node: tree.ExternalConstant) -> Type:
    """Return the type of a lookup table."""
    return type_of_table(node.value)


def field(check: Checker, node: tree.Field) -> Type:
    """Return the type of ``a.b``."""
    unchecked = f'{check.source_of(node.operand)}["{node.name}"] is not checked'
    return _member(check, node, unchecked)


def optional_field(check: Checker, node: tree.OptionalField) -> Type:
    """Return the type of ``a.?b``."""
    found = _member(check, node, f'{check.source_of(node.operand)}[?"{node.name}"] is not checked')
    return found if found.kind is TypeKind.OPTIONAL else optional_of(found)


def has(check: Checker, node: tree.Has) -> Type:
    """Check ``has(a.b)``."""
    _member(check, node, f'"{node.name}" in {check.source_of(node.operand)} is not checked')
    return BOOL


def _member(check: Checker, node: NamesField, unchecked: str) -> Type:
    """Return the type of a field. ``unchecked`` is a hint: how to read one not in the schema."""
    owner = check.type(node.operand)
    if owner.kind is TypeKind.OPTIONAL:
        # A field of an optional is an optional.
        return optional_of(_member_of(check, node, owner.item or ANY, unchecked))
    return _member_of(check, node, owner, unchecked)


def _member_of(check: Checker, node: NamesField, owner: Type, unchecked: str) -> Type:
    if not owner.can_be(TypeKind.MAP):
        source = check.source_of(node.operand)
        hint = f"its elements may: {source}.exists(x, …)" if owner.kind is TypeKind.LIST else ""
        check.report_name(node, f"{check.is_a(node.operand, owner)} and has no fields", hint)
        return ANY
    if owner.fields is None:
        return owner.item or ANY
    known = owner.fields.get(node.name)
    if known is None and not owner.is_open:
        near = closest_match(node.name, owner.fields)
        hint = f'did you mean "{near}"?' if near else list_names("there are", owner.fields)
        check.report_name(
            node,
            f'{check.source_of(node.operand)} has no field "{node.name}"',
            f"{hint} ({unchecked})",
        )
    return ANY if known is None else known.type


def item(check: Checker, node: tree.IndexAccess) -> Type:
    """Return the type of ``a[b]``."""
    return _element(check, node)


def optional_item(check: Checker, node: tree.OptionalIndexAccess) -> Type:
    """Return the type of ``a[?b]``."""
    found = _element(check, node)
    return found if found.kind is TypeKind.OPTIONAL else optional_of(found)


_INDEXES: Final[Mapping[TypeKind, tuple[TypeKind, ...]]] = {
    TypeKind.LIST: (TypeKind.NUMBER,),
    TypeKind.MAP: (TypeKind.STRING, TypeKind.NUMBER, TypeKind.BOOL),
}


def _element(check: Checker, node: tree.IndexAccess | tree.OptionalIndexAccess) -> Type:
    owner, index = check.type(node.operand), check.type(node.index)
    if owner.kind is TypeKind.OPTIONAL:
        return optional_of((owner.item or ANY).item or ANY)
    if not owner.can_be(*_INDEXES):
        check.report(node, f"{check.is_a(node.operand, owner)} and has no elements")
    elif owner.is_known and not index.can_be(*_INDEXES[owner.kind]):
        check.report(node.index, f"{type_name(owner)} is not indexed by {type_name(index)}")
    return owner.item or ANY


def list_literal(check: Checker, node: tree.ListLiteral) -> Type:
    """Return the type of ``[a, b]``."""
    types = [check.type(each) for each in node.items]
    return list_of(
        either(
            (found.item or ANY) if position in node.optional else found
            for position, found in enumerate(types)
        )
    )


def map_literal(check: Checker, node: tree.MapLiteral) -> Type:
    """Return the type of ``{a: b}``."""
    entries = [(key, check.type(key), check.type(value)) for key, value in node.entries]
    names = [key.value if isinstance(key, tree.Literal) else None for key, _, _ in entries]
    if node.optional or not all(isinstance(name, str) for name in names):
        return MAP
    types = [found for _, _, found in entries]
    return Type(
        kind=TypeKind.MAP,
        fields={
            str(name): Property(found, required=True)
            for name, found in zip(names, types, strict=True)
        },
        item=either(types),
    )
