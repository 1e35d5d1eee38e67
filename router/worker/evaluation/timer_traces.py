"""The spans of timers that notify: groups, reminders, escalations, events that did not come.

The span of a timer continues the trace of the event whose alert it notifies of, and links those of
other events that the alert represents. An alert about a sender that never spoke has no event: its span
begins a trace, if the sampler records it. Timers that notify of nothing have no span.
"""

from typing import Final

import msgspec

from router.rules.state.decision import Decision, Notification
from router.rules.state.table_rows import EXPECTED_TYPE
from router.tracing import spans
from router.tracing.spans import SpanKind, Tracer
from router.worker.alert_contexts import contexts_of

TIMERS: Final = "timers"
"""The messaging destination of timers."""


class TimerTraces:
    """Makes the spans of timers.

    Args:
        tracer: Makes spans.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def fired(self, feature: str, decision: Decision, *, seconds: float) -> Decision:
        """Make a span for each notification of a recorded trace.

        Args:
            feature: The rule's key that set the timer.
            decision: What resulted from it.
            seconds: How long ago it began to fire.

        Returns:
            The decision, with the contexts of the spans in the alerts.
        """
        notifications = tuple(
            [self._fired(feature, each, seconds) for each in decision.notifications]
        )
        if notifications == decision.notifications:
            return decision
        return msgspec.structs.replace(decision, notifications=notifications)

    def _fired(self, feature: str, notification: Notification, seconds: float) -> Notification:
        alert = notification.alert
        recorded = [each for each in contexts_of(alert) if each.is_sampled]
        is_first = alert.event_type == EXPECTED_TYPE and not alert.trace
        if not recorded and not (is_first and self._tracer.samples(None)):
            return notification
        span = self._tracer.start(
            f"process {TIMERS}",
            SpanKind.CONSUMER,
            recorded[0] if recorded else None,
            {
                spans.MESSAGING_SYSTEM: spans.SYSTEM,
                spans.MESSAGING_DESTINATION: TIMERS,
                spans.MESSAGING_OPERATION: "process",
                spans.MESSAGING_TYPE: "process",
                spans.ROUTER_FEATURE: feature,
                spans.ROUTER_RULE: alert.rule,
                spans.ROUTER_SEVERITY: alert.severity.value,
                spans.ROUTER_ALERT: alert.id,
            },
            links=recorded[1:],
            age=seconds,
        )
        span.end()
        traced = msgspec.structs.replace(alert, trace=span.context.text)
        return msgspec.structs.replace(notification, alert=traced)
