"""Spans in the form of the OpenTelemetry SDK, which exporters take.

A span is a few values until it ends and becomes a ``ReadableSpan``. The SDK's own ``Span`` checks and
locks each attribute and costs thirty times as much; the router makes no attributes that need it. Its
sampler is asked of each span, also of those that are not recorded (``sampling.py`` is asked once).

The SDK discourages the constructor of ``ReadableSpan``, and lists its arguments in its documentation.
"""

import random
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from opentelemetry.sdk.resources import (
    SERVICE_NAME,
    SERVICE_VERSION,
    OTELResourceDetector,
    Resource,
)
from opentelemetry.sdk.trace import Event as SpanEvent
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.semconv.schemas import Schemas
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags
from opentelemetry.trace import SpanKind as ApiKind
from opentelemetry.trace.span import TraceState

from router import __version__
from router.clock import Clock
from router.tracing.contexts import TraceContext
from router.tracing.sampling import Sampling
from router.tracing.spans import ERROR_TYPE, NO_ATTRIBUTES, Attributes, AttributeValue, SpanKind

_NAME: Final = "event-router"
_KINDS: Final = {kind: ApiKind[kind.name] for kind in SpanKind}
_UNSET: Final = Status(StatusCode.UNSET)
_ERROR: Final = Status(StatusCode.ERROR)
_LIMIT: Final = 128
"""Links of a span, and events in it: the defaults of the specification."""
_SCOPE: Final = InstrumentationScope(_NAME, __version__, Schemas.V1_38_0.value)
_SAMPLED: Final = 0x01
_RANDOM: Final = 0x02
"""The flag of an id that was made by chance, of level 2 of W3C Trace Context."""


class OpenTelemetryTracer:
    """Makes spans.

    Args:
        sampling: Which traces are recorded.
        processor: Takes the spans that have ended.
        clock: Their time; that of the machine, because other services' spans have that of theirs.
    """

    def __init__(self, sampling: Sampling, processor: SpanProcessor, clock: Clock) -> None:
        self._sampling = sampling
        self._processor = processor
        self._clock = clock
        self._resource = _resource()
        self._following = 0
        """The id by which the trace was sampled that begins next; 0 for any."""

    def samples(self, parent: TraceContext | None) -> bool:
        """Return whether a trace is recorded; see ``Tracer``."""
        if parent is not None:
            return self._sampling.records_child(parent)
        trace_id = random.getrandbits(128) or 1
        if not self._sampling.records(trace_id):
            return False
        self._following = trace_id
        return True

    def unrecorded(self) -> TraceContext:
        """Return the context of a trace that begins here and is not recorded."""
        trace_id, span_id = random.getrandbits(128) or 1, random.getrandbits(64) or 1
        return TraceContext(f"{trace_id:032x}", f"{span_id:016x}", _RANDOM)

    def start(
        self,
        name: str,
        kind: SpanKind,
        parent: TraceContext | None,
        attributes: Attributes = NO_ATTRIBUTES,
        *,
        links: Sequence[TraceContext] = (),
        age: float = 0.0,
    ) -> "RecordedSpan":
        """Begin a span; see ``Tracer``."""
        span_id = f"{random.getrandbits(64) or 1:016x}"
        if parent is None:
            trace_id, self._following = self._following or random.getrandbits(128) or 1, 0
            context = TraceContext(f"{trace_id:032x}", span_id, _SAMPLED | _RANDOM)
        else:
            flags = parent.flags | _SAMPLED
            context = TraceContext(parent.trace_id, span_id, flags, parent.state)
        span = RecordedSpan(context, name, kind, parent, _SpanTime(self._clock, age))
        span.attributes.update(attributes)
        span.links += links
        span.on_end = self._ended
        return span

    def _ended(self, span: "RecordedSpan", status: Status) -> None:
        self._processor.on_end(
            ReadableSpan(
                span.name,
                _span_context(span.context, is_remote=False),
                None if span.parent is None else _span_context(span.parent),
                self._resource,
                span.attributes,
                span.notes,
                _bounded(span.links),
                _KINDS[span.kind],
                status=status,
                start_time=span.time.began,
                end_time=span.time.now(),
                instrumentation_scope=_SCOPE,
            )
        )


class RecordedSpan:
    """A span that has begun; see ``TraceSpan``."""

    def __init__(
        self,
        context: TraceContext,
        name: str,
        kind: SpanKind,
        parent: TraceContext | None,
        time: "_SpanTime",
    ) -> None:
        self.context = context
        self.name = name
        self.kind = kind
        self.parent = parent
        self.time = time
        self.attributes: dict[str, AttributeValue] = {}
        self.links: list[TraceContext] = []
        self.notes: list[SpanEvent] = []
        self.on_end: Ended | None = None
        """Called at the end; None once it has ended."""

    def note(self, name: str, attributes: Attributes) -> None:
        """Add something that happens now."""
        if len(self.notes) < _LIMIT:
            self.notes.append(SpanEvent(name, dict(attributes), self.time.now()))

    def link(self, context: TraceContext) -> None:
        """Add another span that caused it."""
        self.links.append(context)

    def end(self, attributes: Attributes = NO_ATTRIBUTES, *, error: str = "") -> None:
        """End it."""
        on_end, self.on_end = self.on_end, None
        if on_end is None:
            return
        self.attributes.update(attributes)
        if error:
            self.attributes[ERROR_TYPE] = error
        on_end(self, _ERROR if error else _UNSET)


class _SpanTime:
    """The time of one span, in Unix nanoseconds. It never goes back, also if the machine's clock does.

    Args:
        clock: Read once for the start; then its monotonic time counts.
        age: Seconds since the span began.
    """

    __slots__ = ("_monotonic", "_started", "began")

    def __init__(self, clock: Clock, age: float) -> None:
        self._monotonic = clock.monotonic
        self._started = clock.monotonic() - age
        self.began = int((clock.now() - age) * 1e9)

    def now(self) -> int:
        """Return the time now."""
        return self.began + int((self._monotonic() - self._started) * 1e9)


Ended = Callable[[RecordedSpan, Status], None]
"""Takes a span that has ended."""


class _ProcessResource(Resource):
    """A resource whose hash is computed once: the encoder asks for it for each span."""

    def __init__(self, resource: Resource) -> None:
        super().__init__(resource.attributes, resource.schema_url)
        self._known_hash = super().__hash__()

    def __hash__(self) -> int:
        return self._known_hash


def _span_context(context: TraceContext, *, is_remote: bool = True) -> SpanContext:
    return SpanContext(
        int(context.trace_id, 16),
        int(context.span_id, 16),
        is_remote=is_remote,
        trace_flags=TraceFlags(context.flags),
        trace_state=TraceState.from_header([context.state]) if context.state else None,
    )


def _bounded(contexts: Sequence[TraceContext]) -> Sequence[Link]:
    """Return links within the limit, and how many are dropped.

    They have no ``tracestate``: 128 of 512 characters would be most of a span's memory.
    """
    links = [
        Link(_span_context(msgspec.structs.replace(each, state="") if each.state else each))
        for each in contexts[:_LIMIT]
    ]
    dropped = len(contexts) - len(links)
    if not dropped:
        return links
    bounded: BoundedList[Link] = BoundedList.from_seq(_LIMIT, links)
    bounded.dropped = dropped
    return bounded


def _resource() -> Resource:
    """Return what describes the process, by the standard variables where they say something."""
    known = Resource.create({SERVICE_VERSION: __version__})
    own = Resource({SERVICE_NAME: _NAME})
    stated = OTELResourceDetector().detect()
    return _ProcessResource(known.merge(own).merge(stated))
