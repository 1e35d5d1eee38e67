"""The spans of attempts, and the context that their requests carry.

The span of an attempt continues the trace of its alert's event. If that is not recorded, it continues
that of the first of the alert's further events that is. The others are links.
"""

from typing import Final

from router.alerts import Delivered, Delivery, Outcome
from router.events.trace_context import context_of
from router.tracing import spans
from router.tracing.outgoing import OUTGOING, OutgoingTrace
from router.tracing.spans import Attributes, SpanKind, Tracer, TraceSpan
from router.worker.alert_contexts import contexts_of
from router.worker.delivery.retry import Disable, Finished, GiveUp, NextStep, Retry

FAILED: Final = "failed"
"""The type of the error of an attempt that got no status."""

_OUTCOMES: Final[dict[type[NextStep], str]] = {
    Finished: "delivered",
    Retry: "retried",
    GiveUp: "dead_lettered",
    Disable: "disabled",
}


class AttemptTraces:
    """Begins the spans of the attempts of one destination.

    Args:
        tracer: Makes spans.
        destination: Its name.
    """

    def __init__(self, tracer: Tracer, destination: str) -> None:
        self._tracer = tracer
        self._name = f"send {destination}"
        self._attributes = {
            spans.MESSAGING_SYSTEM: spans.SYSTEM,
            spans.MESSAGING_DESTINATION: destination,
            spans.MESSAGING_OPERATION: "send",
            spans.MESSAGING_TYPE: "send",
        }

    def begin(self, delivery: Delivery) -> TraceSpan | None:
        """Begin the span of an attempt; None if no trace that it belongs to is recorded.

        The requests and log lines of the current task have its context from now on, or else that of
        the event.
        """
        alert = delivery.alert
        found = list(contexts_of(alert))
        recorded = [each for each in found if each.is_sampled]
        if not recorded:
            passed = found[0] if found else context_of(alert.event)
            if passed is not None:
                OUTGOING.set(OutgoingTrace(passed.unsampled()))
            return None
        span = self._tracer.start(
            self._name,
            SpanKind.CLIENT,
            recorded[0],
            {**self._attributes, **_attributes(delivery)},
            links=recorded[1:],
        )
        OUTGOING.set(OutgoingTrace(span.context, span))
        return span


def end_attempt(span: TraceSpan, outcome: Outcome, following: NextStep) -> None:
    """End the span of an attempt.

    Args:
        span: The span.
        outcome: How the attempt ended.
        following: What becomes of the delivery.
    """
    attributes: Attributes = {spans.ROUTER_OUTCOME: _OUTCOMES[type(following)]}
    if outcome.status is not None:
        attributes = {**attributes, spans.HTTP_STATUS: outcome.status}
    if isinstance(outcome, Delivered):
        span.end(attributes)
    else:
        span.end(attributes, error=FAILED if outcome.status is None else str(outcome.status))


def _attributes(delivery: Delivery) -> Attributes:
    replays = {spans.ROUTER_REPLAYS: delivery.replays} if delivery.replays else {}
    return {
        spans.MESSAGING_ID: delivery.id,
        spans.ROUTER_ALERT: delivery.alert.id,
        spans.ROUTER_RULE: delivery.alert.rule,
        spans.ROUTER_SEVERITY: delivery.alert.severity.value,
        spans.ROUTER_ATTEMPT: delivery.attempt,
        **replays,
    }
