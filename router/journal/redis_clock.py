"""Redis's clock, which is that of all processes: what it says, and what to do when it is set back.

The clocks of two machines differ, so nothing compares them. The journal's scripts read Redis's clock.
Where a process decides (silences, mute times, windows, the ages of gauges), it takes Redis's time
too: a monotonic clock plus an offset that is measured every few seconds. The round trip bounds the
error of a measurement, so the offset changes only if it is outside of the bounds.

A clock that is set back, or a failover to a Redis whose clock is behind, would put off all that is
due by the size of the step. ``router:clock`` stores the latest time. The process that first finds
the clock behind it sets the sorted sets of due times aside in one transaction; then they are moved
back page by page, with due times that are earlier by the step. A crash in between leaves the rest to
the next measurement of any process. Work due before the step is due after it; work that waits longer
may be begun earlier, never later, by as much as a measurement takes.

A clock that is set forward makes work due early. That cannot be told from time that has passed while
no process ran, and nothing is lost by it.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, NoReturn

from router.clock import Clock
from router.errors import JournalUnavailableError
from router.journal import keys, ledger
from router.journal.connection import Connection
from router.journal.script import PackedArguments, Script, ScriptKeys
from router.metrics import Metrics

logger = logging.getLogger(__name__)

_INTERVAL: Final = 5.0
"""Seconds between two measurements of one process."""
_TOLERANCE_MS: Final = 1000
"""Smaller steps back are ignored: work is late by that at most."""
WARN_SECONDS: Final = 1.0
"""The offset of the process's own clock above which it is logged."""
_PAGE: Final = 500


class RedisClock:
    """Redis's time in one process, and the detection of steps back.

    Args:
        connection: To Redis.
        clock: The process's own clock: the time until Redis has answered once.
        metrics: Get the offset and count the steps.
    """

    def __init__(self, connection: Connection, clock: Clock, metrics: Metrics) -> None:
        self._connection = connection
        self._own = clock
        self._offset_gauge = metrics.clock_offset_seconds
        self._steps = metrics.clock_set_back
        self._base: float | None = None
        self._is_off = False

    def now(self) -> float:
        """Return Redis's time, Unix time in seconds; the process's own before the first answer."""
        return self._own.now() if self._base is None else self._own.monotonic() + self._base

    async def run(self) -> NoReturn:
        """Measure every few seconds until cancelled."""
        while True:
            await self.try_to_measure()
            # Random, so that processes that were started together do not measure together.
            await asyncio.sleep(_INTERVAL * (0.75 + self._own.chance() / 4))

    async def try_to_measure(self) -> None:
        """Measure, unless Redis is unavailable: each user of the journal notices that by itself."""
        try:
            await self.measure()
        except JournalUnavailableError as error:
            logger.debug("Redis's clock not read", extra={"reason": str(error)})

    async def measure(self) -> None:
        """Read Redis's clock once, and move what is due if it was set back.

        Raises:
            JournalUnavailableError: Redis did not answer.
        """
        before = self._own.monotonic()
        seconds, microseconds, back_ms, aside = await self._connection.run(
            _READ_CLOCK(
                _ReadClockKeys(keys.CLOCK, keys.CLOCK_MOVES), _ReadClockArguments(_TOLERANCE_MS)
            )
        )
        after = self._own.monotonic()
        self._take(seconds + microseconds / 1e6, before, after)
        if back_ms:
            aside = await self._set_back()
        while aside:
            aside = await self._connection.run(
                _MOVE_BACK(
                    _MoveBackKeys(keys.CLOCK_MOVES),
                    _MoveBackArguments(_PAGE, keys.wake_channel("")),
                )
            )

    def _take(self, time: float, before: float, after: float) -> None:
        """Take a time of Redis that it had at a moment between two monotonic ones."""
        earliest, latest = time - after, time - before
        if self._base is None:
            self._base = (earliest + latest) / 2
        else:
            # Unchanged if it may be right, so that a slow answer does not move the time.
            self._base = min(max(self._base, earliest), latest)
        offset = self._own.now() - self.now()
        self._offset_gauge.set(round(offset, 3))
        is_off = abs(offset) - (after - before) / 2 > WARN_SECONDS
        if is_off != self._is_off:
            self._is_off = is_off
            logger.log(
                logging.WARNING if is_off else logging.INFO,
                "clock differs from Redis's" if is_off else "clock agrees with Redis's again",
                extra={"seconds": round(offset, 3)},
            )

    async def _set_back(self) -> int:
        """Set all due times aside; return whether there is something to move."""
        back_ms = await self._connection.run(
            _SET_BACK(
                _SetBackKeys(keys.CLOCK, keys.CLOCK_MOVES),
                _SetBackArguments(_TOLERANCE_MS, await self._due_times()),
            )
        )
        if back_ms:
            self._steps.inc()
            logger.warning(
                "Redis's clock was set back; due times are moved", extra={"seconds": back_ms / 1000}
            )
        return 1

    async def _due_times(self) -> Sequence[str]:
        """Return the keys of all sorted sets whose scores are due times."""
        destinations = (await ledger.read(self._connection)).destinations
        return [
            *(keys.BATCHES, keys.EVALUATE_QUEUE, keys.TIMERS, keys.TIMER_QUEUE, keys.LOOKS),
            *(keys.open_sets(name) for name in destinations),
            *(keys.deliver_queue(name) for name in destinations),
        ]


class _ReadClockKeys(ScriptKeys, frozen=True):
    latest: str
    moves: str


class _ReadClockArguments(PackedArguments, frozen=True):
    tolerance_ms: int


class _SetBackKeys(ScriptKeys, frozen=True):
    latest: str
    moves: str


class _SetBackArguments(PackedArguments, frozen=True):
    tolerance_ms: int
    due_times: Sequence[str]


class _MoveBackKeys(ScriptKeys, frozen=True):
    moves: str


class _MoveBackArguments(PackedArguments, frozen=True):
    count: int
    wake_prefix: str


_READ_CLOCK: Final = Script("read_clock", _ReadClockKeys, _ReadClockArguments)
_SET_BACK: Final = Script("set_back", _SetBackKeys, _SetBackArguments)
_MOVE_BACK: Final = Script("move_back", _MoveBackKeys, _MoveBackArguments)
