"""A worker process in the test's own process, driven command by command, that can be killed.

Each command of the process to Redis waits at a gate. A test lets it pass, loses its reply, or kills
the process before or after it: all crashes that another process or Redis can tell apart.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from router.alerts import Delivered, Delivery, Failed, Outcome, Preview, Refused
from router.clock import Clock
from router.configuration.model import ActiveConfiguration
from router.datatypes import Duration
from router.destinations.contract import BreakerPolicy, DestinationConfig, RetryPolicy
from router.errors import JournalUnavailableError, RouterError
from router.journal import keys
from router.journal.connection import Connection
from router.journal.crash_counts import CrashCounter
from router.journal.deliveries import Deliveries
from router.journal.job_queue import JobQueue, PolledJob, new_token
from router.journal.keys import BatchId, SetId
from router.journal.leases import Lease
from router.journal.pauses import Pauses
from router.metrics import Metrics
from router.worker.delivery.delivery_admission import DeliveryAdmission
from router.worker.delivery.delivery_job import DeliveryJob, DeliveryJournal
from router.worker.delivery.paused_destinations import PausedDestinations
from router.worker.delivery.settlement import make_settler
from router.worker.evaluation.batch_job import BatchJob
from router.worker.queue.poison import PoisonDetector
from support.world import batch_journal

T = TypeVar("T")
LEASE_MS = 36_000_000
"""Never over by itself: ``expire_leases`` ends them."""


class Gate(msgspec.Struct, eq=False):
    """One command that waits. ``verdict``: whether it is sent, and whether its reply arrives."""

    verdict: "asyncio.Future[tuple[bool, bool]]"


class SteppedConnection(Connection):
    """Its commands wait in ``waiting`` until they are let pass."""

    def __init__(self, connection: Connection) -> None:
        # It is thrown away without being closed: what it kept would be missing in the pool.
        super().__init__(connection.redis, deadline=10.0, keep=0)
        self.waiting: deque[Gate] = deque()
        self.changed = asyncio.Event()
        self.happened = asyncio.Event()
        """Set when a command has happened in Redis."""
        self.is_dead = False

    async def ask(self, reply: Awaitable[T]) -> T:
        if self.is_dead:
            reply.close()  # type: ignore[attr-defined]
            raise JournalUnavailableError("the process was killed")
        gate = Gate(asyncio.get_running_loop().create_future())
        try:
            self.waiting.append(gate)
            self.changed.set()
            is_sent, is_answered = await gate.verdict
        except BaseException:
            reply.close()  # type: ignore[attr-defined]
            raise
        if not is_sent:
            reply.close()  # type: ignore[attr-defined]
            raise JournalUnavailableError("cut before the command")
        answer = await super().ask(reply)
        self.happened.set()
        if not is_answered:
            raise JournalUnavailableError("cut before the reply")
        return answer


class Inbox:
    """A receiver. ``outcomes`` are for the next attempts of any process; then all succeed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.outcomes: deque[Outcome] = deque()
        self.delivered: list[Delivery] = []

    def receive(self, delivery: Delivery) -> Outcome:
        """Return how the attempt ends."""
        outcome = self.outcomes.popleft() if self.outcomes else Delivered(200)
        match outcome:
            case Delivered():
                self.delivered.append(delivery)
            case Failed() | Refused():
                pass
        return outcome


class InboxDestination:
    """A destination that leads to an inbox."""

    def __init__(self, inbox: Inbox, *, concurrency: int) -> None:
        self.name = inbox.name
        self.config = DestinationConfig(
            concurrency=concurrency,
            retry=RetryPolicy(first=Duration(0.001), longest=Duration(0.001), attempts=4),
            breaker=BreakerPolicy(failures=1000, attempts=1000),
        )
        self._inbox = inbox

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def attempt(self, delivery: Delivery) -> Outcome:
        return self._inbox.receive(delivery)

    def preview(self, delivery: Delivery) -> Preview:
        return Preview(headers=(), body=delivery.id, content_type="text/plain")


Run = Callable[[str, int, Lease], Awaitable[bool]]


