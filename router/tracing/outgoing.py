"""The trace of what the current task sends, for the headers of its requests and its log lines."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
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


def with_trace_headers(headers: Mapping[str, str], *, with_state: bool) -> Mapping[str, str]:
    """Return the headers of a request, with those of the trace of the task.

    Headers that the operator has configured stay.

    Args:
        headers: The headers.
        with_state: Whether ``tracestate`` is one of them.
    """
    trace = OUTGOING.get()
    if trace is None or any(name.lower() == TRACEPARENT for name in headers):
        return headers
    traced = {**headers, TRACEPARENT: trace.context.traceparent}
    if with_state and trace.context.state:
        traced[TRACESTATE] = trace.context.state
    return traced


def trace_fields() -> dict[str, str]:
    """Return the fields of a log line: empty unless the trace of the task is recorded."""
    trace = OUTGOING.get()
    if trace is None or trace.span is None:
        return {}
    return {"trace_id": trace.context.trace_id, "span_id": trace.context.span_id}


@contextmanager
def sending_for_all(traces: Sequence[OutgoingTrace | None]) -> Iterator[None]:
    """Send for several tasks in this one: its requests carry the first trace that is recorded.

    The span of that trace gets a link to each of the others. Afterwards the task has its own trace
    again, which its log lines name.
    """
    first = next((each for each in traces if each is not None and each.span is not None), None)
    if first is None or first.span is None:
        yield
        return
    for each in traces:
        if each is not None and each.span is not None and each is not first:
            first.span.link(each.context)
    own = OUTGOING.set(first)
    try:
        yield
    finally:
        OUTGOING.reset(own)
