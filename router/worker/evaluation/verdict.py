"""Decisions as the journal and the metrics have them."""

import logging

from router.journal.finish import ANY_CLAIM, FinishedWork, Quarantined
from router.metrics import Metrics
from router.worker.evaluation.decide import Decision
from router.worker.queue.poison import POISON

logger = logging.getLogger(__name__)


def verdict_of(
    decision: Decision, *, duplicate: int = 0, quarantined: tuple[Quarantined, ...] = ()
) -> FinishedWork:
    """What the journal writes down.

    Events that a timer quarantines were matched when they were judged; they leave that count.
    """
    poison = tuple(
        Quarantined(
            reason=POISON,
            body=alert.event,
            received_at=alert.event_received_at,
            claimed_by=ANY_CLAIM,
        )
        for alert in decision.quarantined
    )
    return FinishedWork(
        duplicate=duplicate,
        filtered=decision.filtered,
        suppressed=decision.suppressed,
        matched=decision.matched - len(poison),
        quarantined=quarantined + poison,
        alerts=decision.alerts,
        notified=decision.told,
        suppressed_alerts=tuple(reason for _, reason in decision.held),
        deliveries=decision.deliveries,
        timers=decision.timers,
    )


def count_held(decision: Decision, metrics: Metrics) -> None:
    """Count alerts that are held back, and state that has no room. Once the journal has it."""
    for rule, reason in decision.held:
        metrics.alerts_suppressed.labels(rule, reason).inc()
    for rule in decision.overflowed:
        metrics.rule_state_overflows.labels(rule).inc()
    for rule in set(decision.overflowed):
        logger.warning("rule has too many keys, its state is incomplete", extra={"rule": rule})
