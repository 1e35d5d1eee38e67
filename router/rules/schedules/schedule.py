"""A schedule: on at times of the week and on dates, in the local time of a time zone.

A span that ends no later than it begins continues into the next day, and belongs to the day on which
it begins. Local times make a night stay a night when the clocks change: an hour that is repeated is on
twice, an hour that is left out never.

The next change is searched by the moments at which something may change: the local times at which a
span begins or ends, both moments of a local time that occurs twice, and the change of the clocks
itself beside them. A search ends after ``SEARCH_LIMIT`` of them.
"""

import datetime as dt
import heapq
import itertools
import math
import zoneinfo
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

from router.rules.schedules.days import Days, Weekdays, date_span, weekdays
from router.rules.schedules.schedule_text import DatesText, ScheduleText, SpanText, minutes, zone

SEARCH_LIMIT: Final = 1000
"""Moments that one search looks at: about a year of a schedule with three a day."""

_DAY: Final = dt.timedelta(days=1)
_LAST_DAY: Final = dt.date.max
_MINUTES: Final = 24 * 60
"""Minutes of a day."""
_EARLIEST: Final = dt.datetime(2, 1, 1, tzinfo=dt.UTC).timestamp()
_LATEST: Final = dt.datetime(9900, 1, 1, tzinfo=dt.UTC).timestamp()
"""Times beyond these, which only recorded events have, are judged as these: each zone has them."""


class _Span(msgspec.Struct, frozen=True):
    """A time of day on some days."""

    days: Days
    begins: int
    """Minutes since midnight."""
    ends: int
    """Minutes since the same midnight, so that a night ends after more than those of a day."""

    def covers(self, day: dt.date, minute: int) -> bool:
        """Return whether a local time is in the span."""
        if self.begins <= minute < self.ends and day in self.days:
            return True
        return minute + _MINUTES < self.ends and day - _DAY in self.days

    def boundaries(self, there: zoneinfo.ZoneInfo, now: float) -> Iterator[float]:
        """Yield, in order, the moments after ``now`` at which a local time may enter or leave it."""
        found: float | None = now
        while found is not None:
            found = self._next_boundary(there, found)
            if found is not None:
                yield found

    def _next_boundary(self, there: zoneinfo.ZoneInfo, now: float) -> float | None:
        today = _local(now, there).date()
        is_whole = self.begins == 0 and self.ends == _MINUTES
        starts = self._edges(today) if is_whole else self._starts(today)
        times = (self.begins,) if is_whole else (self.begins, self.ends)
        moments = (
            moment
            for start in starts
            for time in times
            for moment in _moments(start, time, there)
            if moment > now
        )
        return min(moments, default=None)

    def _starts(self, today: dt.date) -> Iterator[dt.date]:
        """Yield the days around today on which it begins, and the next one after them."""
        yield from (day for number in range(-2, 2) if (day := today + number * _DAY) in self.days)
        following = self.days.next(today + 2 * _DAY)
        if following is not None:
            yield following

    def _edges(self, today: dt.date) -> Iterator[dt.date]:
        """Yield the days around today that are not as the day before, and the next one after them."""
        around = [today + number * _DAY for number in range(-2, 2)]
        for before, day in itertools.pairwise(around):
            if (before in self.days) != (day in self.days):
                yield day
        search = self.days.next_missing if around[-1] in self.days else self.days.next
        following = search(around[-1] + _DAY)
        if following is not None:
            yield following


