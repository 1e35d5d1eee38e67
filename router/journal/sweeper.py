"""Enqueues a job for open work that has none.

arq can lose a job: an operator deletes it, a foreign worker takes it, or a bug ends it early. The
journal still has the work. Each sweep pages through the open batches, due timers and sets and
enqueues the missing jobs. Several sweepers may run at once.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from router.clock import Clock
from router.journal import jobs, keys
from router.journal.connection import Connection
from router.journal.lanes import forget_old, release_stalled
from router.journal.schema import check_types
from router.journal.script import PackedArguments, Script, ScriptKeys, binary

_PAGE: Final = 500


class Sweeper:
    """Sweeps the queues of batches and timers, and those of the ``destinations`` at the time."""

    def __init__(
        self, connection: Connection, destinations: Callable[[], Sequence[str]], clock: Clock
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._now = clock.now
        self._set_ms = clock.journal_ms
        self._destinations = destinations

    async def sweep(self) -> int:
        """Check the types of the keys and all open work once; return the number of jobs enqueued.

        Raises JournalUnavailableError.
        """
        await check_types(self._connection, self._destinations())
        enqueued = 0
        for open_work, queue, function, prefix in self._open():
            enqueued += await self._sweep_queue(open_work, queue, function, prefix)
        for name in self._destinations():
            enqueued += await release_stalled(self._connection, name, self._clock)
        await forget_old(self._connection, self._clock)
        return enqueued

    def _open(self) -> Iterator[tuple[str, str, str, str]]:
        """Yield the open work of each queue, the queue, its function, the prefix of its records."""
        yield keys.BATCHES, keys.EVALUATE_QUEUE, jobs.EVALUATE, keys.batch(keys.BatchId(""))
        yield keys.TIMERS, keys.TIMER_QUEUE, jobs.TIMER, keys.timer(keys.TimerId(""))
        for name in self._destinations():
            yield (
                keys.open_sets(name),
                keys.deliver_queue(name),
                jobs.DELIVER,
                keys.delivery_set(keys.SetId("")),
            )

    async def _sweep_queue(self, open_work: str, queue: str, function: str, prefix: str) -> int:
        now_ms = int(self._now() * 1000)
        total = offset = 0
        while True:
            checked, enqueued = await self._connection.run(
                _REQUEUE(
                    _RequeueKeys(open_work, queue),
                    _RequeueArguments(
                        wake_channel=keys.wake_channel(queue),
                        set_ms=self._set_ms(),
                        offset=offset,
                        count=_PAGE,
                        job_record=binary(jobs.payload(function, now_ms)),
                        job_prefix=keys.job(""),
                        record_prefix=prefix,
                    ),
                )
            )
            total += int(enqueued)
            offset += checked
            if checked < _PAGE:
                return total


class _RequeueKeys(ScriptKeys, frozen=True):
    open_work: str
    queue: str


class _RequeueArguments(PackedArguments, frozen=True):
    wake_channel: str
    set_ms: int
    offset: int
    count: int
    job_record: msgspec.Raw
    job_prefix: str
    record_prefix: str


_REQUEUE: Final = Script("requeue", _RequeueKeys, _RequeueArguments)
