"""Keeps the queue workers running: rebuilt after Redis was away, woken when there is work.

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
from router.journal import keys
from router.journal.connection import Connection
from router.telemetry import Metrics
from router.worker.queue_worker import Job, QueueWorker

logger = logging.getLogger(__name__)

_REDIS_FAILED: Final = (RedisError, OSError, TimeoutError)
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 2.0
_SILENCE: Final = 15.0
"""Seconds without a message after which the subscription is tested."""


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
        self._queues = queues
        self._metrics = metrics
        self._lease = lease
        self._poll_delay = poll_delay
        self._chance = clock.chance
        self._workers: dict[str, QueueWorker] = {}
        self._draining = False

    async def run(self) -> NoReturn:
        """Run all workers until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen(), name="wake")
            for job in self._queues:
                group.create_task(self._keep_running(job), name=job.queue)
        raise AssertionError("the tasks above never end by themselves")

    async def drain(self, seconds: float) -> None:
        """Take no more jobs and let those that run end, within ``seconds``."""
        self._draining = True
        async with asyncio.TaskGroup() as group:
            for worker in self._workers.values():
                group.create_task(worker.drain(seconds))

    async def _keep_running(self, job: Job) -> NoReturn:
        failures = 0
        orphans: list[str] = []
        while True:
            worker = QueueWorker(
                job, self._connection.redis, lease=self._lease, poll_delay=self._poll_delay
            )
            worker.allow_pick_jobs = not self._draining
            self._workers[job.queue] = worker
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
        """Give up leases that this process held when Redis failed, so that nobody waits for them."""
        if job_ids:
            await self._connection.redis.delete(*(keys.lease(job_id) for job_id in job_ids))

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
                await subscription.subscribe(
                    *(keys.wake_channel(job.queue) for job in self._queues)
                )
            while True:
                message = await subscription.get_message(timeout=_SILENCE)
                if message is None:
                    async with asyncio.timeout(_SILENCE):
                        await subscription.ping()
                    continue
                queues = (
                    [keys.queue_of(message["channel"].decode())]
                    if message["type"] == "message"
                    # A new subscription, or the answer to a ping: something may have been missed.
                    else list(self._workers)
                )
                for queue in queues:
                    if queue in self._workers:
                        self._workers[queue].wake()
