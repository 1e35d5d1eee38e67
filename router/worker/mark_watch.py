"""How long this process has seen marks unchanged (pure).

A process marks in Redis what its own rules do not know: a destination, or a feature of a rule. A
process that knows it deletes the mark repeatedly. Only a process that has watched the same mark for
the whole timeout may conclude that no process knows it. Clocks of different machines are never
compared, and time in which this process stood still does not count.
"""

from collections.abc import Mapping

import msgspec

CHECKS = 10
"""Checks within the timeout, both of the marks and by those that delete them."""


class _Watched(msgspec.Struct, frozen=True):
    """A mark, and since when it is seen. Times are monotonic seconds."""

    mark: str
    since: float
    last: float


class MarkWatch:
    """Watches marks. ``after`` is the timeout in seconds."""

    def __init__(self, after: float) -> None:
        self._after = after
        self.interval = after / CHECKS
        """Seconds between two checks, at most."""
        self._watched: dict[str, _Watched] = {}

    def observe(self, marks: Mapping[str, str], now: float) -> dict[str, str]:
        """Return those of the marks, by name, that were unchanged for the whole timeout.

        Args:
            marks: All marks that exist, by name.
            now: Monotonic time in seconds.
        """
        self._watched = {name: self._observe(name, mark, now) for name, mark in marks.items()}
        return {
            name: mark
            for name, mark in marks.items()
            if now - self._watched[name].since >= self._after
        }

    def clear(self) -> None:
        """Watch from the beginning, because other processes could not delete marks either."""
        self._watched.clear()

    def _observe(self, name: str, mark: str, now: float) -> _Watched:
        before = self._watched.get(name)
        # A long time since the last check means that this process, and perhaps all of them, stood
        # still: nothing is known of that time.
        if before is None or before.mark != mark or now - before.last > 3 * self.interval:
            return _Watched(mark, now, now)
        return _Watched(mark, before.since, now)
