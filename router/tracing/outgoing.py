"""The trace of what the current task sends, for the headers of its requests and its log lines."""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Final

import msgspec

from router.tracing.contexts import TRACEPARENT, TRACESTATE, TraceContext
from router.tracing.spans import TraceSpan


class OutgoingTrace(msgspec.Struct, frozen=True):
    """The trace of a task that sends."""

    context: TraceContext
    """The context that its requests carry."""
    span: TraceSpan | None = None
    """The span of its attempt; None if the trace is not recorded."""


OUTGOING: Final[ContextVar[OutgoingTrace | None]] = ContextVar("OUTGOING", default=None)
"""The trace of a task; None, which costs nothing else, if traces are off or it has none."""


def with_trace_headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Return the headers of a request, with those of the trace of the task.

    Headers that the operator has configured stay.
    """
    trace = OUTGOING.get()
    if trace is None or any(name.lower() == TRACEPARENT for name in headers):
        return headers
    traced = {**headers, TRACEPARENT: trace.context.traceparent}
    if trace.context.state:
        traced[TRACESTATE] = trace.context.state
    return traced


def trace_fields() -> dict[str, str]:
    """Return the fields of a log line: empty unless the trace of the task is recorded."""
    trace = OUTGOING.get()
    if trace is None or trace.span is None:
        return {}
    return {"trace_id": trace.context.trace_id, "span_id": trace.context.span_id}


def send_for_all(traces: Sequence[OutgoingTrace | None]) -> None:
    """Send for several tasks in this one: its requests carry the first trace that is recorded.

    The span of that trace gets a link to each of the others.
    """
    recorded = [each for each in traces if each is not None and each.span is not None]
    if not recorded:
        return
    first, *others = recorded
    OUTGOING.set(first)
    if first.span is not None:
        for each in others:
            first.span.link(each.context)
