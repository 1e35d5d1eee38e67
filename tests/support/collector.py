"""A collector of traces on loopback: it decodes what an exporter sends over OTLP."""

from typing import Any

import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from support.sinks import HttpSink
from support.waiting import until


class CollectedSpan(msgspec.Struct, frozen=True):
    """A span as a collector receives it."""

    name: str
    kind: int
    """By OpenTelemetry's numbers: 1 for SERVER, 2 CLIENT, 3 PRODUCER, 4 CONSUMER."""
    trace_id: str
    span_id: str
    parent: str
    """``""`` for the first span of a trace."""
    attributes: dict[str, Any]
    links: tuple[str, ...]
    """The ids of spans."""
    dropped_links: int
    notes: tuple[tuple[str, dict[str, Any]], ...]
    is_error: bool
    seconds: float
    resource: dict[str, Any]


class Collector(HttpSink):
    """Receives spans at ``/v1/traces``; replies as a sink does."""

    def environ(self, **others: str) -> dict[str, str]:
        """Return the variables of a process that exports to it, without delay."""
        return {
            "ROUTER_TRACES": "otlp",
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.url.removesuffix("/hook"),
            "OTEL_BSP_SCHEDULE_DELAY": "20",
            **others,
        }

    def spans(self) -> list[CollectedSpan]:
        """Return all spans received with a 2xx, in the order of their arrival."""
        answered = zip(self.requests, self.statuses, strict=False)
        taken = [request for request, status in answered if status < 300]
        return [span for request in taken for span in spans_of(request.body)]

    async def wait(self, *names: str, seconds: float = 60.0) -> list[CollectedSpan]:
        """Wait for spans of these names, each as often as it is named; return all spans."""

        async def complete() -> list[CollectedSpan] | None:
            spans = self.spans()
            found = [span.name for span in spans]
            return spans if all(found.count(name) >= names.count(name) for name in names) else None

        return await until(complete, seconds=seconds)


def spans_of(body: bytes) -> list[CollectedSpan]:
    """Return the spans in a request of an exporter."""
    found = []
    for group in ExportTraceServiceRequest.FromString(body).resource_spans:
        resource = _attributes(group.resource.attributes)
        for scope in group.scope_spans:
            found += [_span(each, resource) for each in scope.spans]
    return found


def _span(span: Any, resource: dict[str, Any]) -> CollectedSpan:
    return CollectedSpan(
        name=span.name,
        kind=span.kind - 1,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        attributes=_attributes(span.attributes),
        links=tuple(each.span_id.hex() for each in span.links),
        dropped_links=span.dropped_links_count,
        notes=tuple((each.name, _attributes(each.attributes)) for each in span.events),
        is_error=span.status.code == 2,
        seconds=(span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
        resource=resource,
    )


def _attributes(pairs: list[KeyValue]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, kind)
