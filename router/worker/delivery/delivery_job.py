"""The delivery job: for each delivery of a set, one attempt and one record of what came of it.

A set is read and made page by page, so that a large digest needs no more memory than a page. A set
whose job ended a process before is not read at all before its single deliveries are.
"""

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import msgspec

from router.alerts import Delivery
from router.clock import Clock
from router.destinations.contract import Destination
from router.errors import JournalUnavailableError, PoisonError, WrongTypeError, only_error
from router.events.masks import NO_MASKS, Masks
from router.journal import keys
from router.journal.deliveries import FIRST_PAGE, Deliveries
from router.journal.delivery_sets import SET_SIZE
from router.journal.group_commit import GroupCommit
from router.journal.keys import SetId
from router.journal.leases import Lease, unleased
from router.journal.message_tests import MessageTests
from router.journal.settlements import Done, GivenUp, Settlement
from router.journal.shown_alerts import ShownAlerts
from router.metrics import Metrics
from router.outage_log import OUTAGES
from router.tracing.spans import Tracer
from router.worker.delivery.attempt_record import AttemptRecorder
from router.worker.delivery.attempt_traces import AttemptTraces
from router.worker.delivery.circuit_breaker import Permit
from router.worker.delivery.delivery_admission import DeliveryAdmission
from router.worker.delivery.digest_schedule import defer_to_window_end
from router.worker.delivery.semaphore import FifoSemaphore
from router.worker.delivery.shown_record import ShownRecorder
from router.worker.delivery.single_attempt import SingleAttempt, is_digest
from router.worker.delivery.tested_record import TestedRecorder
from router.worker.queue.poison import POISON, PoisonDetector
from router.worker.work_log import WorkLog

logger = logging.getLogger(__name__)

SLICE: Final = 10.0
"""Seconds after which a run begins no further attempt."""


class DeliveryJournal(msgspec.Struct, frozen=True):
    """The journal as the delivery jobs of a process share it."""

    deliveries: Deliveries
    settler: GroupCommit[Settlement, bool]
    poison: PoisonDetector
    shown: ShownAlerts | None = None
    """None in a process that makes no links."""
    tests: MessageTests | None = None
    """None in a process whose test messages no other one asks for."""
    log: WorkLog = msgspec.field(default_factory=WorkLog)
    """The log of the process."""
    masks: Masks = NO_MASKS
    """The fields that facts on the page of an alert do not have."""
    tracer: Tracer | None = None
    """Makes the spans of attempts; None if traces are off."""


class _Run(msgspec.Struct, frozen=True):
    """One run of a set's job."""

    set_id: SetId
    lease: Lease
    until: float
    """Monotonic seconds from which no further attempt begins."""


