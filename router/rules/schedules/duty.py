"""Duty: when something applies, by schedules: a destination is notified, or a rule is muted.

``during`` asks that one of its schedules is on, ``outside`` that none of its schedules is.
"""

import datetime as dt

from router.rules.schedules.schedule import Schedule, next_change

NamesText = str | tuple[str, ...]
"""The YAML form of ``during`` and ``outside``: a name, or several ones."""


class Duty:
    """The times at which something applies. Remembers its last answer for as long as it is true.

    Args:
        during: At least one of these is on; empty for at all times.
        outside: None of these is on.
    """

    def __init__(self, during: tuple[Schedule, ...], outside: tuple[Schedule, ...] = ()) -> None:
        self.during = during
        self.outside = outside
        self._known: tuple[float, float, bool, float | None] = (0.0, 0.0, False, None)

    @property
    def schedules(self) -> tuple[Schedule, ...]:
        """All schedules that it depends on."""
        return (*self.during, *self.outside)

    @property
    def words(self) -> str:
        """The same as a text: ``during office and outside holidays``."""
        parts = (("during", self.during), ("outside", self.outside))
        return " and ".join(
            f"{word} {' or '.join(each.name for each in schedules)}"
            for word, schedules in parts
            if schedules
        )

    def near(self, first: dt.date, last: dt.date) -> "Duty":
        """Return a duty that is the same from ``first`` to ``last``."""
        during, outside = (
            tuple(each.near(first, last) for each in schedules)
            for schedules in (self.during, self.outside)
        )
        return Duty(during, outside)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Duty)
            and self.during == other.during
            and self.outside == other.outside
        )

    def __hash__(self) -> int:
        return hash(tuple(each.name for each in self.schedules))

    def __repr__(self) -> str:
        return f"Duty({self.words})"

    def is_on(self, now: float) -> bool:
        """Return whether it applies at this moment, in Unix seconds."""
        return self._answer(now)[2]

    def next_change(self, now: float) -> float | None:
        """Return when that changes next, in Unix seconds; None if no search finds it."""
        return self._answer(now)[3]

    def next_on(self, now: float) -> float | None:
        """Return from when it applies, ``now`` if it does; None if no search finds it."""
        _, _, is_on, change = self._answer(now)
        return now if is_on else change

    def holds(self, now: float) -> bool:
        """Return whether it applies, as ``is_on`` does, without what it remembers."""
        is_during = not self.during or any(each.is_on(now) for each in self.during)
        return is_during and not any(each.is_on(now) for each in self.outside)

    def _answer(self, now: float) -> tuple[float, float, bool, float | None]:
        """Return since when and until when an answer is true, the answer, and the next change."""
        known = self._known
        if not known[0] <= now < known[1]:
            change, until = next_change(self.holds, self.schedules, now)
            self._known = known = (now, until, self.holds(now), change)
        return known
