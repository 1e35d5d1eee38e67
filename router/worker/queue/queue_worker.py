"""A worker for one arq queue: woken by PUBLISH, with a short lease that is renewed.

The queue is arq's: its keys, the record of a job, the count of starts and the health-check key
are those of arq 0.28 (``router.journal.arq_adapter``), so that ``ArqRedis.enqueue_job``,
``queued_jobs``, ``Job.status``, ``Job.info`` and ``arq --check`` work on it. The records are in
msgpack: a client passes ``msgspec.msgpack.encode`` and ``decode`` as serializer and deserializer.

The loop that runs jobs is this module's; ``arq.Worker`` is not used, for these reasons:

- arq polls every 0.5 s, which caps it at 200 jobs/s and adds 0.25 s on average. Here the loop waits
  for an event that the PUBLISH of an enqueued job and the end of a job set. A timer sets it when the
  next job is due. Polling is the safety net.
- arq's lease lasts job_timeout + 10 s and is never renewed, so that a killed worker blocks its jobs
  for that long. Here the lease is short and is renewed while the job runs. It has an owner
  (``router.journal.leases``), so that a suspended worker cannot act for the next one.
- arq takes five round trips to pick a job and to count its start, and one to end it. Here one script
  does that for all due jobs, and the transaction that ends the work also ends its job.
- A batch or set grows until its job is begun, and a job costs the same whatever it contains. A
  worker that keeps up waits a moment before its next poll: fewer jobs do the same work.
- arq deletes a job whose function raises or times out. Here only the end of its work ends a job;
  after an error it is run again.

Results, ``Job.abort`` and cron jobs are arq's but have no meaning here: a job has no result, and
its work is in the journal.
"""

import asyncio
import logging
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from router.clock import Clock
from router.deadlines import Deadlines
from router.errors import LeaseLostError, PostponedError, RouterError
from router.journal import jobs
from router.journal.connection import Connection
from router.journal.job_queue import JobQueue, PolledJob, new_token
from router.journal.leases import Lease
from router.journal.unreadable import report
from router.metrics import Metrics
from router.worker.queue.poll_interval import idle_seconds
from router.worker.queue.queue_spec import QueueSpec

logger = logging.getLogger(__name__)

_MAX_RETRY_PAUSE: Final = 30.0
_FAILURES_REMEMBERED: Final = 1000
_MAX_CHECKED: Final = 200
"""Due ids that one poll checks. More than it picks only if leased jobs are among them."""
_HEALTH_POLLS: Final = 3
"""A health check is written once in this many poll delays, and lasts twice as long. Each costs two
commands for every queue, which is half of what an idle worker costs if it writes one at each poll."""


