"""Timestamps and durations: parsing, formatting, and their parts in a time zone.

The unit is the nanosecond, as in Google's implementations. Source: CEL language
definition, "Timezones" and the functions on google.protobuf.Timestamp and Duration.
"""

import functools
import re
import zoneinfo
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, Final

from router.cel import limits
from router.cel.values import ERROR, DurationValue, TimestampValue
from router.timestamps import EARLIEST_NS, LATEST_NS, unix_nanoseconds

_SECOND: Final = 10**9
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TEXT_LIMIT: Final = 100
"""Characters of a duration or zone."""

_DURATION: Final = re.compile(r"([+-]?)((?:\d+(?:\.\d*)?|\.\d+)(?:h|ms|m|s|us|ns))+", re.ASCII)
_PART: Final = re.compile(r"(\d*)\.?(\d*)(h|ms|m|s|us|ns)", re.ASCII)
_OFFSET: Final = re.compile(r"([+-]?)(\d\d?):(\d\d)", re.ASCII)
_ZONE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*")
_LOCAL_ZONES: Final = frozenset({"localtime", "posixrules", "Factory"})
"""Names in the time zone database that stand for the zone of a machine, or for none."""
_MACHINE_FOLDERS: Final = ("posix/", "right/")
"""Variants of all zones, which only some machines have; ``right`` counts leap seconds."""
_UNITS: Final = {
    "h": 3600 * _SECOND,
    "m": 60 * _SECOND,
    "s": _SECOND,
    "ms": 10**6,
    "us": 10**3,
    "ns": 1,
}


def timestamp_of(nanoseconds: int) -> Any:
    """Return the timestamp at ``nanoseconds`` since 1970; ERROR outside the years 1 to 9999."""
    return TimestampValue(nanoseconds) if EARLIEST_NS <= nanoseconds <= LATEST_NS else ERROR


def duration_of(nanoseconds: int) -> Any:
    """Return the duration; ERROR if it does not fit 64 bits."""
    return DurationValue(nanoseconds) if limits.INT_MIN <= nanoseconds <= limits.INT_MAX else ERROR


def timestamp(value: Any) -> Any:
    """``timestamp``: from a string in RFC 3339, or from seconds since 1970."""
    kind = value.__class__
    if kind is str:
        return _parsed(value)
    if kind is int:
        return timestamp_of(value * _SECOND)
    return value if kind is TimestampValue else ERROR


def _parsed(text: str) -> Any:
    nanoseconds = unix_nanoseconds(text)
    return ERROR if nanoseconds is None else TimestampValue(nanoseconds)


def duration(value: Any) -> Any:
    """``duration``: from a string such as ``1h30m`` or ``-1.5s``: units h, m, s, ms, us, ns."""
    if value.__class__ is DurationValue:
        return value
    if value.__class__ is not str or len(value) > _TEXT_LIMIT:
        return ERROR
    if value.lstrip("+-") == "0" and len(value) <= 2:
        return DurationValue(0)
    match = _DURATION.fullmatch(value)
    if match is None:
        return ERROR
    total = 0
    for whole, fraction, unit in _PART.findall(value):
        size = _UNITS[unit]
        total += int(whole or 0) * size + int(fraction or 0) * size // 10 ** len(fraction)
    return duration_of(-total if match[1] == "-" else total)


def timestamp_text(value: TimestampValue) -> str:
    """Format in RFC 3339, in UTC."""
    seconds, nanoseconds = divmod(value.nanoseconds, _SECOND)
    moment = (_EPOCH + timedelta(seconds=seconds)).replace(tzinfo=None)
    return f"{moment.isoformat()}{_fraction(nanoseconds)}Z"


def duration_text(value: DurationValue) -> str:
    """Format in seconds, such as ``5400s`` or ``-1.500s``."""
    seconds, nanoseconds = divmod(abs(value.nanoseconds), _SECOND)
    return f"{'-' * (value.nanoseconds < 0)}{seconds}{_fraction(nanoseconds)}s"


def _fraction(nanoseconds: int) -> str:
    """Format the fraction of a second with three, six or nine digits; ``""`` for zero."""
    text = f".{nanoseconds:09}"
    while text.endswith("000"):
        text = text[:-3]
    return text.rstrip(".")


def zone(name: str) -> tzinfo | None:
    """Return the zone ``Europe/Berlin``, ``UTC``, ``+05:30``, ``-03:00``; None if unknown."""
    return _zone(name) if len(name) <= _TEXT_LIMIT else None


def differs_between_machines(name: str) -> bool:
    """Tell whether a name of the time zone database is not the same zone on every machine."""
    return name in _LOCAL_ZONES or name.startswith(_MACHINE_FOLDERS)


@functools.lru_cache(maxsize=256)
def _zone(name: str) -> tzinfo | None:
    if name in {"", "UTC"}:
        return UTC
    offset = _OFFSET.fullmatch(name)
    if offset is not None:
        ahead = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
        return timezone(-ahead if offset[1] == "-" else ahead) if ahead.days < 1 else None
    # ZoneInfo makes a path of the name, which may come from an event.
    if not _ZONE.fullmatch(name) or differs_between_machines(name):
        return None
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _local(value: TimestampValue, zone_name: Any) -> datetime | None:
    tz = zone(zone_name) if zone_name.__class__ is str else None
    if tz is None:
        return None
    try:
        return (_EPOCH + timedelta(microseconds=value.nanoseconds // 1000)).astimezone(tz)
    except OverflowError:  # on the first and the last day that datetime has
        return None


def accessor(
    of_timestamp: Callable[[datetime], int], of_duration: Callable[[int], int] | None = None
) -> Callable[..., Any]:
    """Return ``t.getHours()``, ``t.getHours(zone)`` or the like.

    Args:
        of_timestamp: The part of a local time.
        of_duration: The part of a duration in nanoseconds, None if durations lack it.
    """

    def part(value: Any, *zone_name: Any) -> Any:
        if value.__class__ is TimestampValue:
            moment = _local(value, zone_name[0] if zone_name else "UTC")
            return ERROR if moment is None else of_timestamp(moment)
        if value.__class__ is DurationValue and of_duration is not None and not zone_name:
            length = of_duration(abs(value.nanoseconds))
            return -length if value.nanoseconds < 0 else length
        return ERROR

    return part


year: Final = accessor(lambda moment: moment.year)
month: Final = accessor(lambda moment: moment.month - 1)
date: Final = accessor(lambda moment: moment.day)
day_of_month: Final = accessor(lambda moment: moment.day - 1)
day_of_week: Final = accessor(lambda moment: moment.isoweekday() % 7)
day_of_year: Final = accessor(lambda moment: moment.timetuple().tm_yday - 1)
hours: Final = accessor(lambda moment: moment.hour, lambda length: length // (3600 * _SECOND))
minutes: Final = accessor(lambda moment: moment.minute, lambda length: length // (60 * _SECOND))
seconds: Final = accessor(lambda moment: moment.second, lambda length: length // _SECOND)
milliseconds: Final = accessor(
    lambda moment: moment.microsecond // 1000, lambda length: length % _SECOND // 10**6
)
