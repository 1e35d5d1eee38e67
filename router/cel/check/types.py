"""What is known of a value before there is one: its kind, its fields, the words it may be.

The checker's vocabulary. ``ANY`` is what nothing is known of, and nothing is ever said against it.
Types of event data are read off the Structs that describe them (``type_of_struct``), so a field
that is added to a Struct is known to the checker, too.
"""

import enum
import functools
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from router.cel import values

_FIELDS_LIMIT: Final = 1000
"""Rows of a table that are known by name."""
_DEPTH_LIMIT: Final = 20
"""Structs within Structs that are looked into; below, anything goes."""


class TypeKind(enum.Enum):
    """Each with what a message calls it."""

    ANY = "anything"
    TEXT = "text"
    INT = "a whole number"
    DOUBLE = "a decimal number"
    UINT = "an unsigned number"
    NUMBER = "a number"
    """Whole or decimal: what JSON writes for a decimal field may be either."""
    BOOL = "a bool"
    NULL = "null"
    BYTES = "bytes"
    TIMESTAMP = "a timestamp"
    DURATION = "a duration"
    TYPE = "a type"
    LIST = "a list"
    MAP = "a map"
    OPTIONAL = "an optional value"


NUMBERS: Final = frozenset({TypeKind.INT, TypeKind.UINT, TypeKind.DOUBLE, TypeKind.NUMBER})


class Property(msgspec.Struct, frozen=True):
    """A field of a map."""

    type: "Type"
    required: bool
    """Whether every event has it."""


class Type(msgspec.Struct, frozen=True, kw_only=True):
    """A kind, and what more is known."""

    kind: TypeKind
    nullable: bool = False
    """Whether it may be null instead."""
    words: tuple[str, ...] = ()
    """Of a text: all that it may be; empty where it may be any."""
    item: "Type | None" = None
    """Of a list: its elements; of a map of any keys: its values; of an optional value: what it may
    hold. None where that is not known."""
    fields: Mapping[str, Property] | None = None
    """Of a map: those that it is known to have; None where none is known."""
    is_open: bool = False
    """Of a map with ``fields``: whether it may have others, of which nothing is known."""

    @property
    def is_known(self) -> bool:
        return self.kind is not TypeKind.ANY

    def can_be(self, *kinds: TypeKind) -> bool:
        """Whether a value of this type may be of one of the kinds."""
        wanted = {member for kind in kinds for member in _MEMBERS.get(kind, (kind,))}
        own = _MEMBERS.get(self.kind, (self.kind,))
        return (
            not self.is_known
            or not wanted.isdisjoint(own)
            or (self.nullable and TypeKind.NULL in wanted)
        )


_MEMBERS: Final[Mapping[TypeKind, tuple[TypeKind, ...]]] = {
    TypeKind.NUMBER: (TypeKind.INT, TypeKind.UINT, TypeKind.DOUBLE),
}

ANY: Final = Type(kind=TypeKind.ANY)
TEXT: Final = Type(kind=TypeKind.TEXT)
INT: Final = Type(kind=TypeKind.INT)
DOUBLE: Final = Type(kind=TypeKind.DOUBLE)
NUMBER: Final = Type(kind=TypeKind.NUMBER)
UINT: Final = Type(kind=TypeKind.UINT)
BOOL: Final = Type(kind=TypeKind.BOOL)
BYTES: Final = Type(kind=TypeKind.BYTES)
TIMESTAMP: Final = Type(kind=TypeKind.TIMESTAMP)
DURATION: Final = Type(kind=TypeKind.DURATION)
TYPE: Final = Type(kind=TypeKind.TYPE)
NULL: Final = Type(kind=TypeKind.NULL)
LIST: Final = Type(kind=TypeKind.LIST)
MAP: Final = Type(kind=TypeKind.MAP)


def list_of(item: Type) -> Type:
    return Type(kind=TypeKind.LIST, item=item)


def optional_of(item: Type) -> Type:
    return Type(kind=TypeKind.OPTIONAL, item=item)


def either(types: Iterable[Type]) -> Type:
    """What a value is that is of one of the types. ANY for none."""
    distinct: list[Type] = []
    words: dict[str, None] = {}
    any_text = False
    for each in types:
        any_text = any_text or (each.kind is TypeKind.TEXT and not each.words)
        # There may be a thousand words: they are put together at once, not one by one.
        words.update(dict.fromkeys(each.words))
        wordless = msgspec.structs.replace(each, words=()) if each.words else each
        if wordless not in distinct[-1:]:
            distinct.append(wordless)
    joined = functools.reduce(_join, distinct) if distinct else ANY
    if joined.kind is not TypeKind.TEXT or any_text:
        return joined
    return msgspec.structs.replace(joined, words=tuple(words))


def _join(one: Type, other: Type) -> Type:
    if one == other:
        return one
    if TypeKind.NULL in {one.kind, other.kind}:
        value = other if one.kind is TypeKind.NULL else one
        return msgspec.structs.replace(value, nullable=True) if value.is_known else ANY
    nullable = one.nullable or other.nullable
    if {one.kind, other.kind} <= NUMBERS:
        kind = one.kind if one.kind is other.kind else TypeKind.NUMBER
        return Type(kind=kind, nullable=nullable)
    if one.kind is not other.kind:
        return ANY
    return Type(
        kind=one.kind,
        nullable=nullable,
        words=tuple(dict.fromkeys(one.words + other.words)) if one.words and other.words else (),
        item=_join(one.item, other.item) if one.item and other.item else None,
        fields=_join_fields(one.fields, other.fields),
        is_open=one.is_open or other.is_open,
    )


