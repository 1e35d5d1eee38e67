"""A clock that tests set."""

import itertools

from router.clock import Clock


class SetClock:
    """Time stands still until a test moves it; ids count up; chance is always the same."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0
        self.chance = 0.5
        self._ids = itertools.count(1)

    def clock(self) -> Clock:
        return Clock(
            now=lambda: self.now,
            monotonic=lambda: self.now,
            chance=lambda: self.chance,
            new_id=lambda: f"id{next(self._ids):04}",
            journal_ms=lambda: int(self.now * 1000),
        )
