"""Hints about maps: how one is written of which only a value was given, and which key was meant."""

import functools
from collections.abc import Iterable, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

import msgspec

from router.configuration.foreign_keys import meant_key
from router.configuration.yaml.document import ListNode, MapNode, Node, Scalar
from router.datatypes import Duration

_SHOWN: Final = 60
"""Characters of a value that a hint repeats."""


def map_form(node: Node, kind: type[msgspec.Struct], subject: str) -> str:
    """Return how a Struct is written, of which only the value of its main key was given."""
    fields = fields_of(kind)
    text = node.text[:_SHOWN] if isinstance(node, Scalar) else ""
    if " " in subject or not (text or isinstance(node, ListNode)):
        return ""
    names: Iterable[str]
    meant = Duration.meant_by(text)
    if text[:1].isdigit() or meant:
        names = _names_of(fields, int) if text.isdigit() else ()
        value = text
        if not names:
            names = _names_of(fields, Duration)
            value = meant or (f"{text}m" if text.isdigit() else text)
        if not names:
            names, value = ("above",), text  # the threshold of a measure
    elif "://" in text:
        names, value = ("webhook_url", "url"), "…"  # it may be a secret
    elif text and text not in {"true", "false"}:
        names, value = ("events", "event"), f"[{text}]"
    else:
        names, value = ("events", "by"), "[…]"
    own = next((name for name in names if name in fields), "")
    if not own:
        return ""
    others = [f"{name}: …" for name, field in fields.items() if field.required and name != own]
    pair = f"{own}: {text if own == 'event' else value}"
    is_first = own in {"event", "at_least"}  # as documented
    pairs = [pair, *others] if is_first else [*others, pair]
    return f"write {subject}: {{{', '.join(pairs)}}}"


def is_misspelt(node: MapNode, kind: type[msgspec.Struct], name: str) -> bool:
    """Return whether a map has an unknown key that probably stands for a key which it lacks."""
    fields = fields_of(kind)
    unknown = [entry.key.text for entry in node.entries if entry.key.text not in fields]
    return any(meant_key(key[:_SHOWN], fields) == name for key in unknown)


@functools.cache
def fields_of(kind: type[msgspec.Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    """Return the fields by their names in YAML."""
    return {field.encode_name: field for field in msgspec.structs.fields(kind)}


def required_kind(kind: Any) -> tuple[Any, bool]:
    """Return the type without annotations and None, and whether it permitted None."""
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) not in {Union, UnionType}:
        return kind, False
    kinds = [each for each in get_args(kind) if each is not NoneType]
    return (kinds[0] if len(kinds) == 1 else kind), len(kinds) < len(get_args(kind))


def _names_of(fields: Mapping[str, msgspec.structs.FieldInfo], wanted: type) -> list[str]:
    """Return the names of the fields of a type."""
    return [name for name, each in fields.items() if required_kind(each.type)[0] is wanted]
