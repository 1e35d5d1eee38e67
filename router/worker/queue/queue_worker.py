"""One arq Worker on one queue, woken instead of polling, with a short lease that is renewed.

What is changed in arq's Worker, and why:
- arq asks for work every 0.5 s, which caps it at 200 jobs/s and adds 0.25 s on average. Here the
  loop waits on an event, set by the PUBLISH of whoever enqueues and by each job that ends; the
  next due job sets the alarm; polling is the safety net.
- arq's lease lasts job_timeout + 10 s and is never renewed, so a killed worker blocks its jobs
  for that long. Here it is short and renewed while the job runs.
- arq takes five round trips to pick a job and to learn of its starts. Here one does that for all that
  is due, and none is needed for its end: the transaction that ends the work ends its job with it.
- a job that nobody has begun takes more, and costs the same whatever it holds. So a worker that keeps
  up looks for the next one only after a moment: fewer jobs do the same.
- arq finishes (that is, deletes) a job whose function raises or times out. Here nothing but
  the work's own end ends a job; whatever goes wrong, it is run again after a pause.

What arq keeps of a job, and its form, stay arq's: whatever enqueues, looks or counts may be arq's own.
"""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from typing import Final, cast

import msgspec
from arq.typing import WorkerCoroutine
from arq.utils import timestamp_ms
from arq.worker import Worker, func

from router.deadlines import Deadlines
from router.errors import RouterError
from router.journal import jobs, keys
from router.journal.connection import Connection, Script
from router.worker.queue.linger import SHORTEST

logger = logging.getLogger(__name__)

Run = Callable[[str, int], Awaitable[bool]]
"""Does the work that an id names, and is told how often it was started, 1 for the first time; more
means that a process ended while it was at it. True: all of it is done, and its last transaction has
ended the job; False: some is left, run again."""

_PICK: Final = Script("pick")
_LAY_BACK: Final = Script("lay_back")
_DROP: Final = Script("drop")
_REDIS_DEADLINE: Final = 10.0
"""Seconds for renewing leases."""
_LONGEST_PAUSE: Final = 30.0
_STARTS_KEPT: Final = 88400
"""Seconds. arq's own number."""
_REMEMBERED: Final = 1000


def no_wait() -> float:
    return 0.0


def short_breath() -> float:
    return SHORTEST


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What a queue's jobs are: how to run one, how many at once, for how long (seconds)."""

    queue: str
    function: str
    run: Run
    max_jobs: int
    limit_seconds: float
    wait: Callable[[], float] = no_wait
    """Seconds for which nothing is to be picked; infinity until something wakes the worker."""
    breath: Callable[[], float] = short_breath
    """Seconds from one look that found work to the next, in which what comes is gathered."""


