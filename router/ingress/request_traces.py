"""The traces of requests and of records of a stream: which are recorded, and where each event belongs.

A request belongs to the trace of its headers. Without them, it belongs to that of its only event, or
begins one. Each event is stored with the context by which its evaluation continues the trace:

- the commit of its request, if the request is recorded;
- its own attribute ``traceparent``, if that is recorded and the request has no header: the attribute is
  the trace in which the event arose, and the header that of the hop (CloudEvents, "Distributed Tracing
  extension": https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/extensions/distributed-tracing.md);
- the header of a trace that is not recorded, so that receivers get it.

Contexts of events that are not the parent become links of the request's span.

A request whose sender is not trusted begins a trace, and every context in it is a link only. Otherwise a
stranger who marks each request as recorded fills the queue and the backend, or chooses ids that the
sampler records or that other traces have (W3C Trace Context, sections 3.4 "Mutating the traceparent
Field", "Restart trace", and 7.2 "Denial of Service": https://www.w3.org/TR/trace-context-1/).
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from aiohttp import web

from router.events.model import Received
from router.events.trace_context import context_of
from router.settings.choices import TracesContinue
from router.tracing import spans
from router.tracing.contexts import TRACEPARENT, TRACESTATE, TraceContext, parse_headers
from router.tracing.spans import Attributes, SpanKind, Tracer, TraceSpan

EVENTS: Final = "events"
"""The messaging destination between ingress and evaluation."""

_LINKS_OF_STRANGERS: Final = 8
"""The events of an untrusted request whose contexts become links: each costs memory until it is exported."""
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

    @property
    def exemplar(self) -> dict[str, str]:
        """The labels by which a measurement leads to the trace."""
        return {"trace_id": self._arrival.context.trace_id}

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
        continues: The senders whose traces are continued.
    """

    def __init__(self, tracer: Tracer, continues: TracesContinue = TracesContinue.VERIFIED) -> None:
        self._tracer = tracer
        self._continues = continues

    def continues(self, *, is_verified: bool, own: bool | None = None) -> bool:
        """Return whether the trace of a sender is continued.

        Args:
            is_verified: Whether it has proved who it is.
            own: What its source says; None to decide by the settings.
        """
        if own is not None:
            return own
        return self._continues is TracesContinue.ALL or (
            is_verified and self._continues is TracesContinue.VERIFIED
        )

    def begin_request(
        self,
        request: web.BaseRequest,
        source: str,
        received: Received,
        *,
        seconds: float,
        is_continued: bool,
    ) -> tuple[RequestTrace | None, Received]:
        """Begin the trace of a request whose events are about to be committed.

        Args:
            request: The request.
            source: The name of its source.
            received: Its events.
            seconds: For how long it has been received.
            is_continued: Whether its trace is continued; see ``continues``.

        Returns:
            Its spans, None if it is not recorded; the events with their contexts.
        """
        headers = request.headers
        hop = None
        if TRACEPARENT in headers:
            hop = parse_headers(headers.getall(TRACEPARENT), headers.getall(TRACESTATE, []))
        arrived = self._arrived(received, hop, is_continued=is_continued)
        if not self._tracer.samples(arrived.parent):
            return None, self._stored(received, arrived, arrived.unrecorded)
        route = request.path if source in {"twilio", "events"} else "/in/*"
        arrival = self._tracer.start(
            f"{request.method} {route}",
            SpanKind.SERVER,
            arrived.parent,
            {
                spans.HTTP_METHOD: request.method,
                spans.HTTP_ROUTE: route,
                spans.ROUTER_SOURCE: source,
                spans.MESSAGING_COUNT: len(received.events),
            },
            links=arrived.links,
            age=seconds,
        )
        return self._recorded(arrival, received, arrived)

    def begin_records(
        self, source: str, received: Received
    ) -> tuple[RequestTrace | None, Received]:
        """Begin the trace of records of a stream; as ``begin_request``.

        Records have no headers. Their senders are verified, because they have rights to the stream.
        """
        is_continued = self.continues(is_verified=True)
        arrived = self._arrived(received, None, is_continued=is_continued)
        if not self._tracer.samples(arrived.parent):
            return None, self._stored(received, arrived, arrived.unrecorded)
        arrival = self._tracer.start(
            f"receive {source}",
            SpanKind.CLIENT,
            arrived.parent,
            {
                **_RECEIVE,
                spans.ROUTER_SOURCE: source,
                spans.MESSAGING_COUNT: len(received.events),
            },
            links=arrived.links,
        )
        return self._recorded(arrival, received, arrived)

    def _arrived(
        self, received: Received, hop: TraceContext | None, *, is_continued: bool
    ) -> "_Arrived":
        """Sort the contexts of a request into its parent, those that events continue, and links."""
        own = [context_of(event.body) for event in received.events]
        if not is_continued:
            # Otherwise receivers would get a stranger's context out of the body of the event.
            unrecorded = self._tracer.unrecorded() if any(own) else None
            return _Arrived(None, unrecorded, others=(hop, *own[:_LINKS_OF_STRANGERS]))
        if hop is not None:
            return _Arrived(hop, hop.unsampled(), others=own)
        if len(own) == 1:
            return _Arrived(own[0])
        found = own if any(own) else ()
        return _Arrived(None, continued=found, others=found)

    def _recorded(
        self, arrival: TraceSpan, received: Received, arrived: "_Arrived"
    ) -> tuple[RequestTrace, Received]:
        """Begin the commit of a recorded request, which its events continue."""
        commit = self._tracer.start(f"send {EVENTS}", SpanKind.PRODUCER, arrival.context, _COMMIT)
        return RequestTrace(arrival, commit), self._stored(received, arrived, commit.context)

    def _stored(
        self, received: Received, arrived: "_Arrived", context: TraceContext | None
    ) -> Received:
        """Return events with the context of their request, or with their own if that is continued."""
        if context is None and not arrived.continued:
            return received
        text = "" if context is None else context.text
        texts = [text] * len(received.events)
        for at, own in enumerate(arrived.continued):
            if own is not None and self._tracer.samples(own):
                texts[at] = own.text
        events = [
            msgspec.structs.replace(event, trace=each)
            for event, each in zip(received.events, texts, strict=True)
        ]
        return Received(events, received.malformed)


class _Arrived(msgspec.Struct, frozen=True):
    """The contexts that arrived with a request, by what becomes of them."""

    parent: TraceContext | None
    """The span that caused the request; None if a trace begins here."""
    unrecorded: TraceContext | None = None
    """The context of its events if it is not recorded; None for none."""
    continued: Sequence[TraceContext | None] = ()
    """The contexts that its events continue by themselves, one for each; empty if none does."""
    others: Sequence[TraceContext | None] = ()
    """All contexts but the parent, of which it may contain copies."""

    @property
    def links(self) -> list[TraceContext]:
        """The spans that are not the parent, each one once."""
        found = {(each.trace_id, each.span_id): each for each in self.others if each is not None}
        if self.parent is not None:
            found.pop((self.parent.trace_id, self.parent.span_id), None)
        return list(found.values())
