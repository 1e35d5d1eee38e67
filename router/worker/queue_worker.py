"""One arq Worker on one queue, woken instead of polling, with a short lease that is renewed.

What is changed in arq's Worker, and why:
- arq asks for work every 0.5 s, which caps it at 200 jobs/s and adds 0.25 s on average. Here the
  loop waits on an event, set by the PUBLISH of whoever enqueues and by each job that ends; the
  next due job sets the alarm; polling is the safety net.
- arq's lease lasts job_timeout + 10 s and is never renewed, so a killed worker blocks its jobs
  for that long. Here it is short and renewed while the job runs.
- arq takes four round trips to pick a job. Here one is enough to look and to pick all that is due.
- a job that nobody has begun takes more, and costs the same whatever it holds. So a worker that keeps
  up looks for the next one only after a moment: fewer jobs do the same.
- arq finishes (that is, deletes) a job whose function raises or times out. Here nothing but
  success ends a job; whatever goes wrong, it is run again after a pause.
"""

import asyncio
import contextlib
import logging
import math
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

import msgspec
from arq.typing import WorkerCoroutine
from arq.utils import timestamp_ms
from arq.worker import Retry, Worker, func
from redis.exceptions import RedisError

from router.errors import RouterError
from router.journal import jobs, keys
from router.journal.connection import Connection, Script

logger = logging.getLogger(__name__)

Run = Callable[[str, int], Awaitable[bool]]
"""Does the work that an id names, and is told how often it was started, 1 for the first time; more
means that a process ended while it was at it. True: all of it is done; False: some is left, run
again."""

_PICK: Final = Script("pick")
_FOR_EVER: Final = 10**9
_REDIS_DEADLINE: Final = 10.0
"""Seconds for one look at the queue, the jobs picked in it included."""
_LONGEST_PAUSE: Final = 30.0
_BREATH: Final = 0.008
"""Seconds from one look that found work to the next, in which what comes is gathered. Long enough for
a job to hold several events at some hundred a second, short beside the second within which people
are told."""
_FORGET_SECONDS: Final = 1.0
_REMEMBERED: Final = 1000


def no_wait() -> float:
    return 0.0


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What a queue's jobs are: how to run one, how many at once, for how long (seconds)."""

    queue: str
    function: str
    run: Run
    max_jobs: int
    limit_seconds: float
    wait: Callable[[], float] = no_wait
    """Seconds for which nothing is to be picked; infinity until something wakes the worker."""


