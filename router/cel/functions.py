"""Every function and macro of conditions, in two tables. Parser, compiler and type check read them.

To add one: a row here, an implementation that never raises and gives ERROR for other types, a row
with an example in docs/conditions.md.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from router.cel import conversions, loops, optionals, times
from router.cel import strings as texts
from router.cel.values import TYPES, type_of

ROOTS: Final = ("event", "data", "message")
"""What a condition may read. ``message`` is ``event`` in Eventarc's spelling."""


class Function(msgspec.Struct, frozen=True, kw_only=True):
    """How a function is called, and what it gives."""

    run: Callable[..., Any]
    result: str
    """CEL's name of the type that it gives, ``dyn`` where that depends."""
    least: int = 1
    most: int = 1
    """How many arguments it takes; the target of a method is the first."""
    is_method: bool = True
    is_global: bool = False
    grows: bool = False
    """It takes longer for larger arguments, so that within a macro it has a price."""
    is_lazy: bool = False
    """Its last argument is computed only where it is needed."""
    takes_pattern: bool = False
    """Its last argument is a regular expression that stands in the condition."""


def _conversion(run: Callable[..., Any], result: str) -> Function:
    return Function(run=run, result=result, is_method=False, is_global=True, grows=True)


def _text(
    run: Callable[..., Any], result: str, least: int = 2, most: int = 0, **more: bool
) -> Function:
    return Function(run=run, result=result, least=least, most=max(least, most), grows=True, **more)


def _part_of_time(run: Callable[..., Any]) -> Function:
    return Function(run=run, result="int", most=2)


FUNCTIONS: Final[dict[str, Function]] = {
    "size": Function(run=texts.size, result="int", is_global=True),
    "startsWith": _text(texts.starts_with, "bool"),
    "endsWith": _text(texts.ends_with, "bool"),
    "contains": _text(texts.contains, "bool"),
    "matches": _text(texts.matches, "bool", is_global=True, takes_pattern=True),
    "lowerAscii": _text(texts.lower_ascii, "string", 1),
    "upperAscii": _text(texts.upper_ascii, "string", 1),
    "trim": _text(texts.trim, "string", 1),
    "reverse": _text(texts.reverse, "string", 1),
    "charAt": _text(texts.char_at, "string"),
    "substring": _text(texts.substring, "string", 2, 3),
    "indexOf": _text(texts.index_of, "int", 2, 3),
    "lastIndexOf": _text(texts.last_index_of, "int", 2, 3),
    "split": _text(texts.split, "list", 2, 3),
    "join": _text(texts.join, "string", 1, 2),
    "replace": _text(texts.replace, "string", 3, 4),
    "int": _conversion(conversions.to_int, "int"),
    "uint": _conversion(conversions.to_uint, "uint"),
    "double": _conversion(conversions.to_double, "double"),
    "string": _conversion(conversions.to_string, "string"),
    "bool": _conversion(conversions.to_bool, "bool"),
    "bytes": _conversion(conversions.to_bytes, "bytes"),
    "dyn": _conversion(conversions.to_dyn, "dyn"),
    "type": _conversion(type_of, "type"),
    "timestamp": _conversion(times.timestamp, "timestamp"),
    "duration": _conversion(times.duration, "duration"),
    "getFullYear": _part_of_time(times.year),
    "getMonth": _part_of_time(times.month),
    "getDate": _part_of_time(times.date),
    "getDayOfMonth": _part_of_time(times.day_of_month),
    "getDayOfWeek": _part_of_time(times.day_of_week),
    "getDayOfYear": _part_of_time(times.day_of_year),
    "getHours": _part_of_time(times.hours),
    "getMinutes": _part_of_time(times.minutes),
    "getSeconds": _part_of_time(times.seconds),
    "getMilliseconds": _part_of_time(times.milliseconds),
    "optional.of": Function(run=optionals.of, result="optional", is_method=False, is_global=True),
    "optional.none": Function(
        run=optionals.none, result="optional", least=0, most=0, is_method=False, is_global=True
    ),
    "optional.ofNonZeroValue": Function(
        run=optionals.of_non_zero, result="optional", is_method=False, is_global=True
    ),
    "hasValue": Function(run=optionals.has_value, result="bool"),
    "value": Function(run=optionals.value_of, result="dyn"),
    "or": Function(run=optionals.or_else, result="optional", least=2, most=2, is_lazy=True),
    "orValue": Function(run=optionals.value_or, result="dyn", least=2, most=2, is_lazy=True),
}

TYPE_NAMES: Final = {name: kind for name, kind in TYPES.items() if "." not in name}
"""``int`` in ``type(x) == int``. The names of the others have dots."""
TIME_TYPES: Final = {
    ("google", "protobuf", "Timestamp"): TYPES["google.protobuf.Timestamp"],
    ("google", "protobuf", "Duration"): TYPES["google.protobuf.Duration"],
}


class MacroForm(msgspec.Struct, frozen=True, kw_only=True):
    """How a macro is written, and what it gives."""

    run: Callable[..., Any]
    result: str
    one: bool = True
    """``over.macro(x, body)``."""
    two: bool = True
    """``over.macro(x, y, body)``: index and element, key and value."""
    may_filter: bool = False
    """A condition may stand before the body: only those for which it holds."""
    is_optional: bool = False
    """It is over an optional value, and no loop."""


MACROS: Final[dict[str, MacroForm]] = {
    "all": MacroForm(run=loops.every, result="bool"),
    "exists": MacroForm(run=loops.some, result="bool"),
    "exists_one": MacroForm(run=loops.exactly_one, result="bool"),
    "existsOne": MacroForm(run=loops.exactly_one, result="bool"),
    "filter": MacroForm(run=loops.filtered, result="list", two=False),
    "map": MacroForm(run=loops.mapped, result="list", two=False, may_filter=True),
    "transformList": MacroForm(run=loops.mapped, result="list", one=False, may_filter=True),
    "transformMap": MacroForm(run=loops.mapped_values, result="map", one=False, may_filter=True),
    "optMap": MacroForm(run=loops.opt_map, result="optional", two=False, is_optional=True),
    "optFlatMap": MacroForm(run=loops.opt_flat_map, result="optional", two=False, is_optional=True),
}
