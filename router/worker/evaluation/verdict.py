"""Decisions in the form of the journal and of the metrics."""

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Final

from router.alerts import Alert, AlertStatus
from router.journal.finish import ANY_CLAIM, FinishedWork, Quarantined
from router.metrics import Metrics
from router.rules.state.decision import Decision
from router.worker.evaluation.fan_out import fan_out, numbers
from router.worker.queue.poison import POISON

EVALUATION_FAILED: Final = "evaluation failed: "
"""The beginning of the reason of an event whose evaluation raised an unexpected error."""

logger = logging.getLogger(__name__)


def verdict_of(
    decision: Decision,
    *,
    duplicate: int = 0,
    quarantined: tuple[Quarantined, ...] = (),
    poison_reason: str = POISON,
) -> FinishedWork:
    """Return what the journal stores.

    Events that a timer puts into quarantine were counted as matched before; they leave that count.

    Args:
        decision: What resulted from the work.
        duplicate: Events of the batch that were claimed before.
        quarantined: Events of the batch that could not be evaluated.
        poison_reason: Why the alerts of a timer go to quarantine.
    """
    poison = tuple(
        Quarantined(
            reason=poison_reason,
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
        notified=decision.notified,
        suppressed_alerts=tuple(reason for _, reason in decision.suppressed_alerts),
        dropped_timers=len(decision.dropped_timers),
        deliveries=fan_out(decision.notifications),
        numbers=numbers(decision.notifications),
        timers=decision.timers,
    )


def count_decision(decision: Decision, metrics: Metrics) -> None:
    """Count what was told, suppressed or left out, and state without room, once it is stored."""
    _count_told([notification.alert for notification in decision.notifications], metrics)
    for rule in decision.unremembered:
        metrics.keyed_alerts_overflowed.labels(rule).inc()
    for rule, reason in decision.suppressed_alerts:
        metrics.alerts_suppressed.labels(rule, reason).inc()
    for rule in decision.overflowed:
        metrics.rule_state_overflows.labels(rule).inc()
    for rule, reason in decision.left_out:
        metrics.rule_events_left_out.labels(rule, reason).inc()
    for timer in decision.dropped_timers:
        metrics.timers_dropped.labels(timer.feature).inc()
        logger.warning(
            "timer dropped; its rule or feature was removed",
            extra={"rule": timer.rule, "feature": timer.feature},
        )
    for rule in set(decision.overflowed):
        logger.warning("rule state is full, new keys are not stored", extra={"rule": rule})


def _count_told(alerts: Sequence[Alert], metrics: Metrics) -> None:
    for rule, count in Counter(alert.rule for alert in alerts).items():
        metrics.alerts_notified.labels(rule).inc(count)
    for alert in alerts:
        if alert.reminder:
            metrics.alerts_reminded.labels(alert.rule).inc()
        elif alert.held_because and alert.status is AlertStatus.FIRING and not alert.escalation:
            metrics.alerts_late.labels(alert.rule).inc()
