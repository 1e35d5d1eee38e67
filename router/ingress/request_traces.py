"""The traces of requests and of records of a stream: which are recorded, and where each event belongs.

A request belongs to the trace of its headers. Without them, it belongs to that of its only event, or
begins one. Each event is stored with the context by which its evaluation continues the trace:

- the commit of its request, if the request is recorded;
- its own attribute ``traceparent``, if that is recorded and the request has no header: the attribute is
  the trace in which the event arose, and the header that of the hop (CloudEvents, "Distributed Tracing
  extension": https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/extensions/distributed-tracing.md);
- the header of a trace that is not recorded, so that receivers get it.

Contexts of events that are not the parent become links of the request's span.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from aiohttp import web

from router.events.model import Received
from router.events.trace_context import context_of
from router.tracing import spans
from router.tracing.contexts import TRACEPARENT, TRACESTATE, TraceContext, parse_headers
from router.tracing.spans import Attributes, SpanKind, Tracer, TraceSpan

EVENTS: Final = "events"
"""The messaging destination between ingress and evaluation."""

_COMMIT: Final = {
    spans.MESSAGING_SYSTEM: spans.SYSTEM,
    spans.MESSAGING_DESTINATION: EVENTS,
    spans.MESSAGING_OPERATION: "send",
    spans.MESSAGING_TYPE: "send",
}


_RECEIVE: Final = {
    spans.MESSAGING_SYSTEM: "aws.kinesis",
    spans.MESSAGING_OPERATION: "receive",
    spans.MESSAGING_TYPE: "receive",
}


class RequestTrace:
    """The spans of one request that is recorded."""

    def __init__(self, arrival: TraceSpan, commit: TraceSpan) -> None:
        self._arrival = arrival
        self._commit = commit

    def end(self, status: int | None = None, error: str = "") -> None:
        """End both spans.

        Args:
            status: The HTTP status of the response; None for records of a stream.
            error: A word for why the events were not stored.
        """
        self._commit.end(error=error)
        attributes: Attributes = {} if status is None else {spans.HTTP_STATUS: status}
        self._arrival.end(attributes, error=error)


class RequestTraces:
    """Begins the traces of requests.

    Args:
        tracer: Makes spans.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def begin_request(
        self, request: web.BaseRequest, source: str, received: Received, *, seconds: float
    ) -> tuple[RequestTrace | None, Received]:
        """Begin the trace of a request whose events are about to be committed.

        Args:
            request: The request.
            source: The name of its source.
            received: Its events.
            seconds: For how long it has been received.

        Returns:
            Its spans, None if it is not recorded; the events with their contexts.
        """
        headers = request.headers
        hop = None
        if TRACEPARENT in headers:
            hop = parse_headers(headers.getall(TRACEPARENT), headers.getall(TRACESTATE, []))
        own = [context_of(event.body) for event in received.events]
        parent = own[0] if hop is None and len(own) == 1 else hop
        if not self._tracer.samples(parent):
            return None, self._unrecorded(received, own, hop)
        route = request.path if source in {"twilio", "events"} else "/in/*"
        arrival = self._tracer.start(
            f"{request.method} {route}",
            SpanKind.SERVER,
            parent,
            {
                spans.HTTP_METHOD: request.method,
                spans.HTTP_ROUTE: route,
                spans.ROUTER_SOURCE: source,
                spans.MESSAGING_COUNT: len(own),
            },
            links=_others(own, parent),
            age=seconds,
        )
        return self._recorded(arrival, received, own, parent)

    def begin_records(
        self, source: str, received: Received
    ) -> tuple[RequestTrace | None, Received]:
        """Begin the trace of records of a stream, which have no headers; as ``begin_request``."""
        own = [context_of(event.body) for event in received.events]
        parent = own[0] if len(own) == 1 else None
        if not self._tracer.samples(parent):
            return None, self._unrecorded(received, own, None)
        arrival = self._tracer.start(
            f"receive {source}",
            SpanKind.CONSUMER,
            parent,
            {**_RECEIVE, spans.ROUTER_SOURCE: source, spans.MESSAGING_COUNT: len(own)},
            links=_others(own, parent),
        )
        return self._recorded(arrival, received, own, parent)

    def _recorded(
        self,
        arrival: TraceSpan,
        received: Received,
        own: Sequence[TraceContext | None],
        parent: TraceContext | None,
    ) -> tuple[RequestTrace, Received]:
        """Begin the commit of a recorded request, which its events continue."""
        commit = self._tracer.start(f"send {EVENTS}", SpanKind.PRODUCER, arrival.context, _COMMIT)
        events = self._continued(received, own, commit.context.text, parent)
        return RequestTrace(arrival, commit), events

    def _unrecorded(
        self, received: Received, own: Sequence[TraceContext | None], hop: TraceContext | None
    ) -> Received:
        """Return the events of a request that is not recorded; some of them may be."""
        if hop is not None:
            return self._continued(received, own, hop.unsampled().text, hop)
        return self._continued(received, own, "", None) if any(own) else received

    def _continued(
        self,
        received: Received,
        own: Sequence[TraceContext | None],
        text: str,
        parent: TraceContext | None,
    ) -> Received:
        """Return events with the context of their request, or their own if no header overrides it."""
        return Received(
            [
                msgspec.structs.replace(event, trace=self._context(each, text, parent))
                for event, each in zip(received.events, own, strict=True)
            ],
            received.malformed,
        )

    def _context(self, own: TraceContext | None, text: str, parent: TraceContext | None) -> str:
        if parent is None and own is not None and self._tracer.samples(own):
            return own.text
        return text


def _others(own: Sequence[TraceContext | None], parent: TraceContext | None) -> list[TraceContext]:
    """Return the spans that are not the parent, each one once."""
    found = {(each.trace_id, each.span_id): each for each in own if each is not None}
    if parent is not None:
        found.pop((parent.trace_id, parent.span_id), None)
    return list(found.values())
