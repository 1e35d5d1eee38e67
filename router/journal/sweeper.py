"""Open work without a job gets one again.

arq can lose a job (an operator deletes it, a foreign worker takes it, a bug finishes it early); the
journal still has the work. Each sweep pages through the open batches, due timers and sets and
enqueues what has no job. Several sweepers at once do no harm.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from router.clock import Clock
from router.journal import jobs, keys
from router.journal.connection import Connection, Script

_REQUEUE = Script("requeue")
_PAGE: Final = 500


class Sweeper:
    """Sweeps the evaluate queue and those of the ``destinations`` that there are at the time."""

    def __init__(
        self, connection: Connection, destinations: Callable[[], Sequence[str]], clock: Clock
    ) -> None:
        self._connection = connection
        self._now = clock.now
        self._destinations = destinations

    async def sweep(self) -> int:
        """Look at everything once; the number of jobs given again."""
        again = 0
        for open_work, queue, function, prefix in self._open():
            again += await self._sweep_queue(open_work, queue, function, prefix)
        return again

    def _open(self) -> Iterator[tuple[str, str, str, str]]:
        """The open work of each queue, the queue, its function and the prefix of its payloads."""
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
        again = offset = 0
        while True:
            looked_at, requeued = await self._connection.run(
                _REQUEUE,
                [open_work, queue],
                [
                    keys.wake_channel(queue),
                    now_ms,
                    offset,
                    _PAGE,
                    jobs.payload(function, now_ms),
                    keys.job(""),
                    prefix,
                ],
            )
            again += int(requeued)
            offset += looked_at
            if looked_at < _PAGE:
                return again