class DeliveryJob:
    """Makes the deliveries of one destination.

    A run begins no attempt after ``SLICE`` seconds, so that a slow receiver cannot occupy a job for
    longer than that plus one attempt. It begins none either once its lease may have ended, because
    another worker may then make the same deliveries. Deliveries not begun stay in the set for the
    next run.
    """

    def __init__(
        self,
        destination: Destination,
        journal: DeliveryJournal,
        admission: DeliveryAdmission,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._destination = destination
        self._deliveries = journal.deliveries
        self._settler = journal.settler
        self._admission = admission
        self._poison = journal.poison
        self._clock = clock
        self._slots = FifoSemaphore(destination.config.slots)
        self.draining = False
        """Whether no further attempt is to begin."""
        self._is_digest = is_digest(destination, clock)
        traces = None if journal.tracer is None else AttemptTraces(journal.tracer, destination.name)
        self._recorder = AttemptRecorder(destination.name, metrics, journal.log)
        self._attempt = SingleAttempt(destination, admission, self._recorder, traces, clock)
        told = destination.name if destination.config.is_told_acknowledgements else ""
        self._shown = ShownRecorder(journal.shown, told, journal.masks)
        self._tested = TestedRecorder(journal.tests, clock)

    async def run(self, set_id: SetId, starts: int = 1, lease: Lease | None = None) -> bool:
        """Make the remaining deliveries of a set. The set's job ends with the last of them.

        Args:
            set_id: The set.
            starts: How often the job was started. Above 1, a process ended during an earlier run,
                so each delivery is read and attempted alone: one of them may be what ends
                processes.
            lease: The lease of the set's job; None if it has none.

        Returns:
            False if deliveries of the set remain, or may remain.

        Raises:
            JournalUnavailableError: How a delivery ended was not recorded. It is still in its set,
                and will be sent again.
            LeaseLostError: Another worker has the set's job.
        """
        run = _Run(set_id, lease or unleased(set_id), self._clock.monotonic() + SLICE)
        try:
            return await (self._run_watched(run) if starts > 1 else self._run_pages(run))
        except WrongTypeError:
            if not await self._deliveries.set_aside(set_id, self._destination.name):
                raise
            return True

    async def _run_pages(self, run: _Run) -> bool:
        """Make the deliveries of a set page by page; return False if some of them remain."""
        begun = 0
        after: str | None = FIRST_PAGE
        while after is not None:
            if begun and self._is_over(run):
                return False
            page = await self._deliveries.begin(
                run.set_id,
                self._destination.name,
                run.lease.token,
                after,
                in_digest=self._is_digest,
            )
            if not await self._run_page(page.deliveries, run):
                return False
            begun += len(page.deliveries)
            after = page.after
        return _is_done(run, begun)

    async def _run_page(self, deliveries: Sequence[Delivery], run: _Run) -> bool:
        """Make deliveries of a set; return False if some of them remain."""
        if await self._defer(deliveries, run):
            return True
        begun = 0
        async with _Attempts() as group:
            for delivery in deliveries:
                permit = await self._permit(run)
                if permit is None:
                    break
                self._start(group, delivery, run, permit)
                begun += 1
                if permit.is_trial:  # its outcome decides whether others may follow
                    break
        return begun == len(deliveries)

    async def _run_watched(self, run: _Run) -> bool:
        """Read and make deliveries one by one; return False if some of them may remain."""
        ids = await self._deliveries.begin_unread(
            run.set_id, self._destination.name, run.lease.token
        )
        begun = 0
        async with _Attempts() as group:
            for delivery_id in ids:
                try:
                    if not await self._make_watched(group, delivery_id, run):
                        break
                except JournalUnavailableError as error:
                    # Raised, it would cancel the attempts that are under way.
                    reason = {"reason": str(error)}
                    OUTAGES.warning("deliveries postponed; Redis unavailable", extra=reason)
                    break
                begun += 1
        return begun == len(ids) < SET_SIZE and _is_done(run, begun)

    async def _make_watched(self, group: asyncio.TaskGroup, delivery_id: str, run: _Run) -> bool:
        """Begin the attempt of a delivery; return False if no further one may begin."""
        delivery = await self._read_watched(delivery_id, run)
        if delivery is None or await self._defer([delivery], run):
            return True
        permit = await self._permit(run)
        if permit is None:
            return False
        await self._start_watched(group, delivery, run, permit)
        return not permit.is_trial  # its outcome decides whether others may follow

    async def _defer(self, deliveries: Sequence[Delivery], run: _Run) -> bool:
        """Move deliveries to the end of a digest's window; return False if they are due now."""
        deferred = defer_to_window_end(
            run.set_id,
            deliveries,
            self._destination.config,
            now=self._clock.now(),
            token=run.lease.token,
        )
        if deferred is None:
            return False
        async with _Attempts() as group:
            for settlement in deferred:
                group.create_task(self._settler.commit(settlement))
        return True

    async def _read_watched(self, delivery_id: str, run: _Run) -> Delivery | None:
        """Return a delivery; None if it is settled, or if reading it ended three processes."""
        name, set_id = self._destination.name, run.set_id
        try:
            return await self._poison.guard(
                set_id,
                f"read {delivery_id}",
                partial(
                    self._deliveries.read,
                    set_id,
                    name,
                    delivery_id,
                    run.lease.token,
                    in_digest=self._is_digest,
                ),
            )
        except PoisonError as error:
            logger.error(  # noqa: TRY400 - the traceback says nothing
                "delivery quarantined; reading it ended the worker process",
                extra={"destination": name, "delivery": delivery_id},
            )
            await self._deliveries.quarantine_unread(
                set_id, name, delivery_id, str(error), run.lease.token
            )
            return None

    async def _start_watched(
        self, group: asyncio.TaskGroup, delivery: Delivery, run: _Run, permit: Permit
    ) -> None:
        """Begin an attempt that may end the process, or give the delivery up if it did so before."""
        started: list[asyncio.Task[None]] = []

        def start() -> asyncio.Task[None]:
            started.append(self._start(group, delivery, run, permit))
            return started[0]

        try:
            harmless = await self._poison.begin(run.set_id, delivery.id, start)
        finally:
            if not started:
                self._release(permit)
        if not harmless:
            await self._give_up_poison(delivery, run)

    def _start(
        self, group: asyncio.TaskGroup, delivery: Delivery, run: _Run, permit: Permit
    ) -> asyncio.Task[None]:
        sending = group.create_task(self._send(delivery, run, permit))
        # Not inside the task, because a task cancelled before it begins runs no code at all.
        sending.add_done_callback(lambda _: self._slots.release())
        return sending

    async def _give_up_poison(self, delivery: Delivery, run: _Run) -> None:
        """Make a dead letter of a delivery that ended three processes."""
        logger.error(
            "delivery given up; it ended the worker process",
            extra={"destination": delivery.destination, "delivery": delivery.id},
        )
        await self._settle(GivenUp(run.set_id, delivery, POISON, run.lease.token))

    async def _permit(self, run: _Run) -> Permit | None:
        """Acquire a slot and a permit for one attempt, or neither. The caller releases the slot."""
        # Bounded, because other jobs of this destination may occupy the slots for long while this
        # job's own time is limited.
        if not await self._slots.acquire(timeout=run.until - self._clock.monotonic()):
            return None
        permit = None
        try:
            if not self._is_over(run):
                permit = await self._admission.begin()
                if permit is not None and self._is_over(run):
                    self._admission.end(permit, None)
                    permit = None
        finally:
            if permit is None:
                self._slots.release()
        return permit

    def _release(self, permit: Permit) -> None:
        """Release an unused permit and its slot."""
        self._admission.end(permit, None)
        self._slots.release()

    def _is_over(self, run: _Run) -> bool:
        is_late = self._clock.monotonic() >= run.until
        return self.draining or is_late or not run.lease.is_valid

    async def _send(self, delivery: Delivery, run: _Run, permit: Permit) -> None:
        # The slot is released only after the result is recorded, so that a crash repeats no more
        # deliveries than the destination has slots.
        await self._settle(await self._attempt.make(delivery, permit, run.set_id, run.lease.token))

    async def _settle(self, settlement: Settlement) -> None:
        """Record how a delivery ended or that it is retried, and count the ended ones."""
        is_recorded = await self._settler.commit(settlement)
        self._recorder.settled(settlement, is_recorded=is_recorded)
        if isinstance(settlement, Done) and is_recorded:
            await self._shown.delivered(settlement.delivery)
        await self._tested.settled(settlement)


class _Attempts(asyncio.TaskGroup):
    """Waits for attempts. Raises JournalUnavailableError if one of them does."""

    async def __aexit__(self, *error: Any) -> None:  # noqa: PYI036 - TaskGroup's own types
        try:
            await super().__aexit__(*error)
        except BaseExceptionGroup as group:
            # One is enough, because all of them failed on the same Redis.
            error_of_redis = only_error(group, JournalUnavailableError)
            if error_of_redis is None:
                raise
            raise error_of_redis from None


def _is_done(run: _Run, begun: int) -> bool:
    # A retry of another run may have joined a digest's set meanwhile; the set's job then stays.
    return not (begun and keys.is_digest_set(run.set_id))
