"""How an attempt is recorded: in the history of its delivery, in the log and in the metrics."""

import logging
from typing import assert_never

from router.alerts import (
    Attempt,
    Delivered,
    Delivery,
    Failed,
    Outcome,
    Refused,
    after_attempt,
)
from router.events.trace_context import context_of
from router.journal.settlements import Done, GivenUp, Requeued, Settlement
from router.metrics import Metrics
from router.tracing.outgoing import trace_fields
from router.worker.work_log import WorkLog

logger = logging.getLogger(__name__)

Exemplar = dict[str, str] | None
"""The labels by which a measurement is found in another system."""


def with_attempt(delivery: Delivery, outcome: Outcome, *, at: float, seconds: float) -> Delivery:
    """Return the delivery with this attempt in its history, if the attempt failed.

    Args:
        delivery: The delivery that was attempted.
        outcome: How the attempt ended.
        at: Unix time in seconds at which it began.
        seconds: Its duration.
    """
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


class AttemptRecorder:
    """Counts and logs the attempts and the ended deliveries of one destination."""

    def __init__(self, destination: str, metrics: Metrics, log: WorkLog) -> None:
        self._log = log
        self._seconds = metrics.delivery_attempt_seconds.labels(destination)
        self._latency_seconds = metrics.delivery_latency_seconds
        self._attempts = {
            outcome: metrics.delivery_attempts.labels(destination, outcome)
            for outcome in ("delivered", "retried", "dead_lettered")
        }
        self._delivered = metrics.deliveries.labels(destination, "delivered")
        self._dead_lettered = metrics.deliveries.labels(destination, "dead_lettered")

    def attempted(self, seconds: float, exemplar: Exemplar) -> None:
        """Record how long an attempt took."""
        self._seconds.observe(seconds, exemplar)

    def delivered(self, latency: float, exemplar: Exemplar) -> None:
        """Record an attempt that delivered, ``latency`` seconds after its event was received."""
        self._attempts["delivered"].inc()
        self._latency_seconds.observe(latency, exemplar)

    def retried(self, tried: Delivery, in_seconds: float) -> None:
        """Record an attempt that is followed by another one."""
        self._attempts["retried"].inc()
        self._log.retried(tried, in_seconds)

    def disabled(self, tried: Delivery) -> None:
        """Record an attempt whose receiver is gone, so that the delivery waits."""
        self._attempts["retried"].inc()
        logger.error(
            "destination disabled; its receiver is gone",
            extra={"destination": tried.destination, "reason": tried.failed_attempts[-1].reason},
        )

    def dead_lettered(self) -> None:
        """Record an attempt that is the last one."""
        self._attempts["dead_lettered"].inc()

    def settled(self, settlement: Settlement, *, is_recorded: bool) -> None:
        """Count and log a delivery that has ended.

        Called after its record, because a delivery that is not recorded is sent again. One that
        another worker decides about is counted there.
        """
        match settlement:
            case Done(delivery=delivery, seconds=seconds):
                self._delivered.inc()
                self._log.succeeded(delivery, seconds)
            case GivenUp(delivery=delivery, reason=reason):
                if is_recorded:
                    self._dead_lettered.inc()
                    self._log.dead_lettered(delivery, reason)
            case Requeued():
                pass
            case _:
                assert_never(settlement)


def exemplar_of(delivery: Delivery) -> Exemplar:
    """Return the exemplar of a delivery's latencies; None if its event belongs to no recorded trace."""
    trace_id = trace_fields().get("trace_id", "")
    if not trace_id and not delivery.alert.trace:
        context = context_of(delivery.alert.event)
        trace_id = context.trace_id if context is not None and context.is_sampled else ""
    return {"trace_id": trace_id} if trace_id else None