class QueueWorker(Worker):
    """arq's Worker for one queue. ``lease`` and ``poll_delay`` are in seconds."""

    def __init__(
        self, job: Job, connection: Connection, *, lease: float, poll_delay: float
    ) -> None:
        self._job = job
        self._connection = connection
        super().__init__(
            # arq's own limit is only reached if ours did not end the job.
            functions=[
                func(
                    cast(WorkerCoroutine, self._run),
                    name=job.function,
                    timeout=job.limit_seconds + 5,
                )
            ],
            queue_name=job.queue,
            redis_pool=connection.redis,
            handle_signals=False,
            max_jobs=job.max_jobs,
            keep_result=0,
            poll_delay=poll_delay,
            # Ids in progress are read too, our own and those of other processes.
            queue_read_limit=max(200, job.max_jobs * 5),
            max_tries=_FOR_EVER,
            job_serializer=jobs.serialize,
            job_deserializer=jobs.deserialize,
            log_results=False,
        )
        self.in_progress_timeout_s = lease
        self._lease = lease
        self._renewed_at = 0.0
        self._wake = asyncio.Event()
        self._looking = asyncio.Lock()
        self._picked = 0
        self._next_due_ms = math.inf
        self._failures: dict[str, int] = {}

    def wake(self) -> None:
        """There may be work."""
        self._wake.set()

    async def main(self) -> None:
        """Pick and run jobs until cancelled.

        Raises JournalUnavailableError, RedisError, OSError or TimeoutError when Redis fails.
        """
        while True:
            self._wake.clear()
            async with self._looking, asyncio.timeout(_REDIS_DEADLINE):
                await self._poll_iteration()
                pause = self._pause()
            if not self._picked:
                await self._rest(pause)
            elif self._may_pick():
                await asyncio.sleep(_BREATH)

    async def drain(self, seconds: float) -> None:
        """Pick nothing more; return when all jobs have ended, after ``seconds`` at the latest.

        What has not ended by then is cancelled; its lease is released and it is run again.
        """
        self.allow_pick_jobs = False
        async with self._looking:
            pass  # a look that is under way may pick jobs still; those that it picks are let end
        if self.tasks:
            _, late = await asyncio.wait(self.tasks.values(), timeout=seconds)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=self._lease)

    def unfinished(self) -> list[str]:
        """The ids of jobs that ended without arq having recorded it; their leases stand."""
        return [
            job_id
            for job_id, task in self.tasks.items()
            if not task.done() or task.cancelled() or task.exception() is not None
        ]

    async def _poll_iteration(self) -> None:
        self._reap()
        self._picked = 0
        if self._may_pick() and self._job.wait() <= 0:
            for job_id, due_ms in await self._pick():
                await self._begin(job_id, due_ms)
        await self.heart_beat()

    async def _pick(self) -> list[tuple[str, int]]:
        """Jobs that are ours to run, and when they were due; and when the next one is."""
        next_due_ms, *picked = await self._connection.run(
            _PICK,
            [self.queue_name],
            [
                timestamp_ms(),
                int(self._lease * 1000),
                self.max_jobs - self.job_counter,
                self.queue_read_limit,
                keys.lease(""),
            ],
        )
        self._next_due_ms = float(next_due_ms) if float(next_due_ms) >= 0 else math.inf
        return [
            (job_id.decode(), int(float(due_ms)))
            for job_id, due_ms in zip(picked[::2], picked[1::2], strict=True)
        ]

    async def _begin(self, job_id: str, due_ms: int) -> None:
        """Run a job that was picked, as the end of arq's ``start_jobs`` does."""
        if job_id in self.tasks:  # its lease ran out while it runs here, and is ours again
            return
        await self.sem.acquire()
        self.job_counter += 1
        self._picked += 1
        task = self.loop.create_task(self.run_job(job_id, due_ms))
        task.add_done_callback(lambda _: self._release_sem_dec_counter_on_complete())
        task.add_done_callback(lambda _: self._wake.set())
        self.tasks[job_id] = task

    async def heart_beat(self) -> None:
        """Renew the leases of the jobs that run here, a third of the way to their end."""
        now = asyncio.get_running_loop().time()
        if not self.tasks or now - self._renewed_at < self._lease / 3:
            return
        self._renewed_at = now
        async with self.pool.pipeline(transaction=False) as pipeline:
            for job_id in self.tasks:
                pipeline.pexpire(keys.lease(job_id), int(self._lease * 1000))
            await pipeline.execute()

    def _reap(self) -> None:
        for job_id, task in list(self.tasks.items()):
            if task.done():
                task.result()  # an error of arq's own bookkeeping ends this worker
                del self.tasks[job_id]

    def _pause(self) -> float:
        """Seconds until something must be looked at again, if nothing wakes us before."""
        pause = self.poll_delay_s
        if self.tasks:
            pause = min(pause, self._lease / 3)
        wait = self._job.wait()
        if wait > 0:
            return min(pause, wait)
        if self._may_pick():
            pause = min(pause, (self._next_due_ms - timestamp_ms() + 1) / 1000)
        return max(pause, 0.0)

    def _may_pick(self) -> bool:
        return self.allow_pick_jobs and self.job_counter < self.max_jobs

    async def _rest(self, pause: float) -> None:
        try:
            async with asyncio.timeout(pause):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _run(self, context: dict[str, Any]) -> None:
        """What arq calls: its signature stops here."""
        job_id: str = context["job_id"]
        try:
            async with asyncio.timeout(self._job.limit_seconds):
                done = await self._job.run(job_id, context["job_try"])
        except (RouterError, TimeoutError) as error:
            logger.warning(
                "job will be run again",
                extra={"queue": self.queue_name, "job": job_id, "reason": _reason(error)},
            )
            raise Retry(defer=await self._failed(job_id)) from error
        except Exception as error:
            logger.exception("job failed, it will be run again", extra={"job": job_id})
            raise Retry(defer=await self._failed(job_id)) from error
        except asyncio.CancelledError:
            await self._forget_start(job_id)
            raise
        self._failures.pop(job_id, None)
        if not done:
            await self._forget_start(job_id)
            raise Retry(defer=0)

    async def _failed(self, job_id: str) -> float:
        """Seconds until a job that failed here, not for the first time perhaps, is run again."""
        if len(self._failures) > _REMEMBERED:  # others may have finished them since
            self._failures.clear()
        failures = self._failures[job_id] = self._failures.get(job_id, 0) + 1
        await self._forget_start(job_id)
        return _pause(failures)

    async def _forget_start(self, job_id: str) -> None:
        """The job has ended, if not well: this was no crash. Left out where Redis is away."""
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(_FORGET_SECONDS):
                await self.pool.delete(keys.starts(job_id))


def _pause(failures: int) -> float:
    return float(min(_LONGEST_PAUSE, 0.1 * 2 ** min(failures, 20)))


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
