"""The first hour at which no destination is on duty."""

from typing import Any

import msgspec
import pytest

from router.rules.schedules.coverage import first_gap
from router.rules.schedules.duty import Duty
from router.rules.schedules.schedule import Schedule, schedule
from router.rules.schedules.schedule_text import ScheduleText

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


def compiled(name: str, zone: str, *exceptions: Schedule, **keys: Any) -> Schedule:
    return schedule(name, msgspec.convert({"time_zone": zone, **keys}, ScheduleText), exceptions)


def week(days: str, begins: str, ends: str) -> list[dict[str, Any]]:
    return [{"days": [days], "from": begins, "to": ends}]


HOLIDAYS = compiled("holidays", BERLIN, dates=["12-25", "2031-07-02..2031-07-03"])
OFFICE = compiled("office", BERLIN, times=week("mon-fri", "08:00", "18:00"))
OPEN = compiled("open", BERLIN, HOLIDAYS, times=week("mon-fri", "08:00", "18:00"))
NIGHTS = compiled("nights", BERLIN, times=week("mon-fri", "18:00", "08:00"))
MONDAY = compiled("monday", BERLIN, times=week("mon", "00:00", "08:00"))
WEEKEND = compiled("weekend", BERLIN, times=week("sat-sun", "00:00", "24:00"))
SUMMER = compiled("summer", BERLIN, dates=["04-01..09-30"])
WINTER = compiled("winter", BERLIN, dates=["10-01..03-31"])
LATE_WINTER = compiled("winter", BERLIN, dates=["10-02..03-31"])
EAST = compiled("east", BERLIN, times=week("mon-sun", "06:00", "18:00"))
WEST = compiled("west", NEW_YORK, times=week("mon-sun", "12:00", "24:00"))
ONCE = compiled("once", BERLIN, dates=["2027-05-01"])


@pytest.mark.parametrize(
    ("duties", "words"),
    [
        ([Duty((OFFICE,)), Duty((), (OFFICE,))], None),
        ([Duty((OPEN,)), Duty((), (OPEN,))], None),
        ([Duty((SUMMER,)), Duty((WINTER,))], None),
        ([Duty((EAST,)), Duty((), (EAST,))], None),
        ([Duty((OFFICE, NIGHTS, WEEKEND, MONDAY))], None),
        (
            [Duty((OFFICE,)), Duty((NIGHTS,)), Duty((MONDAY,))],
            "from Saturday 08:00 to Monday 00:00 (Europe/Berlin)",
        ),
        ([Duty((OFFICE,))], "from Monday 18:00 to Tuesday 08:00 (Europe/Berlin)"),
        (
            [Duty((OFFICE,)), Duty((NIGHTS,)), Duty((WEEKEND,))],
            "from Monday 00:00 to Monday 08:00 (Europe/Berlin)",
        ),
        # The office is closed on holidays, and the pager is not on duty then.
        (
            [Duty((OPEN,)), Duty((), (OFFICE,))],
            "from Monday 2028-12-25 08:00 to Monday 2028-12-25 18:00 (Europe/Berlin)",
        ),
        (
            [Duty((SUMMER,)), Duty((LATE_WINTER,))],
            "from Sunday 2028-10-01 00:00 to Monday 2028-10-02 00:00 (Europe/Berlin)",
        ),
        # A gap in the weeks between two changes of the clocks alone.
        (
            [Duty((EAST,)), Duty((WEST,))],
            "from Monday 2028-03-13 05:00 to Monday 2028-03-13 06:00 (Europe/Berlin)",
        ),
        ([Duty((ONCE,))], "at any time"),
        ([Duty((WINTER,), (WINTER,))], "at any time"),
        ([Duty((), (ONCE,))], "from Saturday 2027-05-01 00:00 to Sunday 2027-05-02 00:00"),
        (
            [Duty((), (compiled("x", "UTC", dates=["02-29"]),))],
            "from Tuesday 2028-02-29 00:00 to Wednesday 2028-03-01 00:00 (UTC)",
        ),
        ([Duty((OFFICE,)), Duty(())], None),
    ],
)
def test_the_first_gap(duties: list[Duty], words: str | None) -> None:
    gap = first_gap(tuple(duties))
    assert (gap and gap.words.startswith(words or "-")) == (words and True), gap and gap.words


def test_a_date_of_each_year_is_tried_on_each_day_of_the_week() -> None:
    """Only if the 11th of November is a Tuesday, neither of the two is on duty."""
    carnival = compiled("carnival", BERLIN, dates=["11-11"])
    tuesdays = compiled("tuesdays", BERLIN, times=week("tue", "00:00", "24:00"))
    gap = first_gap((Duty((), (carnival,)), Duty((), (tuesdays,))))

    assert gap is not None
    assert (
        gap.words == "from Tuesday 2031-11-11 00:00 to Wednesday 2031-11-12 00:00 (Europe/Berlin)"
    )
