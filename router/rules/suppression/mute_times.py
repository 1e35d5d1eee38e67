"""Mute times: weekly calendars in which a rule notifies no destination.

    nights:
      time_zone: Europe/Berlin
      times:
        - {days: [mon-fri], from: "18:00", to: "08:00"}
        - {days: [sat, sun]}

Times are local times in the time zone, so that a night stays a night when the clocks change. A span
that ends no later than it begins continues into the next day, and belongs to the day on which it
begins.
"""

import datetime as dt
import re
import zoneinfo
from typing import Annotated, Final

import msgspec

from router.cel.times import differs_between_machines
from router.rules.key_descriptions import about
from router.suggestions import closest_match

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIME: Final = re.compile(r"([01]?\d|2[0-3]):[0-5]\d|24:00")


class SpanText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One span of a week, in its YAML form."""

    days: Annotated[tuple[str, ...], about("Days, or spans of days such as `mon-fri`.")] = (
        "mon-sun",
    )
    from_: Annotated[str, about("The time of day at which it begins, `HH:MM`.")] = msgspec.field(
        default="00:00", name="from"
    )
    to: Annotated[str, about("When it ends, `HH:MM`, on the next day if that is earlier.")] = (
        "24:00"
    )

    def __post_init__(self) -> None:
        minutes("from", self.from_)
        minutes("to", self.to)
        if not self.days:
            raise ValueError("days is empty, leave it out for every day")
        for day in self.days:
            day_numbers(day)


class MuteTimeText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A weekly calendar, in its YAML form."""

    time_zone: Annotated[str, about("A name such as Europe/Berlin.")] = "UTC"
    times: Annotated[tuple[SpanText, ...], about("When no destination is notified.")]

    def __post_init__(self) -> None:
        zone(self.time_zone)
        if not self.times:
            raise ValueError("times is empty, it needs at least one")


class _Span(msgspec.Struct, frozen=True):
    days: frozenset[int]
    begins: int
    """Minutes since midnight."""
    ends: int


class MuteTime(msgspec.Struct, frozen=True):
    """A weekly calendar, compiled."""

    name: str
    zone: zoneinfo.ZoneInfo
    spans: tuple[_Span, ...]

    @property
    def is_always_on(self) -> bool:
        """True if its spans cover the whole week."""
        week = ((day, minute) for day in range(len(DAYS)) for minute in range(24 * 60))
        return all(any(_covers(span, *each) for span in self.spans) for each in week)

    def is_on(self, now: float) -> bool:
        """Return whether it mutes at this moment, in Unix seconds."""
        there = dt.datetime.fromtimestamp(now, self.zone)
        minute, day = there.hour * 60 + there.minute, there.weekday()
        return any(_covers(span, day, minute) for span in self.spans)


def mute_time(name: str, text: MuteTimeText) -> MuteTime:
    """Return the compiled calendar.

    Args:
        name: The name of the mute time.
        text: Its YAML form.
    """
    spans = tuple(
        _Span(
            frozenset(number for day in span.days for number in day_numbers(day)),
            minutes("from", span.from_),
            minutes("to", span.to),
        )
        for span in text.times
    )
    return MuteTime(name, zone(text.time_zone), spans)


def minutes(name: str, text: str) -> int:
    """Return the minutes since midnight. Raises ValueError, whose text begins with ``name``."""
    if not _TIME.fullmatch(text):
        raise ValueError(f'{name} is {text[:20]!r}, expected a time of day such as "18:30"')
    hours, _, rest = text.partition(":")
    return int(hours) * 60 + int(rest)


def day_numbers(text: str) -> list[int]:
    """Return the days of ``fri`` or ``fri-mon``; 0 is Monday. Raises ValueError."""
    first, dash, last = text.partition("-")
    try:
        start, end = DAYS.index(first), DAYS.index(last if dash else first)
    except ValueError:
        expected = f"expected {', '.join(DAYS)} or a span such as mon-fri"
        raise ValueError(f"days has {text[:20]!r}, {expected}") from None
    length = (end - start) % 7 + 1
    return [(start + number) % 7 for number in range(length)]


def zone(name: str) -> zoneinfo.ZoneInfo:
    """Return the time zone of this name. Raises ValueError."""
    if differs_between_machines(name):
        raise ValueError(
            f"time_zone is {name!r}, which differs between machines:"
            " expected a name such as Europe/Berlin or UTC"
        )
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"time_zone is {name[:60]!r}, expected a name such as Europe/Berlin or UTC"
            + _near_zone(name[:60])
        ) from None


def _near_zone(name: str) -> str:
    """Return the zone that is probably meant, for a message; ``""`` if none is similar."""
    by_name = {each.lower(): each for each in sorted(zoneinfo.available_timezones())}
    by_city = {each.rpartition("/")[2]: each for each in by_name}
    wanted = name.strip().lower().replace(" ", "_")
    match = by_city.get(wanted) or closest_match(wanted, by_name)
    return f'; did you mean "{by_name[match]}"?' if match else ""


def _covers(span: _Span, day: int, minute: int) -> bool:
    if span.begins < span.ends:
        return day in span.days and span.begins <= minute < span.ends
    began_today = day in span.days and minute >= span.begins
    return began_today or ((day - 1) % 7 in span.days and minute < span.ends)
