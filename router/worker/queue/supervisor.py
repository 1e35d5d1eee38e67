"""Runs one queue worker for each queue, wakes it when a job is enqueued and rebuilds it on errors.

Queues are added and removed while it runs.

A worker's loop ends on any error of Redis. The supervisor then lets the running jobs end, discards
the worker and builds another one after a backoff. A job whose end could not be recorded is run
again.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, NoReturn

from redis.exceptions import RedisError

from router.clock import Clock
from router.errors import JournalUnavailableError
from router.journal import keys
from router.journal.connection import Connection, unavailable
from router.journal.job_queue import JobQueue
from router.journal.leases import Lease
from router.metrics import Metrics
from router.outage_log import OUTAGES
from router.worker.queue.queue_spec import QueueSpec
from router.worker.queue.queue_worker import QueueWorker

logger = logging.getLogger(__name__)

_REDIS_FAILED: Final = (JournalUnavailableError, RedisError, OSError, TimeoutError)
_FIRST_PAUSE: Final = 0.1
_MAX_PAUSE: Final = 2.0
_PING_AFTER: Final = 15.0
"""Seconds without a message after which the subscription is tested, and for which a test waits."""


class SupervisedWorker:
    """A queue that has a worker, and the worker that it has now."""

    def __init__(self, spec: QueueSpec) -> None:
        self.spec = spec
        self.worker: QueueWorker | None = None
        self.task: asyncio.Task[NoReturn] | None = None
        self.draining = False

    async def drain(self, seconds: float) -> None:
        """Pick no more jobs; return when the running ones have ended, at most after ``seconds``."""
        self.draining = True
        if self.worker is not None:
            await self.worker.drain(seconds)

    def wake(self) -> None:
        """Poll soon: a job may be due."""
        if self.worker is not None:
            self.worker.wake()


class Supervisor:
    """Runs one QueueWorker for each queue.

    Args:
        connection: The Redis that contains the queues.
        queues: The queues to begin with.
        metrics: Counts rebuilt workers.
        clock: Time and chance.
        lease: Seconds after which another worker may run a job of a process that ended.
        poll_delay: The longest time between two polls of a queue, in seconds.

    """

    def __init__(
        self,
        connection: Connection,
        queues: Sequence[QueueSpec],
        metrics: Metrics,
        clock: Clock,
        *,
        lease: float,
        poll_delay: float,
    ) -> None:
        self._connection = connection
        self._metrics = metrics
        self._lease = lease
        self._poll_delay = poll_delay
        self._clock = clock
        self._workers = [SupervisedWorker(spec) for spec in queues]
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> NoReturn:
        """Run all workers until cancelled."""
        async with asyncio.TaskGroup() as self._group:
            self._group.create_task(self._forward_wakes(), name="wake")
            for supervised in self._workers:
                self._start(supervised)
            await asyncio.Event().wait()
        raise AssertionError("nothing sets the event above")

    def add(self, spec: QueueSpec) -> SupervisedWorker:
        """Work on a queue from now on, or as soon as the supervisor runs."""
        supervised = SupervisedWorker(spec)
        self._workers.append(supervised)
        self._start(supervised)
        return supervised

    async def remove(self, supervised: SupervisedWorker, seconds: float) -> None:
        """Pick no more jobs of a queue; return when the running ones have ended.

        A job that has not ended after ``seconds`` is cancelled; another worker of the queue runs it
        again.
        """
        await supervised.drain(seconds)
        self._workers.remove(supervised)
        if supervised.task is not None:
            supervised.task.cancel()
            await asyncio.wait([supervised.task])

    def wake_all(self) -> None:
        """Poll all queues soon: jobs may be due."""
        for supervised in self._workers:
            supervised.wake()

    async def drain(self, seconds: float) -> None:
        """Pick no more jobs; return when the running ones have ended, at most after ``seconds``."""
        async with asyncio.TaskGroup() as group:
            for supervised in self._workers:
                group.create_task(supervised.drain(seconds))

    def _start(self, supervised: SupervisedWorker) -> None:
        if self._group is not None:
            supervised.task = self._group.create_task(
                self._supervise(supervised), name=supervised.spec.queue
            )

    async def _supervise(self, supervised: SupervisedWorker) -> NoReturn:
        spec = supervised.spec
        failures = 0
        unfinished: list[Lease] = []
        loop = asyncio.get_running_loop()
        while True:
            worker = supervised.worker = QueueWorker(
                spec,
                self._connection,
                self._metrics,
                self._clock,
                lease=self._lease,
                poll_delay=self._poll_delay,
            )
            worker.accepting = not supervised.draining
            started = loop.time()
            try:
                await self._release(spec.queue, unfinished)
                unfinished = []
                await worker.main()
            except _REDIS_FAILED as error:
                # One that ran for long has not failed in a row.
                failures = 1 if loop.time() - started > 2 * _MAX_PAUSE else failures + 1
                await self._connection.notice(error)
                self._metrics.worker_restarts.labels(spec.queue).inc()
                OUTAGES.warning(
                    "worker rebuilt: Redis failed",
                    extra={"queue": spec.queue, "reason": str(unavailable(error))},
                )
            await worker.drain(spec.limit_seconds)
            unfinished += worker.unfinished()
            pause = min(_MAX_PAUSE, _FIRST_PAUSE * 2 ** min(failures, 10))
            await asyncio.sleep(pause * (0.5 + self._clock.chance() / 2))

    async def _release(self, queue: str, leases: Sequence[Lease]) -> None:
        """Release the jobs of this process whose end Redis did not record.

        Their counts of starts are deleted too, because no process ended at them. A job that another
        worker has meanwhile is left to it.
        """
        if leases:
            await JobQueue(self._connection, queue).release_leases(leases)

    async def _forward_wakes(self) -> NoReturn:
        while True:
            try:
                await self._subscribe()
            except _REDIS_FAILED as error:
                await self._connection.notice(error)
                OUTAGES.warning(
                    "wake subscription lost; workers poll until it is back",
                    extra={"reason": str(unavailable(error))},
                )
                await asyncio.sleep(_FIRST_PAUSE + self._clock.chance())

    async def _subscribe(self) -> NoReturn:
        async with self._connection.subscription() as subscription:
            async with asyncio.timeout(_PING_AFTER):
                # All queues, because they come and go, and most processes work on all of them.
                await subscription.psubscribe(keys.WAKE_PATTERN)
            while True:
                message = await subscription.get_message(timeout=_PING_AFTER)
                if message is None:
                    async with asyncio.timeout(_PING_AFTER):
                        await subscription.ping()
                    continue
                # A new subscription or the answer to a ping wakes all workers, because a message
                # may have been missed.
                woken = (
                    keys.queue_of(message["channel"].decode())
                    if message["type"] == "pmessage"
                    else None
                )
                for supervised in self._workers:
                    if woken in {supervised.spec.queue, None}:
                        if message["data"] == keys.RETRY_NOW:
                            supervised.spec.retry()
                        supervised.wake()