class SteppedProcess:
    """A worker with one job at a time, made of the router's own parts.

    Args:
        connection: To Redis; its pool is shared by all processes of a test.
        clock: Time.
        active: The configuration, which a test may swap.
        inboxes: The receivers of the destinations, by name.
        concurrency: The attempts at once to each.
    """

    def __init__(
        self,
        connection: Connection,
        clock: Clock,
        active: ActiveConfiguration,
        inboxes: dict[str, Inbox],
        *,
        concurrency: int,
    ) -> None:
        self.connection = SteppedConnection(connection)
        self._clock = clock
        metrics = Metrics()
        poison = PoisonDetector(CrashCounter(self.connection))
        deliveries = Deliveries(self.connection, clock)
        settler = make_settler(deliveries, clock)
        journal = DeliveryJournal(deliveries, settler, poison)
        paused = PausedDestinations(Pauses(self.connection), clock, lambda: None)
        paused.update({})
        batches = BatchJob(
            batch_journal(self.connection, clock), active, metrics, clock, dedup_window=86_400
        )
        self._runs: dict[str, Run] = {
            keys.EVALUATE_QUEUE: lambda job_id, starts, lease: batches.run(
                BatchId(job_id), starts, lease.token
            )
        }
        for name, inbox in inboxes.items():
            destination = InboxDestination(inbox, concurrency=concurrency)
            admission = DeliveryAdmission(name, destination.config, None, paused, metrics, clock)
            job = DeliveryJob(destination, journal, admission, metrics, clock)
            self._runs[keys.deliver_queue(name)] = _delivery_run(job)
        loop = asyncio.get_running_loop()
        self._settling = loop.create_task(settler.run())
        self.queue = ""
        self.job: PolledJob | None = None
        self.task: asyncio.Task[None] | None = None

    @property
    def is_busy(self) -> bool:
        """Return whether it runs a job."""
        return self.task is not None and not self.task.done()

    @property
    def queues(self) -> list[str]:
        """Return the queues that it works on."""
        return list(self._runs)

    async def pick(self, queue: str) -> None:
        """Poll a queue for one job, up to the moment before the command is sent."""
        loop = asyncio.get_running_loop()
        self.queue, self.job = queue, None
        self.task = loop.create_task(self._work(queue))
        await self.settle_down()

    async def _work(self, queue: str) -> None:
        jobs = JobQueue(self.connection, queue)
        token = new_token(self._clock.new_id(), 1, lease_ms=LEASE_MS)
        try:
            poll = await jobs.poll(token, lease_ms=LEASE_MS, max_jobs=1, max_ids=100)
        except JournalUnavailableError:
            return
        for job in poll.jobs:
            self.job = job
            now = self._clock.monotonic
            lease = Lease(
                job.id, token, due_ms=job.due_ms, seconds=LEASE_MS / 1000, monotonic=now, at=now()
            )
            # As QueueWorker does it (router/worker/queue/queue_worker.py).
            try:
                done = await self._runs[queue](job.id, job.starts, lease)
            except (RouterError, TimeoutError):
                done = False
            if not done:
                with contextlib.suppress(JournalUnavailableError):
                    await jobs.release_leases([lease])

    async def step(self, *, is_sent: bool = True, is_answered: bool = True) -> None:
        """Let the next command pass, or fail as told; return at the one after it, or at the end."""
        if self.connection.waiting:
            self.connection.waiting.popleft().verdict.set_result((is_sent, is_answered))
            await self.settle_down()

    async def settle_down(self) -> None:
        """Return when a command waits, or the job has ended."""
        assert self.task is not None
        async with asyncio.timeout(60):
            while not self.connection.waiting and not self.task.done():
                self.connection.changed.clear()
                changed = asyncio.get_running_loop().create_task(self.connection.changed.wait())
                await asyncio.wait([changed, self.task], return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()

    async def finish(self) -> None:
        """Let all commands of the job pass."""
        while self.is_busy:
            await self.step()

    async def kill(self, *, is_sent: bool) -> None:
        """End the process: nothing of it runs again. ``is_sent``: its next command still happens."""
        if is_sent and self.connection.waiting:
            self.connection.is_dead = True
            self.connection.happened.clear()
            self.connection.waiting.popleft().verdict.set_result((True, False))
            async with asyncio.timeout(60):
                await self.connection.happened.wait()
        self.connection.is_dead = True
        tasks: list[asyncio.Task[Any]] = [self._settling, *([self.task] if self.task else [])]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def _delivery_run(job: DeliveryJob) -> Run:
    return lambda job_id, starts, lease: job.run(SetId(job_id), starts, lease)


async def expire_leases(connection: Connection) -> None:
    """Let all leases end, as if their time had passed: those of workers that go on too."""
    redis = connection.redis
    if leases := [key async for key in redis.scan_iter(match="arq:in-progress:*", count=1000)]:
        await redis.delete(*leases)
    # A leased job is due when its lease ends (poll.lua).
    await _make_due(connection, float("inf"))


async def make_due(connection: Connection, clock: Clock) -> None:
    """Let the time pass after which what failed is attempted again, and no lease."""
    await _make_due(connection, clock.now() * 1000 + LEASE_MS / 2)


async def _make_due(connection: Connection, before_ms: float) -> None:
    redis = connection.redis
    async for queue in redis.scan_iter(match="router:queue:*", _type="zset", count=1000):
        if jobs := await redis.zrangebyscore(queue, 1, before_ms):
            await redis.zadd(queue, dict.fromkeys(jobs, 1), xx=True)
