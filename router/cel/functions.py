"""Every function and macro of conditions, in two tables that parser, compiler and type check read.

To add one: a row here, an implementation that never raises and returns ERROR for arguments of other
types, and a row with an example in docs/reference/conditions.md.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from router.cel import conversions, foreign, loops, optionals, strings, times
from router.cel.values import TYPES, type_of

ROOTS: Final = ("event", "data", "message")
"""The names that every condition may read. ``message`` is Eventarc's name of ``event``."""


class Function(msgspec.Struct, frozen=True, kw_only=True):
    """How a function is called, and what it returns."""

    run: Callable[..., Any]
    result: str
    """CEL's name of the type that it returns, ``dyn`` if that depends on the arguments."""
    min_arguments: int = 1
    max_arguments: int = 1
    """The object of a method counts as the first argument."""
    is_method: bool = True
    is_global: bool = False
    is_metered: bool = False
    """Whether a call in a macro is charged, because it takes longer for larger arguments."""
    is_lazy: bool = False
    """Whether the last argument is evaluated only if it is needed."""
    takes_pattern: bool = False
    """Whether the last argument is a regular expression, which must be a literal."""


def _conversion(run: Callable[..., Any], result: str) -> Function:
    return Function(run=run, result=result, is_method=False, is_global=True, is_metered=True)


def _string(
    run: Callable[..., Any], result: str, least: int = 2, most: int = 0, **more: bool
) -> Function:
    return Function(
        run=run,
        result=result,
        min_arguments=least,
        max_arguments=max(least, most),
        is_metered=True,
        **more,
    )


def _time_part(run: Callable[..., Any]) -> Function:
    return Function(run=run, result="int", max_arguments=2)


FUNCTIONS: Final[dict[str, Function]] = {
    "size": Function(run=strings.size, result="int", is_global=True),
    "startsWith": _string(strings.starts_with, "bool"),
    "endsWith": _string(strings.ends_with, "bool"),
    "contains": _string(strings.contains, "bool"),
    "matches": _string(strings.matches, "bool", is_global=True, takes_pattern=True),
    "lowerAscii": _string(strings.lower_ascii, "string", 1),
    "upperAscii": _string(strings.upper_ascii, "string", 1),
    "trim": _string(strings.trim, "string", 1),
    "reverse": _string(strings.reverse, "string", 1),
    "charAt": _string(strings.char_at, "string"),
    "substring": _string(strings.substring, "string", 2, 3),
    "indexOf": _string(strings.index_of, "int", 2, 3),
    "lastIndexOf": _string(strings.last_index_of, "int", 2, 3),
    "split": _string(strings.split, "list", 2, 3),
    "join": _string(strings.join, "string", 1, 2),
    "replace": _string(strings.replace, "string", 3, 4),
    "int": _conversion(conversions.to_int, "int"),
    "uint": _conversion(conversions.to_uint, "uint"),
    "double": _conversion(conversions.to_double, "double"),
    "string": _conversion(conversions.to_string, "string"),
    "bool": _conversion(conversions.to_bool, "bool"),
    "bytes": _conversion(conversions.to_bytes, "bytes"),
    "dyn": _conversion(conversions.to_dyn, "dyn"),
    "type": _conversion(type_of, "type"),
    "parseJson": _conversion(foreign.parse_json, "dyn"),
    "fingerprint": _conversion(foreign.fingerprint, "string"),
    "timestamp": _conversion(times.timestamp, "timestamp"),
    "duration": _conversion(times.duration, "duration"),
    "getFullYear": _time_part(times.year),
    "getMonth": _time_part(times.month),
    "getDate": _time_part(times.date),
    "getDayOfMonth": _time_part(times.day_of_month),
    "getDayOfWeek": _time_part(times.day_of_week),
    "getDayOfYear": _time_part(times.day_of_year),
    "getHours": _time_part(times.hours),
    "getMinutes": _time_part(times.minutes),
    "getSeconds": _time_part(times.seconds),
    "getMilliseconds": _time_part(times.milliseconds),
    "optional.of": Function(run=optionals.of, result="optional", is_method=False, is_global=True),
    "optional.none": Function(
        run=optionals.none,
        result="optional",
        min_arguments=0,
        max_arguments=0,
        is_method=False,
        is_global=True,
    ),
    "optional.ofNonZeroValue": Function(
        run=optionals.of_non_zero, result="optional", is_method=False, is_global=True
    ),
    "hasValue": Function(run=optionals.has_value, result="bool"),
    "value": Function(run=optionals.value_of, result="dyn"),
    "or": Function(
        run=optionals.or_else, result="optional", min_arguments=2, max_arguments=2, is_lazy=True
    ),
    "orValue": Function(
        run=optionals.value_or, result="dyn", min_arguments=2, max_arguments=2, is_lazy=True
    ),
}
"""By name."""

TYPE_NAMES: Final = {name: kind for name, kind in TYPES.items() if "." not in name}
"""The types whose names have no dot, such as ``int`` in ``type(x) == int``."""
TIME_TYPES: Final = {
    ("google", "protobuf", "Timestamp"): TYPES["google.protobuf.Timestamp"],
    ("google", "protobuf", "Duration"): TYPES["google.protobuf.Duration"],
}
"""The other types, by the parts of their names."""


class MacroForm(msgspec.Struct, frozen=True, kw_only=True):
    """How a macro is written, and what it returns."""

    run: Callable[..., Any]
    result: str
    """CEL's name of the type that it returns."""
    takes_one: bool = True
    """Whether it has the form ``over.macro(x, body)``."""
    takes_two: bool = True
    """Whether it has the form ``over.macro(x, y, body)``: index and element, or key and value."""
    takes_condition: bool = False
    """Whether a condition that selects items may precede the body."""
    is_loop: bool = True
    """False for a macro over an optional value."""


MACROS: Final[dict[str, MacroForm]] = {
    "all": MacroForm(run=loops.for_all, result="bool"),
    "exists": MacroForm(run=loops.exists, result="bool"),
    "exists_one": MacroForm(run=loops.exists_one, result="bool"),
    "existsOne": MacroForm(run=loops.exists_one, result="bool"),
    "filter": MacroForm(run=loops.filter_items, result="list", takes_two=False),
    "map": MacroForm(run=loops.map_items, result="list", takes_two=False, takes_condition=True),
    "transformList": MacroForm(
        run=loops.map_items, result="list", takes_one=False, takes_condition=True
    ),
    "transformMap": MacroForm(
        run=loops.transform_map, result="map", takes_one=False, takes_condition=True
    ),
    "optMap": MacroForm(run=loops.opt_map, result="optional", takes_two=False, is_loop=False),
    "optFlatMap": MacroForm(
        run=loops.opt_flat_map, result="optional", takes_two=False, is_loop=False
    ),
}
"""By name."""
