"""Schedules, as a clock on the wall shows them, in summer and in winter."""

import math
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from router.rules.schedules import schedule as module
from router.rules.schedules.schedule import Schedule, schedule
from router.rules.schedules.schedule_text import ScheduleText
from router.timestamps import unix_seconds

NIGHTS = {
    "time_zone": "Europe/Berlin",
    "times": [{"days": ["mon-fri"], "from": "18:00", "to": "8:00"}, {"days": ["sat", "sun"]}],
}
OFFICE = {
    "time_zone": "Europe/Berlin",
    "times": [{"days": ["mon-fri"], "from": "08:00", "to": "18:00"}],
}


def at(text: str) -> float:
    moment = unix_seconds(text)
    assert moment is not None, text
    return moment


def compiled(text: dict[str, Any], *exceptions: Schedule) -> Schedule:
    return schedule("x", msgspec.convert(text, ScheduleText), exceptions)


def times(zone: str, *spans: tuple[str, str]) -> Schedule:
    return compiled({"time_zone": zone, "times": [{"from": a, "to": b} for a, b in spans]})


def dates(zone: str, *texts: Any) -> Schedule:
    return compiled({"time_zone": zone, "dates": list(texts)})


@pytest.mark.parametrize(
    ("moment", "on"),
    [
        ("2026-11-23T17:59:59+01:00", False),  # Monday
        ("2026-11-23T18:00:00+01:00", True),
        ("2026-11-24T00:00:00+01:00", True),
        ("2026-11-24T07:59:59+01:00", True),
        ("2026-11-24T08:00:00+01:00", False),
        ("2026-11-28T12:00:00+01:00", True),  # Saturday
        ("2026-11-29T23:59:59+01:00", True),  # Sunday
        ("2026-11-30T00:00:00+01:00", False),  # Monday: Sunday has no night of its own
        ("2026-11-30T07:00:00+01:00", False),
        # The same times of day by UTC, on either side of the change on 2026-10-25.
        ("2026-10-23T15:59:00Z", False),
        ("2026-10-23T16:00:00Z", True),
        ("2026-10-26T16:59:00Z", False),
        ("2026-10-26T17:00:00Z", True),
        # And in spring, on 2026-03-29.
        ("2026-03-27T16:59:00Z", False),
        ("2026-03-27T17:00:00Z", True),
        ("2026-03-30T15:59:00Z", False),
        ("2026-03-30T16:00:00Z", True),
    ],
)
def test_nights_and_weekends(moment: str, *, on: bool) -> None:
    assert compiled(NIGHTS).is_on(at(moment)) == on


@pytest.mark.parametrize(
    ("moment", "on"),
    [
        ("2026-12-23T23:59:59+01:00", False),
        ("2026-12-24T00:00:00+01:00", True),
        ("2026-12-26T23:59:59+01:00", True),
        ("2026-12-27T00:00:00+01:00", False),
        ("2026-12-31T13:59:59+01:00", False),
        ("2026-12-31T14:00:00+01:00", True),
        ("2027-01-01T01:59:59+01:00", True),
        ("2027-01-01T02:00:00+01:00", False),
        ("2027-12-24T12:00:00+01:00", False),
        ("2027-12-31T20:00:00+01:00", True),
    ],
)
def test_dates_of_one_year_and_of_each_year(moment: str, *, on: bool) -> None:
    yearly = {"date": "12-31", "from": "14:00", "to": "02:00"}
    assert dates("Europe/Berlin", "2026-12-24..2026-12-26", yearly).is_on(at(moment)) == on


def test_an_exception_has_its_own_time_zone() -> None:
    office = compiled(OFFICE, dates("America/New_York", "2026-12-24"))
    asked = ("04:59:59", "05:00:00", "16:59:59")  # 05:00 is midnight in New York
    assert [office.is_on(at(f"2026-12-24T{time}Z")) for time in asked] == [False, False, False]
    asked = ("2026-12-24T09:59:59Z", "2026-12-25T04:59:59Z", "2026-12-25T07:00:00Z")
    assert [office.is_on(at(time)) for time in asked] == [False, False, True]


def test_an_hour_that_the_change_to_winter_repeats_is_on_twice() -> None:
    repeated = times("Europe/Berlin", ("02:00", "03:00"))
    assert [repeated.is_on(at(f"2026-10-25T{hour:02}:30:00Z")) for hour in range(4)] == [
        *(True, True, False, False)
    ]


BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


@pytest.mark.parametrize(
    ("one", "now", "changes"),
    [
        (
            compiled(OFFICE),
            "2026-11-27T12:00:00+01:00",  # Friday
            ["2026-11-27T18:00:00+01:00", "2026-11-30T08:00:00+01:00", "2026-11-30T18:00:00+01:00"],
        ),
        # Over both changes of the clocks: the night before is an hour shorter, or longer.
        (
            compiled(NIGHTS),
            "2026-03-27T20:00:00+01:00",
            ["2026-03-30T00:00:00+02:00", "2026-03-30T18:00:00+02:00", "2026-03-31T08:00:00+02:00"],
        ),
        (
            times(BERLIN, ("22:00", "04:00")),
            "2026-03-28T23:00:00+01:00",
            ["2026-03-29T04:00:00+02:00", "2026-03-29T22:00:00+02:00"],
        ),
        (
            times(NEW_YORK, ("22:00", "04:00")),
            "2026-10-31T23:00:00-04:00",
            ["2026-11-01T04:00:00-05:00", "2026-11-01T22:00:00-05:00"],
        ),
        # A span that begins or ends in an hour that is left out: the change of the clocks.
        (
            times(BERLIN, ("02:30", "12:00")),
            "2026-03-29T01:00:00+01:00",
            ["2026-03-29T03:00:00+02:00", "2026-03-29T12:00:00+02:00"],
        ),
        (
            times(NEW_YORK, ("01:00", "02:30")),
            "2026-03-08T00:30:00-05:00",
            ["2026-03-08T01:00:00-05:00", "2026-03-08T03:00:00-04:00", "2026-03-09T01:00:00-04:00"],
        ),
        # A span in an hour that is left out is not on that day.
        (
            times(BERLIN, ("02:10", "02:50")),
            "2026-03-28T02:50:00+01:00",
            ["2026-03-30T02:10:00+02:00"],
        ),
        # A span that begins or ends in an hour that is repeated is on twice.
        (
            times(NEW_YORK, ("01:30", "12:00")),
            "2026-11-01T00:00:00-04:00",
            ["2026-11-01T01:30:00-04:00", "2026-11-01T01:00:00-05:00", "2026-11-01T01:30:00-05:00"],
        ),
        (
            times(BERLIN, ("00:00", "02:30")),
            "2026-10-25T01:00:00+02:00",
            [
                *("2026-10-25T02:30:00+02:00", "2026-10-25T02:00:00+01:00"),
                *("2026-10-25T02:30:00+01:00", "2026-10-26T00:00:00+01:00"),
            ],
        ),
        # A minute after midnight, an hour of the day before begins again.
        (
            compiled(
                {
                    "time_zone": "America/St_Johns",
                    "times": [{"days": ["fri"], "from": "23:45", "to": "23:30"}],
                }
            ),
            "2006-10-29T00:00:30-02:30",  # Sunday
            ["2006-10-29T02:31:00Z", "2006-10-29T03:00:00Z", "2006-11-04T03:15:00Z"],
        ),
        # Whole days that follow each other are one span.
        (
            dates(BERLIN, "12-24..12-26", "12-27", "2026-12-31..2027-01-02"),
            "2026-11-30T00:00:00Z",
            [
                *("2026-12-24T00:00:00+01:00", "2026-12-28T00:00:00+01:00"),
                *("2026-12-31T00:00:00+01:00", "2027-01-03T00:00:00+01:00"),
                *("2027-12-24T00:00:00+01:00", "2027-12-28T00:00:00+01:00"),
            ],
        ),
        (
            dates(NEW_YORK, "02-29"),
            "2026-11-30T00:00:00Z",
            ["2028-02-29T00:00:00-05:00", "2028-03-01T00:00:00-05:00", "2032-02-29T00:00:00-05:00"],
        ),
        (dates(BERLIN, "02-29"), "2096-03-01T00:00:00Z", ["2104-02-29T00:00:00+01:00"]),
        (
            compiled(OFFICE, dates(BERLIN, "12-24..12-26", {"date": "12-31", "from": "14:00"})),
            "2026-12-23T20:00:00+01:00",  # Wednesday
            [
                *("2026-12-28T08:00:00+01:00", "2026-12-28T18:00:00+01:00"),
                *("2026-12-29T08:00:00+01:00", "2026-12-29T18:00:00+01:00"),
                *("2026-12-30T08:00:00+01:00", "2026-12-30T18:00:00+01:00"),
                *("2026-12-31T08:00:00+01:00", "2026-12-31T14:00:00+01:00"),
            ],
        ),
    ],
)
def test_the_next_changes(one: Schedule, now: str, changes: list[str]) -> None:
    found: list[float | None] = [at(now)]
    for _ in changes:
        found.append(one.next_change(found[-1] or 0.0))
    assert found[1:] == [at(each) for each in changes]


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Europe/Berlin", "2026-03-28"),
        ("Europe/Berlin", "2026-10-24"),
        ("America/New_York", "2026-03-07"),
        ("America/New_York", "2026-10-31"),
        ("Australia/Lord_Howe", "2026-04-04"),  # half an hour
        ("Africa/Cairo", "2026-04-23"),  # midnight is left out
        ("Africa/Cairo", "2026-10-28"),  # 23:00 to 24:00 is repeated
        ("America/Havana", "2026-10-31"),  # midnight occurs twice
        ("America/St_Johns", "2006-10-28"),  # a minute after midnight, the day before begins again
        ("Pacific/Apia", "2011-12-29"),  # the 30th of December is left out
        ("America/Caracas", "2007-12-08"),  # back by half an hour, for ever
    ],
)
@pytest.mark.parametrize(
    "text",
    [
        {"times": [{"from": "01:30", "to": "02:15"}, {"from": "23:15", "to": "00:15"}]},
        {"times": [{"days": ["sat-sun", "fri"]}, {"days": ["mon"], "from": "3:00", "to": "3:00"}]},
        {
            "dates": [
                "03-29",
                "10-25..11-01",
                "12-30",
                {"date": "04-24", "from": "0:30", "to": "1:00"},
            ]
        },
    ],
    ids=["times", "days", "dates"],
)
def test_the_changes_are_those_that_asking_each_minute_finds(
    zone: str, day: str, text: dict[str, Any]
) -> None:
    one = compiled({"time_zone": zone, **text})
    start = at(f"{day}T00:00:00Z")
    minutes = [start + minute * 60.0 for minute in range(4 * 24 * 60)]
    asked = [(moment, one.is_on(moment)) for moment in minutes]
    expected = [after for (_, old), (after, new) in pairwise(asked) if old != new]

    found = []
    change = one.next_change(start)
    while change is not None and change <= minutes[-1]:
        found.append(change)
        change = one.next_change(change)

    assert found == expected


