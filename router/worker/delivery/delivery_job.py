"""Job 2: a delivery set -> one attempt, one decision, one record for each delivery."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, assert_never

import msgspec

from router.alerts import (
    Attempt,
    Delivered,
    Delivery,
    Failed,
    Outcome,
    Refused,
    after_attempt,
)
from router.clock import Clock
from router.destinations.contract import Destination
from router.errors import JournalUnavailableError
from router.journal import keys
from router.journal.deliveries import Deliveries, Done, GivenUp, PutBack, Settlement
from router.journal.group_commit import GroupCommit
from router.journal.keys import SetId
from router.metrics import Metrics
from router.worker.delivery.circuit_breaker import Permit
from router.worker.delivery.delivery_admission import DeliveryAdmission
from router.worker.delivery.digest_schedule import JITTER, defer_to_window_end, requeue
from router.worker.delivery.retry import Disable, Finished, GiveUp, TryAgain, after
from router.worker.delivery.semaphore import FifoSemaphore
from router.worker.queue.poison import POISON, PoisonDetector

logger = logging.getLogger(__name__)

SLICE: Final = 10.0
"""Seconds after which a run begins no further attempt."""


class Shared(msgspec.Struct, frozen=True):
    """What the destinations of a process have in common."""

    deliveries: Deliveries
    settler: GroupCommit[Settlement]
    suspects: PoisonDetector


class DeliveryJob:
    """Makes the deliveries of one destination.

    A run starts no attempt after ``SLICE``, so that a slow receiver cannot hold a job for
    longer than that plus one attempt; what is left stays in the set for the next run.
    """

    def __init__(
        self,
        destination: Destination,
        shared: Shared,
        flow: DeliveryAdmission,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._destination = destination
        self._deliveries = shared.deliveries
        self._settler = shared.settler
        self._flow = flow
        self._suspects = shared.suspects
        self._clock = clock
        self._slots = FifoSemaphore(destination.config.slots)
        self.draining = False
        self._together = destination.config.held_until(clock.now()) is not None
        name = destination.name
        self._attempt_seconds = metrics.delivery_attempt_seconds.labels(name)
        self._latency_seconds = metrics.delivery_latency_seconds
        self._attempts = {
            outcome: metrics.delivery_attempts.labels(name, outcome)
            for outcome in ("delivered", "retried", "dead_lettered")
        }
        self._delivered = metrics.deliveries.labels(name, "delivered")
        self._dead_lettered = metrics.deliveries.labels(name, "dead_lettered")

    async def run(self, set_id: SetId, starts: int = 1) -> bool:
        """DeliveryJob what is left of a set; False when some of it still is, or may be.

        With the last of it its job ends. In a set that was started before, by a process that then
        ended, each attempt is begun by itself: one of them may be what ends processes.

        Raises JournalUnavailableError when an end could not be recorded; the delivery is then in
        its set still, and will be sent again.
        """
        deliveries = await self._deliveries.take(set_id, self._destination.name)
        held = defer_to_window_end(
            set_id, deliveries, self._destination.config, now=self._clock.now()
        )
        if held is not None:
            await self._settle_all(held)
            return True
        until = self._clock.monotonic() + SLICE
        begun = 0
        try:
            async with asyncio.TaskGroup() as group:
                for delivery in deliveries:
                    permit = await self._permit(until)
                    if permit is None:
                        break
                    if starts == 1:
                        self._start(group, delivery, set_id, permit)
                    elif not await self._start_watched(group, delivery, set_id, permit):
                        break
                    begun += 1
                    if permit.is_trial:  # what follows is decided when it has ended
                        break
        except* JournalUnavailableError as errors:
            # The first says it all: they fail together, on the same Redis.
            raise JournalUnavailableError(str(errors.exceptions[0])) from None
        # What failed elsewhere may have come into it meanwhile; its job then stands.
        return begun == len(deliveries) and not (begun and keys.is_gathered(set_id))

    async def _settle_all(self, settlements: Sequence[Settlement]) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for settlement in settlements:
                    group.create_task(self._settler.commit(settlement))
        except* JournalUnavailableError as errors:
            raise JournalUnavailableError(str(errors.exceptions[0])) from None

    async def _start_watched(
        self, group: asyncio.TaskGroup, delivery: Delivery, set_id: SetId, permit: Permit
    ) -> bool:
        """Start what may end the process, or give it up if it did so before.

        False when Redis is away. It does not raise then: that would break off what is under way.
        """
        started: list[asyncio.Task[None]] = []

        def start() -> asyncio.Task[None]:
            started.append(self._start(group, delivery, set_id, permit))
            return started[0]

        try:
            harmless = await self._suspects.begin(set_id, delivery.id, start)
        except JournalUnavailableError as error:
            logger.warning("deliveries wait for Redis", extra={"reason": str(error)})
            return False
        finally:
            if not started:
                self._give_back(permit)
        if not harmless:
            await self._give_up(delivery, set_id)
        return True

    def _start(
        self, group: asyncio.TaskGroup, delivery: Delivery, set_id: SetId, permit: Permit
    ) -> asyncio.Task[None]:
        sending = group.create_task(self._send(delivery, set_id, permit))
        # Not in the task: one that is cancelled before it begins runs no code at all.
        sending.add_done_callback(lambda _: self._slots.release())
        return sending

    async def _give_up(self, delivery: Delivery, set_id: SetId) -> None:
        """Make a dead letter of what has ended three processes."""
        logger.error(
            "delivery given up, it ends the process",
            extra={"destination": delivery.destination, "delivery": delivery.id},
        )
        await self._settle(GivenUp(set_id, delivery, POISON))

    async def _permit(self, until: float) -> Permit | None:
        """A slot and leave for one attempt, or neither. The slot is the caller's to release."""
        # Others, of this destination's, may take long; the job's own time is limited.
        if not await self._slots.take(seconds=until - self._clock.monotonic()):
            return None
        permit = None
        try:
            if not self._is_over(until):
                permit = await self._flow.begin()
                if permit is not None and self._is_over(until):
                    self._flow.end(permit, None)
                    permit = None
        finally:
            if permit is None:
                self._slots.release()
        return permit

    def _give_back(self, permit: Permit) -> None:
        """Leave and slot, unused."""
        self._flow.end(permit, None)
        self._slots.release()

    def _is_over(self, until: float) -> bool:
        return self.draining or self._clock.monotonic() >= until

    async def _send(self, delivery: Delivery, set_id: SetId, permit: Permit) -> None:
        # The slot is held until the end is recorded: a crash repeats no more deliveries than the
        # destination has slots.
        await self._settle(await self._attempt(delivery, set_id, permit))

    async def _settle(self, settlement: Settlement) -> None:
        """Record what a delivery came to, and count one that has ended.

        Counted after the record, because a delivery whose end is not recorded is sent again.
        """
        await self._settler.commit(settlement)
        match settlement:
            case Done():
                self._delivered.inc()
            case GivenUp():
                self._dead_lettered.inc()
            case PutBack():
                pass
            case _:
                assert_never(settlement)

    async def _attempt(self, delivery: Delivery, set_id: SetId, permit: Permit) -> Settlement:
        began_at, began = self._clock.now(), self._clock.monotonic()
        outcome = await self._outcome(delivery, permit)
        seconds = self._clock.monotonic() - began
        self._attempt_seconds.observe(seconds)
        following = after(
            outcome,
            attempt=delivery.attempt,
            policy=self._destination.config.retry,
            jitter=JITTER if self._together else self._clock.chance(),
        )
        tried = _with_attempt(delivery, outcome, at=began_at, seconds=seconds)
        match following:
            case Finished():
                self._attempts["delivered"].inc()
                self._latency_seconds.observe(self._clock.now() - delivery.alert.event_received_at)
                return Done(set_id, delivery)
            case TryAgain(in_seconds=wait):
                self._attempts["retried"].inc()
                _log(logging.INFO, "attempt failed, will try again", tried, in_seconds=wait)
                return self._put_back(set_id, tried, wait)
            case Disable(reason=reason):
                self._attempts["retried"].inc()
                _log(logging.ERROR, "the destination is gone, it is disabled", tried)
                await self._flow.disable(reason)
                return self._put_back(set_id, tried, 0.0)
            case GiveUp(reason=reason):
                self._attempts["dead_lettered"].inc()
                _log(logging.WARNING, "delivery given up, it is in the dead letters", tried)
                return GivenUp(set_id, tried, reason)
            case _:
                assert_never(following)

    def _put_back(self, set_id: SetId, tried: Delivery, wait: float) -> PutBack:
        following = msgspec.structs.replace(tried, attempt=tried.attempt + 1)
        due_at = self._clock.now() + wait
        return requeue(set_id, following, due_at, together=self._together)

    async def _outcome(self, delivery: Delivery, permit: Permit) -> Outcome:
        """A destination never raises for the far side's fault; a bug of ours loses nothing."""
        outcome: Outcome | None = None
        try:
            outcome = await self._destination.attempt(delivery)
        except Exception as error:
            logger.exception("destination raised", extra={"destination": self._destination.name})
            return Failed(f"internal error: {type(error).__name__}")
        else:
            return outcome
        finally:
            self._flow.end(permit, outcome)


def _with_attempt(delivery: Delivery, outcome: Outcome, *, at: float, seconds: float) -> Delivery:
    """The delivery with this attempt among the failed ones, if it failed."""
    match outcome:
        case Delivered():
            return delivery
        case Refused() | Failed():
            attempt = Attempt(
                number=delivery.attempt,
                at=at,
                seconds=round(seconds, 6),
                reason=outcome.reason,
                status=outcome.status,
                response=outcome.response,
                reached=outcome.reached,
            )
            return after_attempt(delivery, attempt)
        case _:
            assert_never(outcome)


def _log(level: int, message: str, delivery: Delivery, **more: float) -> None:
    logger.log(
        level,
        message,
        extra={
            "destination": delivery.destination,
            "delivery": delivery.id,
            "rule": delivery.alert.rule,
            "attempt": delivery.attempt,
            "reason": delivery.failed_attempts[-1].reason,
            **{name: round(value, 3) for name, value in more.items()},
        },
    )
