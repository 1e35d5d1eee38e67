"""The values of conditions: JSON's, and those that only CEL has.

JSON gives dict, list, str, int, float, bool, None, and they stay what they are, so that reading an
event costs nothing. CEL's further types are small classes: Uint, TimestampValue, DurationValue, TypeValue,
Optional, Map (keys that JSON has not); bytes are Python's. What has no value is ``ERROR``, which
every operator passes on. Nothing here raises.

Three traps of Python: ``True == 1`` (a CEL bool is no number), integers without end (CEL's have 64
bits and overflow is an error), and ``1 == 1.0`` (here CEL agrees: numbers compare as numbers).
Source: CEL language definition, "Values", "Equality".
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from router.cel import limits


class _Error:
    """The value of what has none. Not equal to anything, itself included."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return False

    def __repr__(self) -> str:
        return "error"


ERROR: Final = _Error()


class Uint(int):
    """An unsigned integer of 64 bits. As a key of a map it is the integer."""

    __slots__ = ()


class TimestampValue(msgspec.Struct, frozen=True, order=True):
    """A moment, from the year 1 to 9999."""

    nanoseconds: int
    """Since 1970 in UTC."""


class DurationValue(msgspec.Struct, frozen=True, order=True):
    """A length of time, up to 292 years either way: 64 bits of nanoseconds."""

    nanoseconds: int


class TypeValue(msgspec.Struct, frozen=True):
    """The type of a value, itself a value."""

    name: str


class Optional(msgspec.Struct, frozen=True):
    """A value that may be absent: then it is ERROR."""

    value: Any


NONE: Final = Optional(ERROR)


class BoolKey(msgspec.Struct, frozen=True):
    """A bool as the key of a map, where Python would take True for 1."""

    value: bool


class Map(dict[Any, Any]):
    """A map with at least one key that is no text. Its keys are what ``as_key`` makes."""

    __slots__ = ()


NUMBERS: Final[frozenset[Any]] = frozenset({int, float, Uint})
MAPS: Final[frozenset[Any]] = frozenset({dict, Map})
CONTAINERS: Final[frozenset[Any]] = frozenset({list, dict, Map})
SIZED: Final[frozenset[Any]] = frozenset({str, bytes, list, dict, Map})

_KEYS: Final = frozenset({str, int, Uint})
_BOOL_KEYS: Final = {True: BoolKey(True), False: BoolKey(False)}


def as_key(value: Any) -> Any:
    """The value as it stands among a map's keys; ERROR where it cannot stand there."""
    kind = value.__class__
    if kind in _KEYS:
        return value
    return _BOOL_KEYS[value] if kind is bool else ERROR


def lookup_key(value: Any) -> Any:
    """The key to look for; a float finds the integer that it equals."""
    return value if value.__class__ is float else as_key(value)


def keys_of(container: Any) -> Iterable[Any]:
    """The elements of a list, the keys of a map."""
    if container.__class__ is Map:
        return [key.value if key.__class__ is BoolKey else key for key in container]
    keys: Iterable[Any] = container
    return keys


def map_of(entries: Iterable[tuple[Any, Any]]) -> Any:
    """A map; ERROR where a key is no key or stands there already, or a value is missing."""
    made: dict[Any, Any] = {}
    is_json = True
    for value, content in entries:
        key = as_key(value)
        if key is ERROR or content is ERROR or key in made:
            return ERROR
        is_json = is_json and key.__class__ is str
        made[key] = content
    return made if is_json else Map(made)


def same(left: Any, right: Any) -> Any:
    """Equality of values: across types it is false. ERROR where it takes too many comparisons."""
    kind = left.__class__
    if kind in NUMBERS:
        return right.__class__ in NUMBERS and left == right
    if kind in CONTAINERS or kind is Optional:
        return _same_parts(left, right)
    return kind is right.__class__ and left == right


_TOO_MANY: Final[list[tuple[Any, Any]]] = []


def _same_parts(left: Any, right: Any) -> Any:
    visited = 0
    pending = [(left, right)]
    while pending:
        one, other = pending.pop()
        pairs = _pairs(one, other)
        if pairs is None:
            return False
        visited += len(pairs)
        if visited > limits.COMPARED or pairs is _TOO_MANY:
            return ERROR
        for pair in pairs:
            kind = pair[0].__class__
            if kind in CONTAINERS or kind is Optional:
                pending.append(pair)
            elif not same(*pair):
                return False
    return True


def _pairs(left: Any, right: Any) -> list[tuple[Any, Any]] | None:
    """What must be the same for both to be; None where they cannot be."""
    kind = left.__class__
    if kind is Optional:
        return _optional_pairs(left, right)
    is_map = kind in MAPS and right.__class__ in MAPS
    if not (is_map or kind is right.__class__) or len(left) != len(right):
        return None
    if len(left) > limits.COMPARED:
        return _TOO_MANY
    if not is_map:
        return list(zip(left, right, strict=True))
    return [(left[key], right[key]) for key in left] if left.keys() == right.keys() else None


def _optional_pairs(left: Optional, right: Any) -> list[tuple[Any, Any]] | None:
    if right.__class__ is not Optional:
        return None
    if left.value is ERROR or right.value is ERROR:
        return [] if left.value is right.value else None
    return [(left.value, right.value)]


_TYPES: Final = {
    str: "string",
    bool: "bool",
    int: "int",
    Uint: "uint",
    float: "double",
    bytes: "bytes",
    list: "list",
    dict: "map",
    Map: "map",
    type(None): "null_type",
    TimestampValue: "google.protobuf.Timestamp",
    DurationValue: "google.protobuf.Duration",
    TypeValue: "type",
    Optional: "optional_type",
}
TYPES: Final = {name: TypeValue(name) for name in _TYPES.values()}


def type_of(value: Any) -> Any:
    name = _TYPES.get(value.__class__)
    return ERROR if name is None else TYPES[name]


_WORDS: Final = {
    str: "text",
    bool: "bool",
    int: "number",
    float: "number",
    Uint: "unsigned number",
    bytes: "bytes",
    list: "list",
    dict: "map",
    Map: "map",
    type(None): "null",
    TimestampValue: "timestamp",
    DurationValue: "duration",
    TypeValue: "type",
    Optional: "optional",
}


def word_for(value: Any) -> str:
    """The type's name for people."""
    return _WORDS.get(value.__class__, "nothing")
