"""Which rows of tables the rules expect, as Redis knows it, and the timers that load other ones.

The steps of ``absent`` store the rows (``rules/state/absent.lua``).
"""

from collections.abc import Sequence

from router.clock import Clock
from router.journal import keys
from router.journal.connection import Connection
from router.journal.timers import Timers
from router.rules.state.expectation import ROWS_KEPT_MS
from router.rules.state.timer import Timer


class RowSets:
    """The journal's side of it. All methods raise JournalUnavailableError."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._timers = Timers(connection, clock)

    async def latest(self, states: Sequence[str]) -> list[str]:
        """Return the digest of the set of rows that was loaded last in each state; ``""`` for none.

        What is stored of a state lasts 90 days from then on.
        """
        pipeline = self._connection.redis.pipeline(transaction=False)
        for state in states:
            pipeline.get(keys.state(state, keys.ROW_SET))
            for key in (keys.ROW_SET, keys.ROWS):
                pipeline.pexpire(keys.state(state, key), ROWS_KEPT_MS)
        # An error is a key of another type, for which the set is loaded again.
        found = await self._connection.ask(pipeline.execute(raise_on_error=False))
        return [each.decode() if isinstance(each, bytes) else "" for each in found[::3]]

    async def load(self, timer: Timer) -> None:
        """Set the timer that loads a set of rows, unless it is set."""
        await self._timers.set(timer)