class QueueWorker(Worker):
    """arq's Worker for one queue. ``lease`` and ``poll_delay`` are in seconds."""

    def __init__(
        self, job: Job, connection: Connection, *, lease: float, poll_delay: float
    ) -> None:
        self._job = job
        self._connection = connection
        super().__init__(
            # arq wants one to be named; it is not arq that runs it.
            functions=[func(cast(WorkerCoroutine, self._run), name=job.function)],
            queue_name=job.queue,
            redis_pool=connection.redis,
            handle_signals=False,
            max_jobs=job.max_jobs,
            poll_delay=poll_delay,
            # Ids in progress are read too, our own and those of other processes.
            queue_read_limit=max(200, job.max_jobs * 5),
        )
        self._lease = lease
        self._limit = Deadlines(job.limit_seconds)
        self._renewed_at = 0.0
        self._wake = asyncio.Event()
        self._looking = asyncio.Lock()
        self._picked = 0
        self._left_some = False
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
            async with self._looking:
                await self._poll_iteration()
            if self._picked and self._may_pick():
                await asyncio.sleep(self._job.breath())
            await self._rest(self._pause())

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
        """The ids of jobs of which Redis was not told how they ended; their leases stand."""
        return list(self.tasks)

    async def _poll_iteration(self) -> None:
        for task in list(self.tasks.values()):
            if task.done() and not task.cancelled():
                task.result()  # what could not be laid back ends this worker
        self._picked = 0
        # Else whatever ends looks again, for it may be what the rest waits for.
        self._left_some = True
        if self._may_pick() and self._job.wait() <= 0:
            await self._pick()
        await self.heart_beat()

    async def _pick(self) -> None:
        """Begin jobs that are ours to run, and learn when the next one is due."""
        next_due_ms, left_some, *picked = await self._connection.run(
            _PICK,
            [self.queue_name],
            [
                timestamp_ms(),
                int(self._lease * 1000),
                self.max_jobs - self.job_counter,
                self.queue_read_limit,
                _STARTS_KEPT,
                *keys.all_of_job(""),
            ],
        )
        self._next_due_ms = float(next_due_ms) if float(next_due_ms) >= 0 else math.inf
        self._left_some = left_some == 1
        for job_id, record, starts in zip(picked[::3], picked[1::3], picked[2::3], strict=True):
            self._begin(job_id.decode(), record, starts)

    def _begin(self, job_id: str, record: bytes, starts: int) -> None:
        if job_id in self.tasks:  # its lease ran out while it runs here, and is ours again
            return
        self.job_counter += 1
        self._picked += 1
        task = self.tasks[job_id] = self.loop.create_task(self._run(job_id, record, starts))
        task.add_done_callback(lambda _: self._ended(job_id, task))

    def _ended(self, job_id: str, task: asyncio.Task[None]) -> None:
        self.job_counter -= 1
        is_told = not task.cancelled() and task.exception() is None
        if is_told:
            del self.tasks[job_id]
        if self._left_some or not is_told:
            self._wake.set()

    async def heart_beat(self) -> None:
        """Renew the leases of the jobs that run here, a third of the way to their end."""
        now = self.loop.time()
        if not self.tasks or now - self._renewed_at < self._lease / 3:
            return
        self._renewed_at = now
        async with (
            asyncio.timeout(_REDIS_DEADLINE),
            self.pool.pipeline(transaction=False) as pipeline,
        ):
            for job_id in self.tasks:
                pipeline.pexpire(keys.lease(job_id), int(self._lease * 1000))
            await pipeline.execute()

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
        if self._wake.is_set():
            return
        alarm = self.loop.call_later(pause, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            alarm.cancel()

    async def _run(self, job_id: str, record: bytes, starts: int) -> None:
        """Run one job. Raises JournalUnavailableError when it could not be laid back."""
        if not jobs.names(record, self._job.function):
            logger.warning("job dropped, it is none of ours", extra={"job": job_id})
            await self._connection.run(_DROP, [self.queue_name, *keys.all_of_job(job_id)], [job_id])
            return
        pause: float | None = None
        try:
            with self._limit.begin():
                done = await self._job.run(job_id, starts)
        except (RouterError, TimeoutError) as error:
            logger.warning(
                "job will be run again",
                extra={"queue": self.queue_name, "job": job_id, "reason": _reason(error)},
            )
            pause = self._failed(job_id)
        except Exception:
            logger.exception("job failed, it will be run again", extra={"job": job_id})
            pause = self._failed(job_id)
        except asyncio.CancelledError:
            # By the end of a drain, which waits until this is over: so it is swallowed.
            pass
        else:
            self._failures.pop(job_id, None)
            if done:
                return
        await self._lay_back(job_id, pause)

    def _failed(self, job_id: str) -> float:
        """Seconds until a job that failed here, not for the first time perhaps, is run again."""
        if len(self._failures) > _REMEMBERED:  # others may have finished them since
            self._failures.clear()
        failures = self._failures[job_id] = self._failures.get(job_id, 0) + 1
        return _pause(failures)

    async def _lay_back(self, job_id: str, pause: float | None) -> None:
        """The job has ended, if not well: this was no crash. It is due after so many seconds."""
        due_ms = "" if pause is None else timestamp_ms() + int(pause * 1000)
        await self._connection.run(
            _LAY_BACK, [self.queue_name, keys.lease(job_id), keys.starts(job_id)], [job_id, due_ms]
        )
        self._wake.set()


def _pause(failures: int) -> float:
    return float(min(_LONGEST_PAUSE, 0.1 * 2 ** min(failures, 20)))


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
