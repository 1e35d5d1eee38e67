"""Convert YAML nodes to Structs and report every problem with its position.

msgspec stops at the first problem and has no line numbers. Therefore this module traverses Structs,
lists and maps, and msgspec converts the scalars. The ``__post_init__`` of a Struct then checks its
fields together.
"""

import enum
from collections.abc import Callable, Iterable, Mapping
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

import msgspec

from router.configuration.foreign_keys import key_hint
from router.configuration.map_hints import fields_of, is_misspelt, map_form, required_kind
from router.configuration.scalar_hints import scalar_hint
from router.configuration.variables import Interpolated, Interpolator
from router.configuration.yaml.document import (
    Entry,
    ListNode,
    MapNode,
    Node,
    Scalar,
    UnreadableNode,
    YamlDocument,
)
from router.configuration.yaml.scalars import plain_value
from router.datatypes import ByteSize, Duration, Rate, Secret, Share, decode_value

_MAP: Final = "a map of keys and values"
_SHOWN: Final = 60
"""Characters of a value that a message quotes."""


class Invalid(enum.Enum):
    """The type of INVALID, which stands for a value that could not be converted."""

    INVALID = enum.auto()


INVALID: Final = Invalid.INVALID
"""Returned instead of a value whose problem has been reported."""


class Converter:
    """Converts the nodes of one document.

    Args:
        document: The document, to which problems are reported.
        interpolator: Substitutes variables in scalars.
        hide_unknown: Whether diagnostics mask the values of unknown keys, which may be secrets.
    """

    def __init__(
        self, document: YamlDocument, interpolator: Interpolator, *, hide_unknown: bool = False
    ) -> None:
        self._document = document
        self._interpolator = interpolator
        self._hide_unknown = hide_unknown

    def convert(self, node: Node, kind: Any, subject: str) -> Any:
        """Return a value of type ``kind``, or INVALID; ``subject`` names it in diagnostics."""
        kind, optional = required_kind(kind)
        if isinstance(node, UnreadableNode) or self._document.is_full:
            return INVALID
        if isinstance(node, Scalar) and _is_null(node):
            if (optional or kind is Any) and not node.text:
                hint = "write null, or a value" if kind is Any else "write a value"
                return self._no_value(node, subject, hint)
            if optional:
                return None
        return self._conversion(kind)(node, kind, subject)

    def _conversion(self, kind: Any) -> Callable[[Node, Any, str], Any]:
        origin = get_origin(kind) or kind
        if origin in {Union, UnionType} and any(
            _shape(each) is not Scalar for each in get_args(kind)
        ):
            return self._union
        if _is_struct(origin):
            return self._struct
        conversions: dict[Any, Callable[[Node, Any, str], Any]] = {
            Any: self._any,
            list: self._list,
            tuple: self._list,
            dict: self._dict,
            Secret: self._secret,
        }
        return conversions.get(origin, self._single)

    def unknown_key(self, entry: Entry, subject: str, known: Iterable[str]) -> None:
        """Report a key that is not among the ``known`` keys of ``subject``."""
        if self._document.is_full:
            return
        key = entry.key.text[:_SHOWN]
        self._document.report(
            entry.key.span, f'unknown key "{key}" in {subject}', key_hint(key, known)
        )
        if self._hide_unknown:
            self._document.hide(entry.value)

    def _struct(self, node: Node, kind: type[msgspec.Struct], subject: str) -> Any:
        if isinstance(node, Scalar) and hasattr(kind, "parse"):
            return self._short_form(node, kind.parse, subject)
        if not isinstance(node, MapNode):
            hint = map_form(node, kind, subject)
            return self._unexpected(node, _MAP, subject, hint)
        fields = fields_of(kind)
        values = {}
        for entry in node.entries:
            field = fields.get(entry.key.text)
            if field is None:
                self.unknown_key(entry, subject, fields)
            elif _says_nothing(entry.value, field):
                hint = "write a value, or remove the key"
                values[field.name] = self._no_value(entry.value, entry.key.text, hint)
            else:
                values[field.name] = self.convert(entry.value, field.type, entry.key.text)
        is_valid = len(values) == len(node.entries) and INVALID not in values.values()
        for name, field in fields.items():
            if field.required and field.name not in values and not is_misspelt(node, kind, name):
                self._document.report(node.span, f'{subject} needs "{name}"')
                is_valid = False
        return self._construct(node, kind, values, subject) if is_valid else INVALID

    def _no_value(self, node: Node, subject: str, hint: str) -> Any:
        self._document.report(node.span, f"{subject} has no value", hint)
        return INVALID

    def _short_form(self, node: Scalar, parse: Callable[[str], Any], subject: str) -> Any:
        """Convert a Struct that is written as one text, such as ``5/s`` for a Rate."""
        interpolated = self._interpolator.interpolate(node, self._document)
        if interpolated is None:
            return INVALID
        try:
            return parse(interpolated.text)
        except ValueError as error:
            problem = str(error)
        if interpolated.variables:
            problem = f"the value of {_references(interpolated.variables)} is not valid"
        self._document.report(node.span, f"{subject}: {problem}")
        return INVALID

    def _construct(
        self, node: MapNode, kind: type[msgspec.Struct], values: Mapping[str, Any], subject: str
    ) -> Any:
        try:
            return kind(**values)
        except ValueError as error:
            message = str(error)
        # Such a message begins with the name of the field that is wrong.
        first = message.replace(":", " ").split(" ")[0]
        named = node.get(first)
        leaked = self._interpolator.leaked_variables(message)
        if leaked:
            name = first if named else subject
            message = f"{name}: the value of {_references(leaked)} is not valid"
        self._document.report(named.span if named else node.span, message)
        return INVALID

    def _union(self, node: Node, kind: Any, subject: str) -> Any:
        """Convert to the type of a union whose shape is that of the node."""
        kinds = [each for each in get_args(kind) if each is not NoneType]
        matching = (each for each in kinds if isinstance(node, _shape(each)))
        return self.convert(node, next(matching, kinds[0]), subject)

    def _list(self, node: Node, kind: Any, subject: str) -> Any:
        if not isinstance(node, ListNode):
            item = node.text[:_SHOWN] if isinstance(node, Scalar) and node.is_plain else ""
            return self._unexpected(node, "a list", subject, f"write [{item}]" if item else "")
        values = [self.convert(item, get_args(kind)[0], subject) for item in node.items]
        return INVALID if INVALID in values else (get_origin(kind) or kind)(values)

    def _dict(self, node: Node, kind: Any, subject: str) -> Any:
        if not isinstance(node, MapNode):
            hint = _MAP_HINTS.get(subject, "")
            return self._unexpected(node, _MAP, subject, hint)
        key_kind, value_kind = get_args(kind)
        values: dict[Any, Any] = {}
        for entry in node.entries:
            name: Any = entry.key.text
            if key_kind is not str and name not in set(key_kind):  # an enum of texts
                self.unknown_key(entry, subject, key_kind)
                name = INVALID
            values[name] = self.convert(entry.value, value_kind, f"{subject}: {entry.key.text}")
        return INVALID if INVALID in (*values, *values.values()) else values

    def _any(self, node: Node, kind: Any, subject: str) -> Any:
        if isinstance(node, ListNode):
            values = [self.convert(item, kind, subject) for item in node.items]
            return INVALID if INVALID in values else values
        if isinstance(node, Scalar):
            return self._scalar(node, kind, subject)
        return self._dict(node, dict[str, Any], subject)

    def _secret(self, node: Node, kind: Any, subject: str) -> Any:
        self._document.hide(node)
        if not isinstance(node, Scalar):
            return self._unexpected(node, "text", subject)
        meaning = plain_value(node.text)
        if node.is_plain and (meaning.trap or not isinstance(meaning.value, str)):
            hint = "write it in quotes" if meaning.value is not None else ""
            self._document.report(node.span, f"{subject}: expected text", hint)
            return INVALID
        return self._single(node, kind, subject)

    def _single(self, node: Node, kind: Any, subject: str) -> Any:
        if not isinstance(node, Scalar):
            hint = _TEXT_HINTS.get(subject, "") if isinstance(node, MapNode) else ""
            return self._unexpected(node, describe_kind(kind), subject, hint)
        return self._scalar(node, kind, subject)

    def _scalar(self, node: Scalar, kind: Any, subject: str) -> Any:
        interpolated = self._interpolator.interpolate(node, self._document)
        if interpolated is None:
            return INVALID
        value: Any = interpolated.text
        if node.is_plain and not interpolated.variables:
            meaning = plain_value(interpolated.text)
            value = meaning.value
            if meaning.trap and kind in {str, Any}:
                text = node.text[:_SHOWN]
                message = f"`{text}` without quotes is {meaning.trap}"
                hint = f'write "{text}"'
                if kind is Any and meaning.number:
                    hint += f" for the text, or {meaning.number} for the number"
                self._document.report(node.span, message, hint)
                return INVALID
        try:
            # The value of a variable is always text, so "20" may denote a number.
            return msgspec.convert(
                value, kind, strict=not interpolated.variables, dec_hook=decode_value
            )
        except msgspec.ValidationError:
            return self._mismatch(node, kind, subject, interpolated)

    def _mismatch(self, node: Scalar, kind: Any, subject: str, interpolated: Interpolated) -> Any:
        if interpolated.variables:
            references = _references(interpolated.variables)
            message = (
                f"{subject}: expected {describe_kind(kind)}, found another value in {references}"
            )
            self._document.report(node.span, message)
            return INVALID
        hint = scalar_hint(node, kind, list(map(str, _choices(kind))))
        return self._unexpected(node, describe_kind(kind), subject, hint)

    def _unexpected(self, node: Node, wanted: str, subject: str, hint: str = "") -> Any:
        found = describe_node(node)
        if self._hide_unknown and wanted == _MAP and found.startswith('"'):
            found = "text"  # it may be a URL with a secret
            self._document.hide(node)
        self._document.report(node.span, f"{subject}: expected {wanted}, found {found}", hint)
        return INVALID