class Schedule(msgspec.Struct, frozen=True):
    """A schedule, compiled."""

    name: str
    zone: zoneinfo.ZoneInfo
    spans: tuple[_Span, ...]
    exceptions: "tuple[Schedule, ...]" = ()
    """While one of these is on, the schedule is off."""

    @property
    def is_always_on(self) -> bool:
        """True if its times cover the whole week, and nothing is excepted."""
        weekly = [span for span in self.spans if isinstance(span.days, Weekdays)]
        monday = dt.date(2024, 1, 1)
        week = ((monday + day * _DAY, minute) for day in range(7) for minute in range(_MINUTES))
        return not self.exceptions and all(
            any(span.covers(*each) for span in weekly) for each in week
        )

    def is_on(self, now: float) -> bool:
        """Return whether it is on at this moment, in Unix seconds."""
        there = _local(now, self.zone)
        day, minute = there.date(), there.hour * 60 + there.minute
        return any(span.covers(day, minute) for span in self.spans) and not any(
            each.is_on(now) for each in self.exceptions
        )

    def next_change(self, now: float) -> float | None:
        """Return when it goes on or off next, in Unix seconds; None if no search finds that."""
        return next_change(self.is_on, (self,), now)[0]

    def near(self, first: dt.date, last: dt.date) -> "Schedule":
        """Return a schedule that is the same from ``first`` to ``last``, in any time zone."""
        begin, end = first - 2 * _DAY, last + 2 * _DAY
        spans = tuple(span for span in self.spans if (span.days.next(begin) or _LAST_DAY) <= end)
        exceptions = tuple(each.near(first, last) for each in self.exceptions)
        return Schedule(self.name, self.zone, spans, exceptions)

    def boundaries(self, now: float) -> Iterator[Iterator[float]]:
        """Yield the boundaries of each span, and of the exceptions."""
        yield from (span.boundaries(self.zone, now) for span in self.spans)
        for each in self.exceptions:
            yield from each.boundaries(now)


def schedule(name: str, text: ScheduleText, exceptions: tuple[Schedule, ...] = ()) -> Schedule:
    """Return a compiled schedule.

    Args:
        name: The name of the schedule.
        text: Its YAML form.
        exceptions: The schedules that its ``except`` names.
    """
    spans = (*map(_weekly, text.times), *map(_dated, text.dates))
    return Schedule(name, zone(text.time_zone), spans, exceptions)


def boundaries(schedules: Iterable[Schedule], now: float) -> Iterator[float]:
    """Yield, in order, the moments after ``now`` at which a schedule may go on or off."""
    return heapq.merge(*(each for one in schedules for each in one.boundaries(now)))


def next_change(
    is_on: Callable[[float], bool], schedules: Iterable[Schedule], now: float
) -> tuple[float | None, float]:
    """Find the first moment after ``now`` at which ``is_on``, which depends on schedules, differs.

    Args:
        is_on: The question, at Unix seconds.
        schedules: All schedules that it depends on.
        now: Unix seconds.

    Returns:
        The moment in Unix seconds, None if nothing changes at the next ``SEARCH_LIMIT`` boundaries;
        and until when the answer to ``is_on`` is known to be that of ``now``.
    """
    before = is_on(now)
    until = now
    for until in itertools.islice(boundaries(schedules, now), SEARCH_LIMIT):
        if is_on(until) != before:
            return until, until
    return None, until if until > now else math.inf


def _weekly(text: SpanText) -> _Span:
    numbers = frozenset(number for day in text.days for number in weekdays(day))
    return _span(Weekdays(numbers), text.from_, text.to)


def _dated(text: str | DatesText) -> _Span:
    if isinstance(text, str):
        return _span(date_span("dates", text), "00:00", "24:00")
    return _span(date_span("date", text.date), text.from_, text.to)


def _span(days: Days, begins: str, ends: str) -> _Span:
    begin, end = minutes("from", begins), minutes("to", ends)
    return _Span(days, begin, end if begin < end else end + _MINUTES)


def _local(now: float, there: zoneinfo.ZoneInfo) -> dt.datetime:
    """Return the local time of a moment, to the second."""
    return dt.datetime.fromtimestamp(math.floor(min(max(now, _EARLIEST), _LATEST)), there)


def _moments(day: dt.date, minute: int, there: zoneinfo.ZoneInfo) -> tuple[float, ...]:
    """Return when a local time is reached or left, in Unix seconds, and the change of clocks there.

    A local time that is left out has the moments at which either reading of the clocks shows it.
    """
    local = dt.datetime.combine(day, dt.time(), there) + dt.timedelta(minutes=minute)
    first, second = local.timestamp(), local.replace(fold=1).timestamp()
    if first == second:
        return (first,)
    low, high = sorted((int(first), int(second)))
    offset = _local(high, there).utcoffset()
    begin, end = low, high
    while end - begin > 1:
        middle = (begin + end) // 2
        if _local(middle, there).utcoffset() == offset:
            end = middle
        else:
            begin = middle
    return float(low), float(end), float(high)
