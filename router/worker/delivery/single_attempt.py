"""One attempt of a delivery, and the decision what becomes of the delivery."""

import logging
from typing import assert_never

import msgspec

from router.alerts import Delivered, Delivery, Failed, Outcome, is_test, uncounted_attempts
from router.clock import Clock
from router.destinations.contract import Destination
from router.journal.keys import SetId
from router.journal.leases import LeaseToken
from router.journal.settlements import Done, GivenUp, Requeued, Settlement
from router.worker.delivery.attempt_record import AttemptRecorder, exemplar_of, with_attempt
from router.worker.delivery.attempt_traces import AttemptTraces, end_attempt
from router.worker.delivery.circuit_breaker import Permit
from router.worker.delivery.delivery_admission import DeliveryAdmission
from router.worker.delivery.digest_schedule import JITTER, requeue
from router.worker.delivery.retry import (
    Disable,
    Finished,
    GiveUp,
    NextStep,
    Retry,
    attempted_once,
    next_step,
)

logger = logging.getLogger(__name__)


class SingleAttempt:
    """Makes attempts of one destination, one at each call.

    Args:
        destination: The destination.
        admission: Learns the outcome, and pauses or disables the destination.
        recorder: Counts and logs attempts.
        traces: Makes their spans; None if traces are off.
        clock: Its time and chance.
    """

    def __init__(
        self,
        destination: Destination,
        admission: DeliveryAdmission,
        recorder: AttemptRecorder,
        traces: AttemptTraces | None,
        clock: Clock,
    ) -> None:
        self._destination = destination
        self._admission = admission
        self._recorder = recorder
        self._traces = traces
        self._clock = clock
        self._is_digest = is_digest(destination, clock)

    async def make(
        self, delivery: Delivery, permit: Permit, set_id: SetId, token: LeaseToken
    ) -> Settlement:
        """Make an attempt, and return how the delivery ends or when it is retried.

        Nothing is recorded in the journal but a pause of the destination.

        Args:
            delivery: The delivery.
            permit: The permit for the attempt, which ends with it.
            set_id: The set of the delivery.
            token: The token of the set's lease.

        Raises:
            JournalUnavailableError: The pause was not recorded.
        """
        began_at, began = self._clock.now(), self._clock.monotonic()
        span = None if self._traces is None else self._traces.begin(delivery)
        outcome = await self._outcome(delivery, permit)
        seconds = self._clock.monotonic() - began
        exemplar = exemplar_of(delivery)
        self._recorder.attempted(seconds, exemplar)
        following = self._following(delivery, outcome)
        if span is not None:
            end_attempt(span, outcome, following)
        await self._admission.update_pause(outcome)
        tried = with_attempt(delivery, outcome, at=began_at, seconds=seconds)
        match following:
            case Finished():
                latency = self._clock.now() - delivery.alert.event_received_at
                self._recorder.delivered(latency, exemplar)
                status = outcome.status if isinstance(outcome, Delivered) else None
                return Done(set_id, delivery, seconds, status)
            case Retry(in_seconds=wait, counts=counts):
                self._recorder.retried(tried, wait)
                return self._requeued(tried, wait, set_id, token, counts=counts)
            case Disable(reason=reason):
                self._recorder.disabled(tried)
                await self._admission.disable(reason)
                return self._requeued(tried, 0.0, set_id, token, counts=True)
            case GiveUp(reason=reason):
                self._recorder.dead_lettered()
                return GivenUp(set_id, tried, reason, token)
            case _:
                assert_never(following)

    def _following(self, delivery: Delivery, outcome: Outcome) -> NextStep:
        following = next_step(
            outcome,
            attempt=delivery.attempt,
            policy=self._destination.config.retry,
            jitter=JITTER if self._is_digest else self._clock.chance(),
            uncounted=uncounted_attempts(delivery),
            refusal_is_retried=self._admission.is_retried(delivery, outcome),
        )
        return attempted_once(following, outcome) if is_test(delivery.alert) else following

    def _requeued(
        self, tried: Delivery, wait: float, set_id: SetId, token: LeaseToken, *, counts: bool
    ) -> Requeued:
        following = msgspec.structs.replace(tried, attempt=tried.attempt + counts)
        return requeue(
            set_id,
            following,
            wait,
            now=self._clock.now(),
            in_digest=self._is_digest,
            token=token,
        )

    async def _outcome(self, delivery: Delivery, permit: Permit) -> Outcome:
        """Make the attempt. If the destination raises, which is a bug, the attempt has failed."""
        outcome: Outcome | None = None
        try:
            outcome = await self._destination.attempt(delivery)
        except Exception as error:
            logger.exception("destination raised", extra={"destination": self._destination.name})
            return Failed(f"internal error: {type(error).__name__}")
        else:
            return outcome
        finally:
            self._admission.end(permit, outcome)


def is_digest(destination: Destination, clock: Clock) -> bool:
    """Return whether a destination's deliveries are sent together at the end of a window."""
    return destination.config.due_at(clock.now()) is not None
