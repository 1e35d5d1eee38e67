"""Mute times: schedules of their own, or those that they name."""

import pytest

from router.rules.schedules.duty import Duty
from router.rules.schedules.schedule import Schedule, schedule
from router.rules.schedules.schedule_text import ScheduleText, SpanText
from router.rules.suppression.mute_times import MuteTime, MuteTimeText
from router.timestamps import unix_seconds


def at(text: str) -> float:
    return unix_seconds(text) or 0.0


def office() -> Schedule:
    spans = (SpanText(days=("mon-fri",), from_="08:00", to="18:00"),)
    return schedule("office", ScheduleText(time_zone="Europe/Berlin", times=spans))


def test_a_mute_time_outside_a_schedule_ends_when_that_begins() -> None:
    closed = MuteTime("closed", Duty((), (office(),)), drops=True)
    friday = at("2026-11-27T17:59:59+01:00")

    assert not closed.is_on(friday)
    assert closed.next_change(friday) == at("2026-11-27T18:00:00+01:00")
    assert closed.is_on(at("2026-11-29T12:00:00+01:00"))
    assert closed.next_change(at("2026-11-29T12:00:00+01:00")) == at("2026-11-30T08:00:00+01:00")
    assert not closed.is_always_on
    assert MuteTime("x", Duty((schedule("x", ScheduleText(times=(SpanText(),))),))).is_always_on


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ({}, "times is needed, or dates, during or outside"),
        ({"times": ()}, "times is needed"),
        ({"during": "office", "dates": ("12-24",)}, "during names the times"),
        ({"outside": "office", "except_": ("office",)}, "outside names the times"),
    ],
)
def test_a_mute_time_has_times_or_names_them(text: dict, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        MuteTimeText(**text)
