"""Schedules in their YAML form.

schedules:
  office:
    time_zone: Europe/Berlin
    times: [{days: [mon-fri], from: "08:00", to: "18:00"}]
    except: [holidays]
  holidays:
    time_zone: Europe/Berlin
    dates: [12-25..12-26, "2027-03-26", {date: 12-24, from: "14:00"}]
"""

import re
import zoneinfo
from typing import Annotated, Final

import msgspec

from router.cel.times import differs_between_machines
from router.rules.key_descriptions import about
from router.rules.schedules.days import date_span, weekdays
from router.suggestions import closest_match

TIMES_LIMIT: Final = 100
DATES_LIMIT: Final = 1000

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
            weekdays(day)


class DatesText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the days of some dates, in its YAML form."""

    date: Annotated[str, about("A date, or a span such as `2026-12-24..2026-12-26`.")]
    from_: Annotated[str, about("The time of day at which it begins, `HH:MM`.")] = msgspec.field(
        default="00:00", name="from"
    )
    to: Annotated[str, about("When it ends, `HH:MM`, on the next day if that is earlier.")] = (
        "24:00"
    )

    def __post_init__(self) -> None:
        date_span("date", self.date)
        minutes("from", self.from_)
        minutes("to", self.to)


class ScheduleText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Times of the week and dates, in its YAML form."""

    time_zone: Annotated[str, about("A name such as Europe/Berlin.")] = "UTC"
    times: Annotated[tuple[SpanText, ...], about("Times of the week.")] = ()
    dates: Annotated[
        tuple[str | DatesText, ...],
        about(
            "Dates (`2026-12-24`), spans (`2026-12-24..2026-12-26`), or the same each year (`12-25`)."
        ),
    ] = ()
    except_: Annotated[
        tuple[str, ...], about("Names of schedules: while one of them is on, this one is off.")
    ] = msgspec.field(default=(), name="except")

    def __post_init__(self) -> None:
        zone(self.time_zone)
        if len(self.times) > TIMES_LIMIT:
            raise ValueError(f"times has {len(self.times)} items, at most {TIMES_LIMIT}")
        if len(self.dates) > DATES_LIMIT:
            raise ValueError(f"dates has {len(self.dates)} items, at most {DATES_LIMIT}")
        for each in self.dates:
            if isinstance(each, str):
                date_span("dates", each)
        if not self.times and not self.dates and self.problem_if_empty:
            raise ValueError(self.problem_if_empty)

    @property
    def problem_if_empty(self) -> str:
        """The problem of a text without times and dates; ``""`` if it may have none."""
        return "times is needed, or dates, with at least one item"


def minutes(name: str, text: str) -> int:
    """Return the minutes since midnight. Raises ValueError, whose text begins with ``name``."""
    if not _TIME.fullmatch(text):
        raise ValueError(f'{name} is {text[:20]!r}, expected a time of day such as "18:30"')
    hours, _, rest = text.partition(":")
    return int(hours) * 60 + int(rest)


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
