"""Keeps the queue workers running: rebuilt after Redis was away, woken when there is work.

Queues come and go while it runs: ``begin`` and ``end``.

arq's loop ends on any Redis error, and catching the error inside leaks job slots. So the whole
Worker is thrown away and built again, with backoff. The jobs that were running are let finish
first: each ends by itself, and what it could not record is run again.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, NoReturn

from redis.exceptions import RedisError

from router.clock import Clock
from router.errors import JournalUnavailableError
from router.journal import keys
from router.journal.connection import Connection
from router.metrics import Metrics
from router.worker.queue.queue_worker import Job, QueueWorker

logger = logging.getLogger(__name__)

_REDIS_FAILED: Final = (JournalUnavailableError, RedisError, OSError, TimeoutError)
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 2.0
_SILENCE: Final = 15.0
"""Seconds without a message after which the subscription is tested."""


class SupervisedWorker:
    """A queue that is being worked on."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.worker: QueueWorker | None = None
        self.task: asyncio.Task[NoReturn] | None = None
        self.draining = False

    async def drain(self, seconds: float) -> None:
        """Take no more jobs and let those that run end, within ``seconds``."""
        self.draining = True
        if self.worker is not None:
            await self.worker.drain(seconds)

    def wake(self) -> None:
        if self.worker is not None:
            self.worker.wake()


class Supervisor:
    """Runs one QueueWorker per queue. Times are in seconds."""

    def __init__(
        self,
        connection: Connection,
        queues: Sequence[Job],
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
        self._chance = clock.chance
        self._begun = [SupervisedWorker(job) for job in queues]
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> NoReturn:
        """Run all workers until cancelled."""
        async with asyncio.TaskGroup() as self._group:
            self._group.create_task(self._listen(), name="wake")
            for begun in self._begun:
                self._start(begun)
            await asyncio.Event().wait()
        raise AssertionError("nothing sets the event above")

    def begin(self, job: Job) -> SupervisedWorker:
        """Work on a queue from now on, or as soon as the supervisor runs."""
        begun = SupervisedWorker(job)
        self._begun.append(begun)
        self._start(begun)
        return begun

    async def end(self, begun: SupervisedWorker, seconds: float) -> None:
        """Take no more jobs from a queue; return when those that run have ended.

        What has not ended after ``seconds`` is cancelled, and run again by whoever works on it.
        """
        await begun.drain(seconds)
        self._begun.remove(begun)
        if begun.task is not None:
            begun.task.cancel()
            await asyncio.wait([begun.task])

    def wake_all(self) -> None:
        """There may be work for any of the workers."""
        for begun in self._begun:
            begun.wake()

    async def drain(self, seconds: float) -> None:
        """Take no more jobs and let those that run end, within ``seconds``."""
        async with asyncio.TaskGroup() as group:
            for begun in self._begun:
                group.create_task(begun.drain(seconds))

    def _start(self, begun: SupervisedWorker) -> None:
        if self._group is not None:
            begun.task = self._group.create_task(self._keep_running(begun), name=begun.job.queue)

    async def _keep_running(self, begun: SupervisedWorker) -> NoReturn:
        job = begun.job
        failures = 0
        orphans: list[str] = []
        while True:
            worker = begun.worker = QueueWorker(
                job, self._connection, lease=self._lease, poll_delay=self._poll_delay
            )
            worker.allow_pick_jobs = not begun.draining
            try:
                await self._release(orphans)
                orphans, failures = [], 0
                await worker.main()
            except _REDIS_FAILED as error:
                failures += 1
                self._metrics.worker_restarts.labels(job.queue).inc()
                logger.warning(
                    "worker is rebuilt: Redis failed",
                    extra={"queue": job.queue, "reason": f"{type(error).__name__}: {error}"},
                )
            await worker.drain(job.limit_seconds)
            orphans += worker.unfinished()
            pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(failures, 10))
            await asyncio.sleep(pause * (0.5 + self._chance() / 2))

    async def _release(self, job_ids: Sequence[str]) -> None:
        """Give up what this process held when Redis failed: nobody waits for it, it was no crash."""
        if job_ids:
            held = [key(job_id) for job_id in job_ids for key in (keys.lease, keys.starts)]
            await self._connection.redis.delete(*held)

    async def _listen(self) -> NoReturn:
        while True:
            try:
                await self._pass_on_wakes()
            except _REDIS_FAILED as error:
                logger.warning(
                    "wake subscription lost, workers poll meanwhile",
                    extra={"reason": f"{type(error).__name__}: {error}"},
                )
                await asyncio.sleep(_FIRST_PAUSE + self._chance())

    async def _pass_on_wakes(self) -> NoReturn:
        async with self._connection.redis.pubsub() as subscription:
            async with asyncio.timeout(_SILENCE):
                # All queues, for they come and go; most processes work on all of them anyway.
                await subscription.psubscribe(keys.WAKE_PATTERN)
            while True:
                message = await subscription.get_message(timeout=_SILENCE)
                if message is None:
                    async with asyncio.timeout(_SILENCE):
                        await subscription.ping()
                    continue
                # A new subscription, or the answer to a ping: something may have been missed.
                woken = (
                    keys.queue_of(message["channel"].decode())
                    if message["type"] == "pmessage"
                    else None
                )
                for begun in self._begun:
                    if woken in {begun.job.queue, None}:
                        begun.wake()
