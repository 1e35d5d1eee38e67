"""Static types: the kind of a value, its fields, the strings that it may be.

``ANY`` is the type of a value of which nothing is known; the check reports nothing about it. Types
of event data are derived from the Structs that describe them (``type_of_struct``), so that the
check knows each field that is added to a Struct.
"""

import enum
import functools
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from router.cel import values

_FIELDS_LIMIT: Final = 1000
"""Rows of a table whose keys are known."""
_DEPTH_LIMIT: Final = 20
"""Nested Structs that are inspected; deeper values are ANY."""


class TypeKind(enum.Enum):
    """Kinds of types. The values are their names in messages."""

    ANY = "anything"
    STRING = "text"
    INT = "a whole number"
    DOUBLE = "a decimal number"
    UINT = "an unsigned number"
    NUMBER = "a number"
    """Whole or decimal, because JSON may have either for a decimal field."""
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
    """Whether every map of the type has it."""


class Type(msgspec.Struct, frozen=True, kw_only=True):
    """A kind, and what else is known."""

    kind: TypeKind
    nullable: bool = False
    """Whether the value may be null."""
    enum: tuple[str, ...] = ()
    """The strings that a string may be; empty if it may be any."""
    item: "Type | None" = None
    """The type of a list's elements, a map's values or an optional's value. None if unknown."""
    fields: Mapping[str, Property] | None = None
    """The known fields of a map. None if no field is known."""
    is_open: bool = False
    """Whether a map with ``fields`` may have other fields, of any type."""

    @property
    def is_known(self) -> bool:
        """Whether the kind is known."""
        return self.kind is not TypeKind.ANY

    def can_be(self, *kinds: TypeKind) -> bool:
        """Return whether a value of this type may be of one of the kinds."""
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
STRING: Final = Type(kind=TypeKind.STRING)
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
    """Return the type of a list."""
    return Type(kind=TypeKind.LIST, item=item)


def optional_of(item: Type) -> Type:
    """Return the type of an optional."""
    return Type(kind=TypeKind.OPTIONAL, item=item)


def either(types: Iterable[Type]) -> Type:
    """Return the union of types. ANY if there is none."""
    distinct: list[Type] = []
    enum: dict[str, None] = {}
    any_string = False
    for each in types:
        any_string = any_string or (each.kind is TypeKind.STRING and not each.enum)
        # Collected here, because joining a thousand strings pair by pair takes quadratic time.
        enum.update(dict.fromkeys(each.enum))
        without = msgspec.structs.replace(each, enum=()) if each.enum else each
        if without not in distinct[-1:]:
            distinct.append(without)
    joined = functools.reduce(_join, distinct) if distinct else ANY
    if joined.kind is not TypeKind.STRING or any_string:
        return joined
    return msgspec.structs.replace(joined, enum=tuple(enum))


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
        enum=tuple(dict.fromkeys(one.enum + other.enum)) if one.enum and other.enum else (),
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
    """Return the type of a literal or other known value."""
    match value:
        case str():
            return Type(kind=TypeKind.STRING, enum=(value,))
        case list() | tuple():
            return list_of(either(map(type_of_value, value)))
        case dict():
            types = {name: type_of_value(each) for name, each in value.items()}
            fields = {str(name): Property(each, required=True) for name, each in types.items()}
            return Type(kind=TypeKind.MAP, item=either(types.values()), fields=fields)
        case _:
            return _SCALARS.get(value.__class__, ANY)


def type_of_table(value: Any) -> Type:
    """Return the type of a lookup table, without enums, because its strings may change.

    A table may have many similar rows, so that each shape of row is inspected once.
    """
    if not isinstance(value, dict):
        return without_enum(type_of_value(value))
    types: dict[Any, Type] = {}
    for row in value.values():
        shape = _shape(row)
        if shape not in types:
            types[shape] = _cached_type_of_table(_ById(row))
    fields = None
    # No fields are known of an empty table, because it may replace a table that failed to load.
    if 0 < len(value) <= _FIELDS_LIMIT:
        fields = {
            str(name): Property(types[_shape(row)], required=True) for name, row in value.items()
        }
    return Type(kind=TypeKind.MAP, item=either(types.values()), fields=fields)


class _ById:
    """A value that compares by identity, as the key of a cache."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ById) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


@functools.lru_cache(maxsize=256)
def _cached_type_of_table(table: _ById) -> Type:
    """Cached, because tables are large and many rules use the same one."""
    return type_of_table(table.value)


def _shape(row: Any) -> Any:
    """Return a key that is equal for rows of the same type. A nested row has a key of its own."""
    if not isinstance(row, dict):
        return id(row) if isinstance(row, list) else row.__class__
    if any(isinstance(cell, dict | list) for cell in row.values()):
        return id(row)
    return tuple((name, cell.__class__) for name, cell in row.items())


def without_enum(known: Type) -> Type:
    """Return the type without the enums of its strings."""
    return Type(
        kind=known.kind,
        nullable=known.nullable,
        item=without_enum(known.item) if known.item else None,
        fields={
            name: Property(without_enum(each.type), each.required)
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
    """Return the type of JSON that a Struct describes, without other fields."""
    return _from_info(msgspec.inspect.type_info(struct), _DEPTH_LIMIT)


def _from_info(info: Any, depth: int) -> Type:
    describe = _DESCRIPTIONS.get(type(info))
    if describe is None or depth == 0:
        return _BASICS.get(type(info), ANY)
    return describe(info, depth - 1)


def _from_info_struct(info: Any, depth: int) -> Type:
    properties = {
        field.encode_name: Property(_from_info(field.type, depth), field.required)
        for field in info.fields
    }
    return Type(kind=TypeKind.MAP, fields=MappingProxyType(properties))


def _from_info_list(info: Any, depth: int) -> Type:
    return list_of(_from_info(info.item_type, depth))


_DESCRIPTIONS: Final[Mapping[type[msgspec.inspect.Type], Callable[[Any, int], Type]]] = {
    msgspec.inspect.StructType: _from_info_struct,
    msgspec.inspect.ListType: _from_info_list,
    msgspec.inspect.VarTupleType: _from_info_list,
    msgspec.inspect.DictType: lambda info, depth: Type(
        kind=TypeKind.MAP, item=_from_info(info.value_type, depth)
    ),
    msgspec.inspect.UnionType: lambda info, depth: either(
        _from_info(each, depth) for each in info.types
    ),
    msgspec.inspect.LiteralType: lambda info, _: either(map(type_of_value, info.values)),
    msgspec.inspect.EnumType: lambda info, _: either(
        type_of_value(member.value) for member in info.cls
    ),
}
_BASICS: Final[Mapping[type[msgspec.inspect.Type], Type]] = {
    msgspec.inspect.StrType: STRING,
    msgspec.inspect.IntType: INT,
    # Not DOUBLE, because JSON may have 3 for 3.0.
    msgspec.inspect.FloatType: NUMBER,
    msgspec.inspect.BoolType: BOOL,
    msgspec.inspect.NoneType: NULL,
    msgspec.inspect.DateTimeType: STRING,
}
