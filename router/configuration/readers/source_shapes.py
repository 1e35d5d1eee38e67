"""Read the shape of a source's body, to the type against which its expressions are checked.

A shape looks like the body: a map of fields, a list with the shape of its items, or the name of a
kind. A field whose name ends with ``?`` may be missing or null, and ``"*"`` stands for all further
names.
"""

from typing import Final

from router.cel.check.types import ANY, Property, Type, TypeKind, list_of
from router.configuration.foreign_keys import key_hint
from router.configuration.yaml.document import ListNode, MapNode, Node, Scalar, YamlDocument

_KINDS: Final = {
    "any": ANY,
    "text": Type(kind=TypeKind.STRING),
    "number": Type(kind=TypeKind.NUMBER),
    "whole": Type(kind=TypeKind.INT),
    "bool": Type(kind=TypeKind.BOOL),
}
_OTHERS: Final = "*"
_DEPTH: Final = 20


def read_shape(document: YamlDocument, node: Node | None, depth: int = 0) -> Type:
    """Return the type that a shape describes; ANY after reporting a problem, or if there is none."""
    match node:
        case _ if node is not None and depth > _DEPTH:
            document.report(node.span, f"a shape has at most {_DEPTH} levels")
        case Scalar(text=text) if text in _KINDS:
            return _KINDS[text]
        case Scalar(text=text):
            message = f'there is no kind "{text[:60]}"'
            document.report(node.span, message, key_hint(text, _KINDS))
        case ListNode(items=(item,)):
            return list_of(read_shape(document, item, depth + 1))
        case ListNode():
            document.report(node.span, "a list has the shape of its items: write one")
        case MapNode():
            return _of_map(document, node, depth)
        case _:
            pass
    return ANY


def _of_map(document: YamlDocument, node: MapNode, depth: int) -> Type:
    fields: dict[str, Property] = {}
    others: Type | None = None
    for entry in node.entries:
        found = read_shape(document, entry.value, depth + 1)
        name = entry.key.text
        if name == _OTHERS:
            others = found
            continue
        is_optional = name.endswith("?")
        if is_optional and found.is_known:
            found = Type(
                kind=found.kind,
                nullable=True,
                item=found.item,
                fields=found.fields,
                is_open=found.is_open,
            )
        fields[name.removesuffix("?")] = Property(found, required=not is_optional)
    if not fields:
        return Type(kind=TypeKind.MAP, item=others)
    return Type(kind=TypeKind.MAP, fields=fields, is_open=others is not None)
