"""Which rows of tables the rules expect, as Redis knows it, and the timers that load other ones.

The steps of ``absent`` store the rows (``rules/state/absent.lua``).
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from router.clock import Clock
from router.journal import jobs, keys
from router.journal.connection import Connection
from router.journal.keys import TimerId
from router.journal.script import PackedArguments, Script, ScriptKeys, binary
from router.rules.state.expectation import ROWS_KEPT_MS
from router.rules.state.timer import Timer

_encode: Final = msgspec.msgpack.encode


class RowSets:
    """The journal's side of it. All methods raise JournalUnavailableError."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._set_ms = clock.journal_ms

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
        timer_id = TimerId(timer.fixed_id)
        await self._connection.run(
            _SET_TIMER(
                _SetTimerKeys(keys.timer(timer_id), job=keys.job(timer_id)),
                _SetTimerArguments(
                    id=timer_id,
                    record=binary(_encode(timer)),
                    job_record=binary(jobs.payload(jobs.TIMER, int(timer.due_at * 1000))),
                    set_ms=self._set_ms(),
                    wake_channel=keys.wake_channel(keys.TIMER_QUEUE),
                ),
            )
        )


class _SetTimerKeys(ScriptKeys, frozen=True):
    record: str
    timers: str = keys.TIMERS
    queue: str = keys.TIMER_QUEUE
    job: str = ""


class _SetTimerArguments(PackedArguments, frozen=True):
    id: str
    record: msgspec.Raw
    job_record: msgspec.Raw
    set_ms: int
    wake_channel: str


_SET_TIMER: Final = Script("set_timer", _SetTimerKeys, _SetTimerArguments)
