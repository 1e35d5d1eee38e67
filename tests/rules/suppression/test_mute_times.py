"""Weekly calendars, as a clock on the wall shows them, in summer and in winter."""

import pytest

from router.rules.suppression.mute_times import (
    MuteTimeText,
    SpanText,
    day_numbers,
    mute_time,
    zone,
)
from router.timestamps import unix_seconds

NIGHTS = MuteTimeText(
    time_zone="Europe/Berlin",
    times=(
        SpanText(days=("mon-fri",), from_="18:00", to="8:00"),
        SpanText(days=("sat", "sun")),
    ),
)


def at(text: str) -> float:
    return unix_seconds(text) or 0.0


@pytest.mark.parametrize(
    ("moment", "muted"),
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
def test_nights_and_weekends(moment: str, *, muted: bool) -> None:
    assert mute_time("nights", NIGHTS).is_on(at(moment)) == muted


@pytest.mark.parametrize(
    ("moment", "muted"),
    [
        ("2026-11-25T00:00:00Z", True),
        ("2026-11-25T23:59:59Z", True),
        ("2026-11-26T00:00:00Z", False),
    ],
)
def test_a_whole_day(moment: str, *, muted: bool) -> None:
    text = MuteTimeText(times=(SpanText(days=("wed",)),))
    assert mute_time("x", text).is_on(at(moment)) == muted


def test_an_hour_that_the_change_to_winter_repeats_is_muted_twice() -> None:
    text = MuteTimeText(time_zone="Europe/Berlin", times=(SpanText(from_="02:00", to="03:00"),))
    calendar = mute_time("x", text)
    muted = [calendar.is_on(at(f"2026-10-25T{hour:02}:30:00Z")) for hour in range(4)]
    assert muted == [True, True, False, False]


@pytest.mark.parametrize(
    ("text", "days"),
    [("mon", [0]), ("mon-fri", [0, 1, 2, 3, 4]), ("fri-mon", [4, 5, 6, 0]), ("sun-sun", [6])],
)
def test_days(text: str, days: list[int]) -> None:
    assert day_numbers(text) == days


@pytest.mark.parametrize("text", ["mon-", "-fri", "-", "", "mon-fri-", "monday", "1-5"])
def test_what_is_no_span_of_days_is_refused(text: str) -> None:
    """Case R19: a span without an end was its first day alone."""
    with pytest.raises(ValueError, match="expected mon, tue"):
        day_numbers(text)


@pytest.mark.parametrize("name", ["localtime", "posixrules", "Factory", "right/UTC", "posix/UTC"])
def test_a_zone_that_only_some_machines_have_is_refused(name: str) -> None:
    """Case R19."""
    with pytest.raises(ValueError, match="differs between machines"):
        zone(name)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Europe/Berln", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("Berlin", "Europe/Berlin"),
        ("new york", "America/New_York"),
        ("utc", "UTC"),
    ],
)
def test_a_misspelt_zone_gets_the_one_that_is_meant(name: str, meant: str) -> None:
    """Case R19."""
    with pytest.raises(ValueError, match=f'did you mean "{meant}"'):
        zone(name)
