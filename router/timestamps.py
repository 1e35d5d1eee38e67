"""Read and write timestamps of RFC 3339. Everything that takes a time reads it here.

Read are `T` and `Z` in both cases, any number of digits of a fraction, and offsets from -23:59 to
+23:59. A leap second equals the first second of the next minute, because Unix time has no leap
seconds. Not read are other forms of ISO 8601 (``20260101T000000Z``, ``+0100``, a space instead of
the ``T``, a week, a time without zone) and times outside the years 1 to 9999.

Source: RFC 3339, section 5.6 "Internet Date/Time Format" and appendix D "Leap Seconds".
"""

import datetime as dt
import re
from typing import Final

CLOCK_TOLERANCE: Final = 30.0
"""Seconds by which the clocks of two senders may differ, unless ``ROUTER_CLOCK_TOLERANCE`` is set."""
EXAMPLE: Final = "2026-11-24T18:00:00Z"
"""A time, for messages that say what is expected."""
EARLIEST_NS: Final = -62_135_596_800 * 10**9
"""The first nanosecond of the year 1, in Unix nanoseconds."""
LATEST_NS: Final = 253_402_300_800 * 10**9 - 1
"""The last nanosecond of the year 9999, in Unix nanoseconds."""

_LENGTH_LIMIT: Final = 100
"""Characters of a timestamp."""
_RFC3339: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt]((?:[01]\d|2[0-3]):[0-5]\d):([0-5]\d|60)(?:\.(\d+))?"
    r"(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))",
    re.ASCII,
)
_MILLISECONDS_FROM: Final = 1e11
_EPOCH_DAY: Final = dt.date(1970, 1, 1).toordinal()


def unix_nanoseconds(text: str) -> int | None:
    """Return the Unix nanoseconds of an RFC 3339 time; None if the text is none.

    Digits of a fraction beyond the ninth are cut off.
    """
    match = _RFC3339.fullmatch(text) if len(text) <= _LENGTH_LIMIT else None
    if match is None:
        return None
    day, hour_and_minute, second, fraction, sign, ahead_hours, ahead_minutes = match.groups()
    try:
        minute = dt.datetime.fromisoformat(f"{day}T{hour_and_minute}")  # noqa: TID251 - after the check
    except ValueError:  # the 30th of February, or the year 0
        return None
    seconds = (minute.toordinal() - _EPOCH_DAY) * 86_400 + minute.hour * 3600 + minute.minute * 60
    seconds += int(second)
    if sign:
        ahead = int(ahead_hours) * 3600 + int(ahead_minutes) * 60
        seconds += ahead if sign == "-" else -ahead
    nanoseconds = seconds * 10**9
    if fraction:
        nanoseconds += int(f"{fraction:0<9}"[:9])
    return nanoseconds if EARLIEST_NS <= nanoseconds <= LATEST_NS else None


def unix_seconds(text: str) -> float | None:
    """Return the Unix seconds of an RFC 3339 time; None if the text is none."""
    nanoseconds = unix_nanoseconds(text)
    return None if nanoseconds is None else nanoseconds / 10**9


def seconds_of(number: float) -> float:
    """Return the Unix seconds of a number of seconds or, from 1e11 on, of milliseconds.

    1e11 is the year 5138 in seconds, and 1973 in milliseconds.
    """
    return number / 1000 if number >= _MILLISECONDS_FROM else number


def rfc3339_utc(unix_time: float) -> str:
    """Return Unix time as RFC 3339 in UTC, with no fraction that it does not have."""
    return dt.datetime.fromtimestamp(unix_time, dt.UTC).isoformat().replace("+00:00", "Z")


def utc_second(unix_time: float) -> str:
    """Return Unix time to the second, for a reader: ``2026-11-24 18:00:00Z``."""
    return dt.datetime.fromtimestamp(unix_time, dt.UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def utc_minute(time: str) -> str:
    """Return an RFC 3339 time in UTC, to the minute: ``2026-11-30 06:00Z``; ``""`` for none."""
    return f"{time[:10]} {time[11:16]}Z" if time else ""