_Fields = Mapping[str, Property]


def _join_fields(some: _Fields | None, others: _Fields | None) -> _Fields | None:
    if some is None or others is None:
        return None
    joined = {}
    for name in dict.fromkeys((*some, *others)):
        both = [fields[name] for fields in (some, others) if name in fields]
        required = len(both) == 2 and all(each.required for each in both)
        joined[name] = Property(either(each.type for each in both), required)
    return joined


def type_of_value(value: Any) -> Type:
    """Of a value: a literal, a lookup table."""
    match value:
        case str():
            return Type(kind=TypeKind.TEXT, words=(value,))
        case list() | tuple():
            return list_of(either(map(type_of_value, value)))
        case dict():
            types = {name: type_of_value(each) for name, each in value.items()}
            fields = {str(name): Property(each, required=True) for name, each in types.items()}
            return Type(kind=TypeKind.MAP, item=either(types.values()), fields=fields)
        case _:
            return _SCALARS.get(value.__class__, ANY)


def type_of_table(value: Any) -> Type:
    """Of lookup tables, which may hold other texts tomorrow.

    The rows of one are many and alike, so each sort of them is looked at once.
    """
    if not isinstance(value, dict):
        return without_words(type_of_value(value))
    sorts: dict[Any, Type] = {}
    for row in value.values():
        sort = _sort(row)
        if sort not in sorts:
            sorts[sort] = _type_of_known(_Same(row))
    fields = None
    # One that is empty may be there for one that could not be read.
    if 0 < len(value) <= _FIELDS_LIMIT:
        fields = {
            str(name): Property(sorts[_sort(row)], required=True) for name, row in value.items()
        }
    return Type(kind=TypeKind.MAP, item=either(sorts.values()), fields=fields)


class _Same:
    """A value that is equal to itself only."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


@functools.lru_cache(maxsize=256)
def _type_of_known(table: _Same) -> Type:
    """Tables are large, and many rules look things up in the same one."""
    return type_of_table(table.value)


def _sort(row: Any) -> Any:
    """What two values have in common that are of the same type; a deep one is of its own sort."""
    if not isinstance(row, dict):
        return id(row) if isinstance(row, list) else row.__class__
    if any(isinstance(cell, dict | list) for cell in row.values()):
        return id(row)
    return tuple((name, cell.__class__) for name, cell in row.items())


def without_words(known: Type) -> Type:
    """The same of texts that may become others."""
    return Type(
        kind=known.kind,
        nullable=known.nullable,
        item=without_words(known.item) if known.item else None,
        fields={
            name: Property(without_words(each.type), each.required)
            for name, each in known.fields.items()
        }
        if known.fields is not None
        else None,
        is_open=known.is_open,
    )


_SCALARS: Final[Mapping[type, Type]] = {
    bool: BOOL,
    int: INT,
    values.Uint: UINT,
    float: DOUBLE,
    bytes: BYTES,
    type(None): NULL,
    values.TimestampValue: TIMESTAMP,
    values.DurationValue: DURATION,
    values.TypeValue: TYPE,
}


@functools.cache
def type_of_struct(struct: type[msgspec.Struct]) -> Type:
    """Of JSON that a Struct describes; its fields are all that there are."""
    return _described(msgspec.inspect.type_info(struct), _DEPTH_LIMIT)


def _described(info: Any, depth: int) -> Type:
    describe = _DESCRIPTIONS.get(type(info))
    if describe is None or depth == 0:
        return _BASICS.get(type(info), ANY)
    return describe(info, depth - 1)


def _described_struct(info: Any, depth: int) -> Type:
    properties = {
        field.encode_name: Property(_described(field.type, depth), field.required)
        for field in info.fields
    }
    return Type(kind=TypeKind.MAP, fields=MappingProxyType(properties))


def _described_list(info: Any, depth: int) -> Type:
    return list_of(_described(info.item_type, depth))


_DESCRIPTIONS: Final[Mapping[type[msgspec.inspect.Type], Callable[[Any, int], Type]]] = {
    msgspec.inspect.StructType: _described_struct,
    msgspec.inspect.ListType: _described_list,
    msgspec.inspect.VarTupleType: _described_list,
    msgspec.inspect.DictType: lambda info, depth: Type(
        kind=TypeKind.MAP, item=_described(info.value_type, depth)
    ),
    msgspec.inspect.UnionType: lambda info, depth: either(
        _described(each, depth) for each in info.types
    ),
    msgspec.inspect.LiteralType: lambda info, _: either(map(type_of_value, info.values)),
    msgspec.inspect.EnumType: lambda info, _: either(
        type_of_value(member.value) for member in info.cls
    ),
}
_BASICS: Final[Mapping[type[msgspec.inspect.Type], Type]] = {
    msgspec.inspect.StrType: TEXT,
    msgspec.inspect.IntType: INT,
    # What is a decimal in the schema may be written 3 as well as 3.0.
    msgspec.inspect.FloatType: NUMBER,
    msgspec.inspect.BoolType: BOOL,
    msgspec.inspect.NoneType: NULL,
    msgspec.inspect.DateTimeType: TEXT,
}