def describe_kind(kind: Any) -> str:
    """Return a description of the values of a type."""
    choices = _choices(kind)
    if choices:
        return f"one of {', '.join(map(str, choices))}"
    return _WORDS.get(kind, "another value")


def describe_node(node: Node) -> str:
    """Return a description of a node, for messages that end with "found …"."""
    if not isinstance(node, Scalar):
        return "a list" if isinstance(node, ListNode) else "a map of keys and values"
    value = plain_value(node.text).value if node.is_plain else node.text
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return node.text
    if isinstance(value, str):
        more = "…" if len(value) > _SHOWN else ""
        return f'"{value[:_SHOWN]}{more}"'
    return f"the number {node.text}"


_WORDS: Final[Mapping[Any, str]] = {
    str: "text",
    Secret: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    Duration: "a duration such as 500ms, 10s or 1h30m",
    Share: "a share from 0% to 100% such as 5% or 0.05",
    ByteSize: "a size such as 64KiB or 1MiB",
}


def _references(variables: Iterable[str]) -> str:
    return " and ".join(f"${{{name}}}" for name in variables)


def _choices(kind: Any) -> list[Any]:
    if get_origin(kind) is Literal:
        return list(get_args(kind))
    return list(kind) if isinstance(kind, type) and issubclass(kind, enum.Enum) else []


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _shape(kind: Any) -> type[Scalar | ListNode | MapNode]:
    """Return the class of the nodes that a type is written as."""
    origin = get_origin(kind) or kind
    if origin in {list, tuple}:
        return ListNode
    return MapNode if origin is dict or _is_struct(origin) else Scalar


def _is_null(node: Scalar) -> bool:
    return node.is_plain and plain_value(node.text).value is None


_TEXT_HINTS: Final = {
    "when": "write it as match:",
    "mute_times": "write the name of a mute time, whose times are in the section mute_times",
    "send_to": "levels of escalate notify at any hour: write the name, without during and outside",
}
_MAP_HINTS: Final = {
    "match": "write a condition in CEL as when:, or for example match: {data.status: completed}",
    "labels": "write for example labels: {team: voice}",
    "let": "write for example let: {calls: data.detected_issues.call_quality}",
}


def _says_nothing(node: Node, field: msgspec.structs.FieldInfo) -> bool:
    """Return whether a key has no value, or a null that is no other value than its absence.

    An empty ``match:`` must not match everything because it was left unfinished. A null that replaces
    another default means something, and so does that of a rate in any kind: no limit.
    """
    if not isinstance(node, Scalar) or not _is_null(node):
        return False
    kind, optional = required_kind(field.type)
    means_nothing = field.default is None and kind is not Rate
    return (optional or kind is Any) and (not node.text or means_nothing)