@pytest.mark.parametrize(
    "one",
    [
        compiled({"times": [{}]}),
        dates("UTC", "01-01..12-31"),
        dates("UTC", "2020-01-01"),
        compiled({"times": [{"days": ["sat"]}]}, times("Europe/Berlin", ("00:00", "24:00"))),
        times("UTC", ("06:00", "12:00"), ("12:00", "6:00")),
    ],
)
def test_a_search_that_finds_no_change_ends(one: Schedule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEARCH_LIMIT", 50)
    assert one.next_change(at("2026-11-30T12:00:00Z")) is None


@pytest.mark.parametrize("now", [-1e12, 0.0, 253402300799.0, 1e15, math.nextafter(1e9, 0)])
def test_any_time_is_judged(now: float) -> None:
    one = compiled(OFFICE, dates("Pacific/Apia", "02-29"))
    assert one.is_on(now) in {True, False}
    change = one.next_change(now)
    assert change is None or change > now


def test_a_moment_before_a_change_is_before_it() -> None:
    """A time is not rounded up to the microsecond at which a span begins."""
    begins = at("2026-11-30T08:00:00+01:00")
    assert not compiled(OFFICE).is_on(math.nextafter(begins, 0))
    assert compiled(OFFICE).next_change(math.nextafter(begins, 0)) == begins


@pytest.mark.parametrize(
    ("text", "always"),
    [
        ({"times": [{}]}, True),
        ({"times": [{"from": "06:00", "to": "06:00"}]}, True),
        ({"times": [{"days": ["mon-fri"]}, {"days": ["sat", "sun"]}]}, True),
        ({"times": [{"from": "00:00", "to": "23:59"}]}, False),
        ({"dates": ["12-24"]}, False),
    ],
)
def test_a_schedule_knows_that_it_is_always_on(text: dict[str, Any], *, always: bool) -> None:
    assert compiled(text).is_always_on == always
    assert not compiled(text, dates("UTC", "12-24")).is_always_on
