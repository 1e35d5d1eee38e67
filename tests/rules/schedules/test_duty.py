"""During and outside schedules."""

import pytest

from router.rules.schedules.duty import Duty
from router.rules.schedules.schedule import Schedule, schedule
from router.rules.schedules.schedule_text import DatesText, ScheduleText, SpanText


def span(name: str, begins: str, ends: str) -> Schedule:
    return schedule(name, ScheduleText(times=(SpanText(from_=begins, to=ends),)))


EARLY, LATE = span("early", "06:00", "14:00"), span("late", "14:00", "22:00")
LUNCH = span("lunch", "12:00", "13:00")
HOUR = 3600.0


@pytest.mark.parametrize(
    ("duty", "changes", "words"),
    [
        (Duty((EARLY,)), [6, 14, 30], "during early"),
        (Duty((EARLY, LATE)), [6, 22, 30], "during early or late"),
        (Duty((), (EARLY, LATE)), [6, 22, 30], "outside early or late"),
        (Duty((EARLY,), (LUNCH,)), [6, 12, 13, 14], "during early and outside lunch"),
    ],
)
def test_the_times_of_a_duty(duty: Duty, changes: list[int], words: str) -> None:
    found = [0.0]
    for _ in changes:
        found.append(duty.next_change(found[-1]) or -1.0)
    assert found[1:] == [hour * HOUR for hour in changes]
    assert duty.words == words


def test_what_is_remembered_is_not_asked_of_other_times() -> None:
    duty = Duty((EARLY,), (LUNCH,))
    hours = [6, 11, 5, 12, 13, 30, 12, 6, 13.999, 14, 29.999, 30]
    assert [duty.is_on(hour * HOUR) for hour in hours] == [
        duty.holds(hour * HOUR) for hour in hours
    ]


def test_the_next_time_on_is_now_or_the_next_change() -> None:
    duty = Duty((EARLY,))
    assert [duty.next_on(hour * HOUR) for hour in (5, 6, 7, 14)] == [
        *(6 * HOUR, 6 * HOUR, 7 * HOUR, 30 * HOUR)
    ]
    over = schedule("over", ScheduleText(dates=(DatesText(date="2020-01-01"),)))
    assert Duty((over,)).next_on(1.8e9) is None
