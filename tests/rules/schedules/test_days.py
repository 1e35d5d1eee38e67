"""Days of the week, dates, and dates that return each year."""

import datetime as dt
from itertools import pairwise

import pytest

from router.rules.schedules.days import Days, Weekdays, date_span, weekdays

DAY = dt.timedelta(days=1)


@pytest.mark.parametrize(
    ("text", "days"),
    [("mon", [0]), ("mon-fri", [0, 1, 2, 3, 4]), ("fri-mon", [4, 5, 6, 0]), ("sun-sun", [6])],
)
def test_days_of_the_week(text: str, days: list[int]) -> None:
    assert weekdays(text) == days


@pytest.mark.parametrize("text", ["mon-", "-fri", "-", "", "mon-fri-", "monday", "1-5"])
def test_what_is_no_span_of_days_is_refused(text: str) -> None:
    """Case R19: a span without an end was its first day alone."""
    with pytest.raises(ValueError, match="expected mon, tue"):
        weekdays(text)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("2026-12-24", ["2026-12-24"]),
        ("2026-12-31..2027-01-01", ["2026-12-31", "2027-01-01"]),
        ("12-25", ["2024-12-25", "2025-12-25", "2026-12-25"]),
        ("12-31..01-01", ["2024-01-01", "2024-12-31", "2025-01-01", "2025-12-31", "2026-01-01"]),
        ("02-29", ["2024-02-29", "2028-02-29"]),
        ("02-28..02-29", ["2024-02-28", "2024-02-29", "2025-02-28"]),
        ("02-29..03-01", ["2024-02-29", "2024-03-01", "2025-03-01"]),
    ],
)
def test_dates(text: str, days: list[str]) -> None:
    span = date_span("dates", text)
    first, last = dt.date.fromisoformat(days[0]), dt.date.fromisoformat(days[-1])
    start = dt.date(2024, 1, 1)
    found = [start + number * DAY for number in range((last - start).days + 1)]

    assert [str(day) for day in found if day in span] == days
    assert span.next(start) == first


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-29",
        "02-30",
        "13-01",
        "2026-12-24..12-26",
        "2026-12-26..2026-12-24",
        "24.12.",
        "12-24..",
        "..12-24",
        "1999-12-31",
        "2200-01-01",
        "2026-12-24 .. 2026-12-26",
        "",
    ],
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="dates has"):
        date_span("dates", text)


@pytest.mark.parametrize(
    "days",
    [
        Weekdays(frozenset({4, 5, 6})),
        Weekdays(frozenset({2})),
        *(
            date_span("dates", text)
            for text in (
                "2027-02-26..2027-03-02",
                "02-29",
                "02-20..02-29",
                "02-29..03-05",
                "12-24..01-06",
                "03-01..02-28",
            )
        ),
    ],
)
def test_the_next_day_is_the_one_that_trying_each_day_finds(days: Days) -> None:
    tried = [dt.date(2026, 12, 1) + number * DAY for number in range(500)]
    states = {day: day in days for day in tried}
    edges = [after for before, after in pairwise(tried) if states[before] != states[after]]
    for day in tried[:30] + tried[60:120]:
        following = next(edge for edge in edges if edge > day) if edges[-1] > day else None
        if following is not None:
            jump = days.next_missing if states[day] else days.next
            assert jump(day) == following


@pytest.mark.parametrize(
    ("days", "day", "following"),
    [
        ("02-29", "2096-03-01", "2104-02-29"),  # 2100 is no leap year
        ("02-29", "2028-02-29", "2028-02-29"),
        ("2027-01-01", "2027-01-02", "None"),
    ],
)
def test_the_next_day_may_be_years_ahead_or_never(days: str, day: str, following: str) -> None:
    assert str(date_span("dates", days).next(dt.date.fromisoformat(day))) == following


def test_a_span_of_the_whole_year_and_one_of_the_whole_week_never_end() -> None:
    day = dt.date(2026, 6, 1)
    assert date_span("dates", "01-01..12-31").next_missing(day) is None
    assert date_span("dates", "03-01..02-29").next_missing(day) is None
    assert str(date_span("dates", "03-01..02-28").next_missing(day)) == "2028-02-29"
    assert Weekdays(frozenset(range(7))).next_missing(day) is None
