"""Job 2: a delivery set -> one attempt, one decision, one record for each delivery."""

import asyncio
import logging
from collections.abc import Iterator
from typing import assert_never

import msgspec

from router.alerts import Attempt, Delivered, Delivery, Failed, Outcome, Refused
from router.clock import Clock
from router.destinations import Destination
from router.errors import JournalUnavailableError
from router.journal.deliveries import Deliveries, Done, GivenUp, PutBack, Settlement
from router.journal.group_commit import GroupCommit
from router.journal.keys import SetId
from router.telemetry import Metrics
from router.worker.retry import Finished, GiveUp, TryAgain, after

logger = logging.getLogger(__name__)


class Deliver:
    """Makes the deliveries of one destination.

    A run starts no attempt after ``slice_seconds``, so that a slow receiver cannot hold a job for
    longer than that plus one attempt; what is left stays in the set for the next run.
    """

    def __init__(
        self,
        destination: Destination,
        deliveries: Deliveries,
        settler: GroupCommit[Settlement],
        metrics: Metrics,
        clock: Clock,
        *,
        slice_seconds: float,
    ) -> None:
        self._destination = destination
        self._deliveries = deliveries
        self._settler = settler
        self._slice_seconds = slice_seconds
        self._clock = clock
        self._slots = asyncio.Semaphore(destination.config.concurrency)
        self.draining = False
        name = destination.name
        self._attempt_seconds = metrics.delivery_attempt_seconds.labels(name)
        self._event_to_delivery = metrics.event_to_delivery_seconds
        self._outcomes = {
            outcome: metrics.deliveries.labels(name, outcome)
            for outcome in ("delivered", "retried", "dead_lettered")
        }

    async def run(self, set_id: SetId) -> bool:
        """Deliver what is left of a set; False when some of it still is.

        Raises JournalUnavailableError when an end could not be recorded; the delivery is then in
        its set still, and will be sent again.
        """
        deliveries = await self._deliveries.take(set_id, self._destination.name)
        until = self._clock.monotonic() + self._slice_seconds
        left = iter(deliveries)
        senders = min(self._destination.config.concurrency, len(deliveries))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(senders):
                    group.create_task(self._send(left, set_id, until))
        except* JournalUnavailableError as errors:
            # The first says it all: they fail together, on the same Redis.
            raise JournalUnavailableError(str(errors.exceptions[0])) from None
        return next(left, None) is None

    async def _send(self, left: Iterator[Delivery], set_id: SetId, until: float) -> None:
        while True:
            async with self._slots:
                if self.draining or self._clock.monotonic() >= until:
                    return
                delivery = next(left, None)
                if delivery is None:
                    return
                # The slot is held until the end is recorded: a crash repeats no more
                # deliveries than the destination has slots.
                await self._settler.commit(await self._attempt(delivery, set_id))

    async def _attempt(self, delivery: Delivery, set_id: SetId) -> Settlement:
        began_at, began = self._clock.now(), self._clock.monotonic()
        outcome = await self._outcome(delivery)
        seconds = self._clock.monotonic() - began
        self._attempt_seconds.observe(seconds)
        following = after(
            outcome,
            attempt=delivery.attempt,
            policy=self._destination.config.retry,
            jitter=self._clock.chance(),
        )
        tried = _with_attempt(delivery, outcome, at=began_at, seconds=seconds)
        match following:
            case Finished():
                self._outcomes["delivered"].inc()
                self._event_to_delivery.observe(
                    self._clock.now() - delivery.alert.event_received_at
                )
                return Done(set_id, delivery)
            case TryAgain(in_seconds=wait):
                self._outcomes["retried"].inc()
                _log(logging.INFO, "attempt failed, will try again", tried, in_seconds=wait)
                retry = msgspec.structs.replace(tried, attempt=tried.attempt + 1)
                return PutBack(set_id, retry, self._clock.now() + wait)
            case GiveUp(reason=reason):
                self._outcomes["dead_lettered"].inc()
                _log(logging.WARNING, "delivery given up, it is in the dead letters", tried)
                return GivenUp(set_id, tried, reason)
            case _:
                assert_never(following)

    async def _outcome(self, delivery: Delivery) -> Outcome:
        """A destination never raises for the far side's fault; a bug of ours loses nothing."""
        try:
            return await self._destination.attempt(delivery)
        except Exception as error:
            logger.exception("destination raised", extra={"destination": self._destination.name})
            return Failed(f"internal error: {type(error).__name__}")


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
            return msgspec.structs.replace(
                delivery, failed_attempts=(*delivery.failed_attempts, attempt)
            )
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
