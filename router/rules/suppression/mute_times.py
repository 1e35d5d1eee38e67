"""Mute times: when a rule notifies no destination.

    mute_times:
      nights:
        time_zone: Europe/Berlin
        times: [{days: [mon-fri], from: "18:00", to: "08:00"}, {days: [sat, sun]}]
      closed: {outside: office, when_over: drop}

A mute time has the keys of a schedule, or names schedules by ``during`` and ``outside``.
"""

from typing import Annotated

import msgspec

from router.rules.key_descriptions import about
from router.rules.schedules.duty import Duty, NamesText
from router.rules.schedules.schedule_text import ScheduleText
from router.rules.suppression.when_over import WhenOver, WhenOverKey


class MuteTimeText(ScheduleText, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Times of the week and dates at which no destination is notified, in its YAML form."""

    during: Annotated[
        NamesText | None, about("Names of schedules: it mutes while one of them is on.")
    ] = None
    outside: Annotated[
        NamesText | None, about("Names of schedules: it mutes while none of them is on.")
    ] = None
    when_over: WhenOverKey = WhenOver.TELL

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.has_own_times and (self.during is not None or self.outside is not None):
            word = "during" if self.during is not None else "outside"
            raise ValueError(f"{word} names the times: remove it, or times, dates and except")

    @property
    def has_own_times(self) -> bool:
        """True if it has times or dates of its own."""
        return bool(self.times or self.dates or self.except_)

    @property
    def problem_if_empty(self) -> str:
        if self.during is not None or self.outside is not None:
            return ""
        return "times is needed, or dates, during or outside"


class MuteTime(msgspec.Struct, frozen=True):
    """A mute time, compiled."""

    name: str
    duty: Duty
    """When it mutes."""
    drops: bool = False
    """True if alerts that are open when it ends are not notified then."""

    @property
    def is_always_on(self) -> bool:
        """True if its times cover the whole week."""
        return any(each.is_always_on for each in self.duty.during) and not self.duty.outside

    def is_on(self, now: float) -> bool:
        """Return whether it mutes at this moment, in Unix seconds."""
        return self.duty.is_on(now)

    def next_change(self, now: float) -> float | None:
        """Return when it begins or ends next, in Unix seconds; None if no search finds that."""
        return self.duty.next_change(now)
