"""The first time at which no destination of a list is on duty.

The search goes through one year of weeks, then through the days around each date in the schedules. It
does not depend on the present, so that a rules folder is valid or invalid whenever it is read. Dates of
each year are tried in eleven years in a row, in which they are on each day of the week; only the 29th
of February is not.
"""

import datetime as dt
import functools
import itertools
import zoneinfo
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from router.rules.schedules.days import DateSpan, YearlySpan
from router.rules.schedules.duty import Duty
from router.rules.schedules.schedule import Schedule, boundaries

_DAY: Final = dt.timedelta(days=1)
_FIRST: Final = dt.date(2028, 1, 3)  # a Monday
_YEARS: Final = range(_FIRST.year - 1, _FIRST.year + 10)
_WEEKS: Final = 53 * 7 * _DAY
_SHOWN_SPAN: Final = 15 * _DAY
"""How much of a span of dates is tried: all that differs within it returns each week."""
_WEEK_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_Window = tuple[dt.date, dt.date]


class Gap(msgspec.Struct, frozen=True):
    """A time at which no destination is on duty, in local time."""

    begins: dt.datetime
    ends: dt.datetime | None
    """None if no destination is on duty at any time."""
    zone: str
    is_weekly: bool
    """True if it is the same in the weeks that follow."""

    @property
    def words(self) -> str:
        """The gap as the end of a sentence."""
        if self.ends is None:
            return "at any time"
        return f"from {self._moment(self.begins)} to {self._moment(self.ends)} ({self.zone})"

    def _moment(self, moment: dt.datetime) -> str:
        date = "" if self.is_weekly else f" {moment:%Y-%m-%d}"
        return f"{_WEEK_DAYS[moment.weekday()]}{date} {moment:%H:%M}"


@functools.lru_cache(maxsize=256)
def first_gap(duties: tuple[Duty, ...]) -> Gap | None:
    """Return the first time at which none of the duties is on; None if none is found."""
    if not all(duty.schedules for duty in duties):
        return None  # a name is unknown, which is reported
    named = tuple(schedule for duty in duties for schedule in duty.schedules)
    schedules = tuple(_with_exceptions(named))
    zone = named[0].zone

    for number, window in enumerate(_windows(schedules)):
        near = [duty.near(*window) for duty in duties]  # most dates are not
        begin, end = (_midnight(day, zone) for day in window)
        # A gap at the beginning of the year is a part of one that comes again.
        found = _first_in(near, begin, end, skips_first=number == 0)
        if found is not None:
            return _gap(duties, *found, zone)
    return None


def _is_covered(duties: Iterable[Duty], now: float) -> bool:
    return any(duty.holds(now) for duty in duties)


def _gap(duties: Sequence[Duty], begins: float, ends: float | None, zone: zoneinfo.ZoneInfo) -> Gap:
    begin = dt.datetime.fromtimestamp(begins, zone)
    if ends is None:
        return Gap(begin, None, zone.key, is_weekly=False)
    end = dt.datetime.fromtimestamp(ends, zone)
    later = (
        (moment + week * 7 * _DAY).timestamp()
        for week in (1, 2)
        for moment in (begin, end - dt.timedelta(minutes=1))
    )
    is_weekly = not any(_is_covered(duties, moment) for moment in later)
    return Gap(begin, end, zone.key, is_weekly=is_weekly)


def _first_in(
    duties: Sequence[Duty], begin: float, end: float, *, skips_first: bool
) -> tuple[float, float | None] | None:
    """Return the first gap from ``begin`` to ``end``; its end is None if it has none.

    ``skips_first`` skips a gap that has begun before, unless it is the only one.
    """
    schedules = [schedule for duty in duties for schedule in duty.schedules]
    moments = itertools.takewhile(lambda moment: moment <= end, boundaries(schedules, begin))
    changes = [(begin, _is_covered(duties, begin))]
    for moment in moments:
        if _is_covered(duties, moment) != changes[-1][1]:
            changes.append((moment, not changes[-1][1]))
    gaps = [
        (since, changes[number + 1][0] if number + 1 < len(changes) else None)
        for number, (since, covered) in enumerate(changes)
        if not covered
    ]
    if skips_first and len(gaps) > 1 and gaps[0][0] == begin:
        return gaps[1]
    if not gaps:
        return None
    since, until = gaps[0]
    is_whole = skips_first and since == begin
    return since, end if until is None and not is_whole else until


def _windows(schedules: Sequence[Schedule]) -> Iterator[_Window]:
    """Yield spans of days: a year, then the days around each date of the schedules."""
    yield _FIRST, _FIRST + _WEEKS
    around = sorted(
        window
        for schedule in schedules
        for span in schedule.spans
        for dates in _dates(span.days)
        for window in _around(dates)
    )
    merged: list[_Window] = []
    for first, last in around:
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    yield from merged


def _dates(days: object) -> Iterator[DateSpan]:
    """Yield the dates of a span of dates, those of each year in the years that are tried."""
    if isinstance(days, DateSpan):
        yield days
    if isinstance(days, YearlySpan):
        for year in _YEARS:
            first = days.next(dt.date(year, 1, 1))
            last = days.next_missing(first) if first is not None else None
            if first is not None and last is not None:
                yield DateSpan(first, last - _DAY)


def _around(dates: DateSpan) -> Iterator[_Window]:
    yield dates.first - _DAY, min(dates.last + 2 * _DAY, dates.first + _SHOWN_SPAN)
    yield dates.last - _DAY, dates.last + 2 * _DAY


def _with_exceptions(schedules: Sequence[Schedule]) -> Iterator[Schedule]:
    for each in schedules:
        yield each
        yield from _with_exceptions(each.exceptions)


def _midnight(day: dt.date, zone: zoneinfo.ZoneInfo) -> float:
    return dt.datetime.combine(day, dt.time(), zone).timestamp()
