"""Sets of days: days of the week, spans of dates, and spans that return each year.

``next`` and ``next_missing`` jump to a day instead of trying each one, so that the next change of a
schedule is found quickly, however far it is.
"""

import datetime as dt
import re
from typing import Final

import msgspec

WEEK: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FIRST_YEAR: Final = 2000
LAST_YEAR: Final = 2199

_DAY: Final = dt.timedelta(days=1)
_LEAP_YEARS_APART: Final = 8
"""Years between two leap years at most: those that divide by 100 and not by 400 are none."""
_DATE: Final = re.compile(r"(?:(\d{4})-)?(\d\d)-(\d\d)", re.ASCII)


class Weekdays(msgspec.Struct, frozen=True):
    """Some days of each week."""

    numbers: frozenset[int]
    """0 is Monday."""

    def __contains__(self, day: dt.date) -> bool:
        return day.weekday() in self.numbers

    def next(self, day: dt.date) -> dt.date | None:
        """Return the first such day that is not before ``day``; None if there is none."""
        week = (day + number * _DAY for number in range(len(WEEK)))
        return next((each for each in week if each in self), None)

    def next_missing(self, day: dt.date) -> dt.date | None:
        """Return the first other day that is not before ``day``; None if there is none."""
        week = (day + number * _DAY for number in range(len(WEEK)))
        return next((each for each in week if each not in self), None)


class DateSpan(msgspec.Struct, frozen=True):
    """The days from ``first`` to ``last``."""

    first: dt.date
    last: dt.date

    def __contains__(self, day: dt.date) -> bool:
        return self.first <= day <= self.last

    def next(self, day: dt.date) -> dt.date | None:
        """Return the first such day that is not before ``day``; None if there is none."""
        return max(day, self.first) if day <= self.last else None

    def next_missing(self, day: dt.date) -> dt.date | None:
        """Return the first other day that is not before ``day``."""
        return self.last + _DAY if day in self else day


class YearlySpan(msgspec.Struct, frozen=True):
    """The days from ``first`` to ``last`` of each year, or to ``last`` of the next year.

    The 29th of February is in leap years alone.
    """

    first: tuple[int, int]
    """Month and day."""
    last: tuple[int, int]

    def __contains__(self, day: dt.date) -> bool:
        date = (day.month, day.day)
        if self.first <= self.last:
            return self.first <= date <= self.last
        return date >= self.first or date <= self.last

    def next(self, day: dt.date) -> dt.date | None:
        """Return the first such day that is not before ``day``; None if there is none."""
        if day in self:
            return day
        starts = (
            _not_before(self.first, day.year + number) for number in range(_LEAP_YEARS_APART + 1)
        )
        return next((each for each in starts if each >= day and each in self), None)

    def next_missing(self, day: dt.date) -> dt.date | None:
        """Return the first other day that is not before ``day``; None if there is none."""
        if day not in self:
            return day
        ends = (_after(self.last, day.year + number) for number in range(_LEAP_YEARS_APART + 1))
        return next((each for each in ends if each >= day and each not in self), None)


Days = Weekdays | DateSpan | YearlySpan


def weekdays(text: str) -> list[int]:
    """Return the days of ``fri`` or ``fri-mon``; 0 is Monday. Raises ValueError."""
    first, dash, last = text.partition("-")
    try:
        start, end = WEEK.index(first), WEEK.index(last if dash else first)
    except ValueError:
        expected = f"expected {', '.join(WEEK)} or a span such as mon-fri"
        raise ValueError(f"days has {text[:20]!r}, {expected}") from None
    length = (end - start) % len(WEEK) + 1
    return [(start + number) % len(WEEK) for number in range(length)]


def date_span(name: str, text: str) -> DateSpan | YearlySpan:
    """Return the days of ``2026-12-24``, ``2026-12-24..2026-12-26``, ``12-25`` or ``12-24..01-06``.

    Raises ValueError, whose text begins with ``name``.
    """
    first, dots, last = text.partition("..")
    start, end = _date(first), _date(last if dots else first)
    if isinstance(start, dt.date) and isinstance(end, dt.date):
        if end < start:
            raise ValueError(f"{name} has {text[:30]!r}, which ends before it begins")
        return DateSpan(start, end)
    if isinstance(start, tuple) and isinstance(end, tuple):
        return YearlySpan(start, end)
    raise ValueError(
        f'{name} has {text[:30]!r}, expected a date such as "2026-12-24" or 12-24 (each year),'
        f" or a span of them such as 2026-12-24..2026-12-26, in the years {FIRST_YEAR} to {LAST_YEAR}"
    )


def _date(text: str) -> dt.date | tuple[int, int] | None:
    """Return a date, or the month and day of each year; None if the text is neither."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    year, month, day = match.groups()
    try:
        found = dt.date(int(year or "2000"), int(month), int(day))  # 2000 is a leap year
    except ValueError:
        return None
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        return None
    return found if year else (found.month, found.day)


def _not_before(date: tuple[int, int], year: int) -> dt.date:
    """Return the first day of the year that is not before month and day."""
    try:
        return dt.date(year, *date)
    except ValueError:  # the 29th of February
        return dt.date(year, 3, 1)


def _after(date: tuple[int, int], year: int) -> dt.date:
    """Return the first day that is after month and day of the year."""
    try:
        return dt.date(year, *date) + _DAY
    except ValueError:  # the 29th of February
        return dt.date(year, 3, 1)
