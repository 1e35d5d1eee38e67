"""Rows of tables that rules expect: loaded by whichever worker first has the rules that name them.

A worker that has just loaded its rules, and each worker from time to time, compares the rows with those
in Redis. If another set was loaded last, a timer begins to wait for the new rows and forgets those that
are gone. Rows that both sets have go on waiting, so that a restart changes nothing for them.

Only a worker that has just loaded its rules replaces the set of another one: with two generations of
rules side by side, each would replace that of the other all the time. Later it only loads its set if
there is none, because Redis was emptied.
"""

from typing import Final

from router.clock import Clock
from router.configuration.model import ActiveConfiguration
from router.journal.row_sets import RowSets

INTERVAL: Final = 60.0
"""Seconds between two checks, at most."""


class RowLoading:
    """Loads the rows that the active rules expect.

    Args:
        row_sets: The journal's part of it.
        live: The rules that are active.
        clock: The process's clock.
    """

    def __init__(self, row_sets: RowSets, live: ActiveConfiguration, clock: Clock) -> None:
        self._row_sets = row_sets
        self._live = live
        self._now = clock.now
        self._compared = ""
        """The generation of rules whose rows were compared."""

    async def check(self) -> None:
        """Compare once. Raises JournalUnavailableError."""
        configuration = self._live.configuration
        timers = [
            timer
            for rule in configuration.rules.rules
            for feature in rule.features.all
            if (timer := feature.loading(rule.name, self._now())) is not None
        ]
        found = await self._row_sets.latest([timer.state for timer in timers])
        for timer, latest in zip(timers, found, strict=True):
            if not latest or (latest != timer.key and self._compared != configuration.generation):
                await self._row_sets.load(timer)
        self._compared = configuration.generation
