"""The log lines of a worker about its work: each alert that is notified, each delivery that ends.

Storms are sampled (``router.log_sampling``). The lines name the event and the rule, and no value of the
event's data.
"""

import logging
from collections.abc import Sequence
from typing import Final

from router.alerts import Delivery
from router.log_sampling import CallLater, LogSampler, call_later
from router.rules.state.decision import Notification
from router.tracing.outgoing import trace_fields

WORK_LOG: Final = logging.getLogger(__name__)
NOTIFIED: Final = "alert notified"
SUCCEEDED: Final = "delivery succeeded"
RETRIED: Final = "delivery retried"
DEAD_LETTERED: Final = "delivery dead-lettered"


class WorkLog:
    """Logs the work of one process.

    Args:
        call_later: As of ``LogSampler``.
    """

    def __init__(self, call_later: CallLater = call_later) -> None:
        self._notified = LogSampler(WORK_LOG, NOTIFIED, logging.INFO, call_later)
        self._succeeded = LogSampler(WORK_LOG, SUCCEEDED, logging.INFO, call_later)
        self._retried = LogSampler(WORK_LOG, RETRIED, logging.INFO, call_later)
        self._dead_lettered = LogSampler(WORK_LOG, DEAD_LETTERED, logging.WARNING, call_later)

    def notified(self, notifications: Sequence[Notification], now: float) -> None:
        """Log alerts whose deliveries were opened at the Unix time ``now``."""
        for each in notifications[: self._notified.admit(len(notifications))]:
            alert = each.alert
            self._notified.log(
                event=alert.event_id,
                rule=alert.rule,
                alert=alert.id,
                status=alert.status.value,
                destinations=list(each.send_to),
                seconds=_rounded(now - alert.event_received_at),
            )

    def succeeded(self, delivery: Delivery, seconds: float) -> None:
        """Log a delivery whose last attempt took ``seconds``."""
        if self._succeeded.admit():
            self._succeeded.log(**_fields(delivery, seconds))

    def retried(self, tried: Delivery, in_seconds: float) -> None:
        """Log a failed attempt that is followed by another one."""
        if self._retried.admit():
            reason = tried.failed_attempts[-1].reason
            fields = _fields(tried, tried.failed_attempts[-1].seconds)
            self._retried.log(**fields, reason=reason, in_seconds=_rounded(in_seconds))

    def dead_lettered(self, given_up: Delivery, reason: str) -> None:
        """Log a delivery that was given up for a reason."""
        if self._dead_lettered.admit():
            failed = given_up.failed_attempts
            seconds = failed[-1].seconds if failed else 0.0
            self._dead_lettered.log(**_fields(given_up, seconds), reason=reason)


def _fields(delivery: Delivery, seconds: float) -> dict[str, object]:
    return {
        "event": delivery.alert.event_id,
        "rule": delivery.alert.rule,
        "alert": delivery.alert.id,
        "destination": delivery.destination,
        "delivery": delivery.id,
        "attempt": delivery.attempt,
        "seconds": _rounded(seconds),
        **trace_fields(),
    }


def _rounded(seconds: float) -> float:
    return round(seconds, 3)
