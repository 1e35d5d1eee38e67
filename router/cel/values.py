"""The values of conditions: JSON's, and those that only CEL has.

JSON values stay Python's dict, list, str, int, float, bool and None, so that an event needs no
conversion. CEL's other types are small classes: Uint, TimestampValue, DurationValue, TypeValue,
Optional, Map (keys that JSON does not have); bytes are Python's. An expression without a value has
the value ``ERROR``, which every operator propagates. Nothing here raises.

Python differs from CEL in two ways: ``True == 1`` (a CEL bool is no number), and integers without
limit (CEL's have 64 bits, and overflow is an error). ``1 == 1.0`` is true in both. Source: CEL language definition, "Values", "Equality".
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from router.cel import limits


class _ErrorType:
    """The type of ``ERROR``, which equals nothing, itself included."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return False

    def __repr__(self) -> str:
        return "error"


ERROR: Final = _ErrorType()
"""The value of an expression that has none."""


class Uint(int):
    """An unsigned integer of 64 bits. As a key of a map it equals the integer."""

    __slots__ = ()


class TimestampValue(msgspec.Struct, frozen=True, order=True):
    """A moment, from the year 1 to 9999."""

    nanoseconds: int
    """Since 1970 in UTC."""


class DurationValue(msgspec.Struct, frozen=True, order=True):
    """A length of time, at most 292 years, positive or negative: 64 bits of nanoseconds."""

    nanoseconds: int


class TypeValue(msgspec.Struct, frozen=True):
    """The type of a value, itself a value."""

    name: str


class Optional(msgspec.Struct, frozen=True):
    """A value that may be absent."""

    value: Any
    """``ERROR`` if absent."""


NONE: Final = Optional(ERROR)
"""An absent optional."""


class BoolKey(msgspec.Struct, frozen=True):
    """A bool as the key of a map, because Python takes True and 1 for the same key."""

    value: bool


class Map(dict[Any, Any]):
    """A map with at least one key that is no string. ``as_key`` makes its keys."""

    __slots__ = ()


class LookupTable(dict[Any, Any]):
    """A map of rows by key. A key without a row reads as a row whose cells are all null.

    A row that is missing must not make a whole condition an error, because then an alert of a
    customer that is not in the table would reach no destination.
    """

    __slots__ = ("missing_row",)

    def __init__(self, rows: Mapping[str, Any], columns: Iterable[str]) -> None:
        super().__init__(rows)
        self.missing_row: Final = dict.fromkeys(columns)


NUMBERS: Final[frozenset[Any]] = frozenset({int, float, Uint})
MAPS: Final[frozenset[Any]] = frozenset({dict, Map, LookupTable})
CONTAINERS: Final[frozenset[Any]] = frozenset({list, *MAPS})
SIZED: Final[frozenset[Any]] = frozenset({str, bytes, list, *MAPS})

_KEYS: Final = frozenset({str, int, Uint})
_BOOL_KEYS: Final = {True: BoolKey(True), False: BoolKey(False)}


def as_key(value: Any) -> Any:
    """Convert a value to the key of a map; ERROR if it cannot be a key."""
    kind = value.__class__
    if kind in _KEYS:
        return value
    return _BOOL_KEYS[value] if kind is bool else ERROR


def lookup_key(value: Any) -> Any:
    """Convert a value to the key that a lookup searches; a float finds the integer it equals."""
    return value if value.__class__ is float else as_key(value)


def keys_of(container: Any) -> Iterable[Any]:
    """Return the elements of a list or the keys of a map, as CEL values."""
    if container.__class__ is Map:
        return [key.value if key.__class__ is BoolKey else key for key in container]
    keys: Iterable[Any] = container
    return keys


def make_map(entries: Iterable[tuple[Any, Any]]) -> Any:
    """Make a map; ERROR if a key is invalid or repeated, or a value is ERROR."""
    made: dict[Any, Any] = {}
    is_json = True
    for value, content in entries:
        key = as_key(value)
        if key is ERROR or content is ERROR or key in made:
            return ERROR
        is_json = is_json and key.__class__ is str
        made[key] = content
    return made if is_json else Map(made)


def deep_equal(left: Any, right: Any) -> Any:
    """Return whether two values are equal: values of different types are not.

    ERROR if that takes more than ``limits.COMPARISONS``.
    """
    kind = left.__class__
    if kind in NUMBERS:
        return right.__class__ in NUMBERS and left == right
    if kind in CONTAINERS or kind is Optional:
        return _equal_parts(left, right)
    return kind is right.__class__ and left == right


_TOO_MANY: Final[list[tuple[Any, Any]]] = []


def _equal_parts(left: Any, right: Any) -> Any:
    visited = 0
    pending = [(left, right)]
    while pending:
        one, other = pending.pop()
        pairs = _pairs(one, other)
        if pairs is None:
            return False
        visited += len(pairs)
        if visited > limits.COMPARISONS or pairs is _TOO_MANY:
            return ERROR
        for pair in pairs:
            kind = pair[0].__class__
            if kind in CONTAINERS or kind is Optional:
                pending.append(pair)
            elif not deep_equal(*pair):
                return False
    return True


def _pairs(left: Any, right: Any) -> list[tuple[Any, Any]] | None:
    """Return the parts that must be equal for both to be equal; None if they cannot be."""
    kind = left.__class__
    if kind is Optional:
        return _optional_pairs(left, right)
    is_map = kind in MAPS and right.__class__ in MAPS
    if not (is_map or kind is right.__class__) or len(left) != len(right):
        return None
    if len(left) > limits.COMPARISONS:
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
    LookupTable: "map",
    type(None): "null_type",
    TimestampValue: "google.protobuf.Timestamp",
    DurationValue: "google.protobuf.Duration",
    TypeValue: "type",
    Optional: "optional_type",
}
TYPES: Final = {name: TypeValue(name) for name in _TYPES.values()}
"""By CEL's names."""


def type_of(value: Any) -> Any:
    """``type``: the type of a value, ERROR for ERROR."""
    name = _TYPES.get(value.__class__)
    return ERROR if name is None else TYPES[name]


_DESCRIPTIONS: Final = {
    str: "text",
    bool: "bool",
    int: "number",
    float: "number",
    Uint: "unsigned number",
    bytes: "bytes",
    list: "list",
    dict: "map",
    Map: "map",
    LookupTable: "map",
    type(None): "null",
    TimestampValue: "timestamp",
    DurationValue: "duration",
    TypeValue: "type",
    Optional: "optional",
}


def describe_type(value: Any) -> str:
    """Return the name of the value's type for error messages."""
    return _DESCRIPTIONS.get(value.__class__, "nothing")