class QueueWorker:
    """Picks and runs the jobs of one queue.

    Args:
        spec: The queue.
        connection: The Redis that contains it.
        metrics: Counts lost leases.
        clock: Time, for arq's health check, and ids.
        lease: Seconds after which another worker may run a job of a process that ended.
        poll_delay: The longest time between two polls, in seconds.

    """

    def __init__(
        self,
        spec: QueueSpec,
        connection: Connection,
        metrics: Metrics,
        clock: Clock,
        *,
        lease: float,
        poll_delay: float,
    ) -> None:
        self._spec = spec
        self._connection = connection
        self._jobs = JobQueue(connection, spec.queue)
        self._now = clock.now
        self._loop = asyncio.get_running_loop()
        self._lease = lease
        self._lease_ms = int(lease * 1000)
        self._poll_delay = poll_delay
        self._leases_lost = metrics.leases_lost.labels(spec.queue)
        self._id = clock.new_id()
        self._polls = 0
        self._limit = Deadlines(spec.limit_seconds)
        self._tasks: dict[Lease, asyncio.Task[None]] = {}
        self._running = 0
        self._wake = asyncio.Event()
        self._polling = asyncio.Lock()
        self._picked = 0
        self._more_due = False
        self._next_due_at = math.inf
        self._admitted_in = 0.0
        self._failures: dict[str, int] = {}
        self._counts = _Counts()
        self._renewed_at = -math.inf
        self._checked_at = -math.inf
        self.accepting = True
        """Whether jobs are picked."""

    def wake(self) -> None:
        """Poll soon: a job may be due."""
        self._wake.set()

    async def main(self) -> None:
        """Pick and run jobs until cancelled.

        Raises:
            JournalUnavailableError: Redis failed or did not answer in time.
            RedisError, OSError, TimeoutError: As above, from a command of redis-py.

        """
        while True:
            self._wake.clear()
            async with self._polling:
                await self._poll()
            if self._picked and self._may_pick():
                await asyncio.sleep(self._spec.linger())
            await self._rest(self._pause())

    async def drain(self, seconds: float) -> None:
        """Pick no more jobs; return when all running jobs have ended, at most after ``seconds``.

        A job that has not ended by then is cancelled; its lease is released, and it is run again.
        """
        self.accepting = False
        async with self._polling:
            pass  # a poll in progress may still pick jobs, which then run to their end
        if self._tasks:
            _, late = await asyncio.wait(self._tasks.values(), timeout=seconds)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=self._lease)

    def unfinished(self) -> list[Lease]:
        """Return the leases of jobs whose end Redis did not record; they are not released."""
        return list(self._tasks)

    async def _poll(self) -> None:
        for task in list(self._tasks.values()):
            if task.done() and not task.cancelled():
                task.result()  # a job that could not be released ends this worker
        self._picked = 0
        # Until a poll says otherwise, each job that ends may be what due jobs wait for.
        self._more_due = True
        self._admitted_in = self._spec.wait()
        if self._may_pick() and self._admitted_in <= 0:
            await self._pick()
        await self._renew_leases()
        await self._write_health()

    async def _pick(self) -> None:
        """Start the due jobs and learn when the next one is due."""
        asked_at = self._loop.time()
        self._polls += 1
        token = new_token(self._id, self._polls, lease_ms=self._lease_ms)
        poll = await self._jobs.poll(
            token,
            lease_ms=self._lease_ms,
            max_jobs=self._spec.max_jobs - self._running,
            max_ids=_MAX_CHECKED,
        )
        # A millisecond later, because Redis rounds its time down.
        self._next_due_at = self._loop.time() + (poll.next_due_in_ms + 1) / 1000
        self._more_due = poll.more_due
        for job in poll.jobs:
            lease = Lease(
                job.id,
                token,
                due_ms=job.due_ms,
                seconds=self._lease,
                monotonic=self._loop.time,
                at=asked_at,
            )
            self._start(job, lease)

    def _start(self, job: PolledJob, lease: Lease) -> None:
        self._running += 1
        self._picked += 1
        # Its lease expired while it ran here, and was acquired again.
        earlier = [task for other, task in self._tasks.items() if other.job_id == job.id]
        task = self._tasks[lease] = self._loop.create_task(self._run(job, lease, earlier))
        task.add_done_callback(lambda _: self._on_end(lease, task))

    def _on_end(self, lease: Lease, task: asyncio.Task[None]) -> None:
        self._running -= 1
        is_recorded = not task.cancelled() and task.exception() is None
        if is_recorded:
            del self._tasks[lease]
        if self._more_due or not is_recorded:
            self._wake.set()

    async def _renew_leases(self) -> None:
        """Renew the leases of running jobs when a third of the lease has passed."""
        now = self._loop.time()
        if not self._tasks or now - self._renewed_at < self._lease / 3:
            return
        leases = list(self._tasks)
        renewed = await self._jobs.renew(leases, self._lease_ms)
        self._renewed_at = now
        for lease, is_renewed in zip(leases, renewed, strict=True):
            if is_renewed:
                lease.renewed(now)
            else:
                lease.lose()

    async def _write_health(self) -> None:
        """Write arq's health check once in ``_HEALTH_POLLS`` poll delays.

        The key is not deleted when the worker ends, because another process may work on the same
        queue. It expires.
        """
        now = self._loop.time()
        interval = _HEALTH_POLLS * self._poll_delay
        if now - self._checked_at < interval:
            return
        self._checked_at = now
        at = datetime.fromtimestamp(self._now(), UTC)
        # The form of arq.worker.Worker.record_health.
        line = f"{at:%b-%d %H:%M:%S} {self._counts} j_ongoing={self._running} queued="
        await self._jobs.record_health(line, lasts_ms=int(2 * interval * 1000) + 1000)

    def _pause(self) -> float:
        return idle_seconds(
            self._poll_delay,
            renew_in=self._lease / 3 if self._tasks else None,
            # As the poll has seen it: a wait that ended since then is still to be followed by a poll.
            admitted_in=self._admitted_in,
            due_in=self._next_due_at - self._loop.time() if self._may_pick() else None,
        )

    def _may_pick(self) -> bool:
        return self.accepting and self._running < self._spec.max_jobs

    async def _rest(self, pause: float) -> None:
        if self._wake.is_set():
            return
        alarm = self._loop.call_later(pause, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            alarm.cancel()

    async def _run(
        self, job: PolledJob, lease: Lease, earlier: Sequence[asyncio.Task[None]]
    ) -> None:
        """Run one job, after its earlier runs in this process.

        Raises:
            JournalUnavailableError: It could not be released.
        """
        job_id, queue = job.id, self._spec.queue
        if not jobs.is_job_for(job.record, self._spec.function):
            report("job", job_id, f"not a job of {self._spec.function}")
            await self._jobs.remove(job_id, lease.token)
            return
        pause: float | None = None
        was_run = True
        try:
            if await self._is_done(job, lease, earlier):
                return
        except LeaseLostError:
            lease.lose()
        except PostponedError as error:
            logger.debug(
                "job postponed", extra={"queue": queue, "job": job_id, "reason": str(error)}
            )
            self._counts.retried += 1
            pause = error.seconds
            was_run = False
        except (RouterError, TimeoutError) as error:
            logger.warning(
                "job retried", extra={"queue": queue, "job": job_id, "reason": _reason(error)}
            )
            pause = self._retry_pause(job_id)
        except Exception:
            logger.exception("job failed; it is retried", extra={"queue": queue, "job": job_id})
            pause = self._retry_pause(job_id)
        except asyncio.CancelledError:
            # Cancelled at the end of a drain, which waits for the release below: not raised again.
            pass
        await self._release(lease, pause, was_run=was_run)

    async def _is_done(
        self, job: PolledJob, lease: Lease, earlier: Sequence[asyncio.Task[None]]
    ) -> bool:
        """Do the work of a job; return whether nothing of it is left."""
        if earlier:
            await asyncio.wait(earlier)
        # No process ended during the earlier runs.
        starts = max(1, job.starts - len(earlier))
        with self._limit.begin():
            done = await self._spec.run(job.id, starts, lease)
        self._failures.pop(job.id, None)
        if done:
            self._counts.complete += 1
        else:
            self._counts.retried += 1
        return done

    def _retry_pause(self, job_id: str) -> float:
        """Count a failure of a job; return the seconds until it is run again."""
        self._counts.failed += 1
        if len(self._failures) > _FAILURES_REMEMBERED:  # other workers may have finished them
            self._failures.clear()
        failures = self._failures[job_id] = self._failures.get(job_id, 0) + 1
        return float(min(_MAX_RETRY_PAUSE, 0.1 * 2 ** min(failures, 20)))

    async def _release(self, lease: Lease, pause: float | None, *, was_run: bool) -> None:
        """Release the lease of a job that has work left, and record that no process ended at it.

        The job is due after ``pause`` seconds; None if its due time does not change. ``was_run`` is
        as in ``JobQueue.release_leases``.
        """
        was_valid = lease.is_valid
        (is_released,) = await self._jobs.release_leases([lease], pause, was_run=was_run)
        if not (was_valid and is_released):
            self._leases_lost.inc()
            logger.warning(
                "lease expired while the job ran; no other worker has it now, and it is released"
                if is_released
                else "lease lost; the job is left to the worker that has it",
                extra={"queue": self._spec.queue, "job": lease.job_id},
            )
        self._wake.set()


class _Counts:
    """The jobs that a worker has run, in the terms of arq's health check."""

    def __init__(self) -> None:
        self.complete = 0
        self.failed = 0
        self.retried = 0

    def __str__(self) -> str:
        return f"j_complete={self.complete} j_failed={self.failed} j_retried={self.retried}"


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
