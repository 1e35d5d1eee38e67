"""Spans of the OpenTelemetry SDK.

The SDK records what the router has decided to sample: its own sampler is asked of each span, also of
those that are not recorded, and costs a hundred times the router's (``sampling.py``).
"""

import random
import time
from collections.abc import Sequence
from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.resources import (
    SERVICE_NAME,
    SERVICE_VERSION,
    OTELResourceDetector,
    Resource,
)
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from opentelemetry.trace import Span as ApiSpan
from opentelemetry.trace import SpanKind as ApiKind
from opentelemetry.trace.span import TraceState

from router import __version__
from router.tracing.contexts import TraceContext
from router.tracing.sampling import Sampling
from router.tracing.spans import ERROR_TYPE, NO_ATTRIBUTES, Attributes, SpanKind

_NAME: Final = "event-router"
_KINDS: Final = {kind: ApiKind[kind.name] for kind in SpanKind}
_NO_PARENT: Final = Context()


class RecordedSpan:
    """A span of the SDK."""

    def __init__(self, span: ApiSpan) -> None:
        self._span = span
        found = span.get_span_context()
        self.context = TraceContext(
            f"{found.trace_id:032x}",
            f"{found.span_id:016x}",
            int(found.trace_flags),
            found.trace_state.to_header(),
        )

    def note(self, name: str, attributes: Attributes) -> None:
        """Add something that happens now; see ``TraceSpan``."""
        self._span.add_event(name, attributes)

    def link(self, context: TraceContext) -> None:
        """Add another span that caused it; see ``TraceSpan``."""
        self._span.add_link(_span_context(context))

    def end(self, attributes: Attributes = NO_ATTRIBUTES, *, error: str = "") -> None:
        """End it; see ``TraceSpan``."""
        if not self._span.is_recording():
            return
        if attributes:
            self._span.set_attributes(attributes)
        if error:
            self._span.set_attribute(ERROR_TYPE, error)
            self._span.set_status(StatusCode.ERROR)
        self._span.end()


class OpenTelemetryTracer:
    """Makes spans by the SDK.

    Args:
        sampling: Which traces are recorded.
        processor: Takes the spans that have ended.
    """

    def __init__(self, sampling: Sampling, processor: SpanProcessor) -> None:
        self._sampling = sampling
        self._ids = _TraceIds()
        provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=_resource(),
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        provider.add_span_processor(processor)
        self._tracer = provider.get_tracer(_NAME, __version__)

    def samples(self, parent: TraceContext | None) -> bool:
        """Return whether a trace is recorded; see ``Tracer``."""
        if parent is not None:
            return self._sampling.records_child(parent)
        trace_id = random.getrandbits(128) or 1
        if not self._sampling.records(trace_id):
            return False
        self._ids.following = trace_id
        return True

    def start(
        self,
        name: str,
        kind: SpanKind,
        parent: TraceContext | None,
        attributes: Attributes = NO_ATTRIBUTES,
        *,
        links: Sequence[TraceContext] = (),
        age: float = 0.0,
    ) -> RecordedSpan:
        """Begin a span; see ``Tracer``."""
        context = _NO_PARENT
        if parent is not None:
            context = set_span_in_context(NonRecordingSpan(_span_context(parent)), _NO_PARENT)
        return RecordedSpan(
            self._tracer.start_span(
                name,
                context,
                _KINDS[kind],
                attributes,
                [Link(_span_context(each)) for each in links],
                time.time_ns() - int(age * 1e9) if age else None,
            )
        )


class _TraceIds(RandomIdGenerator):
    """Gives a trace the id by which it was sampled."""

    def __init__(self) -> None:
        self.following = 0

    def generate_trace_id(self) -> int:
        trace_id, self.following = self.following, 0
        return trace_id or super().generate_trace_id()


def _span_context(context: TraceContext) -> SpanContext:
    return SpanContext(
        int(context.trace_id, 16),
        int(context.span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(context.flags),
        trace_state=TraceState.from_header([context.state]) if context.state else None,
    )


def _resource() -> Resource:
    """Return what describes the process, by the standard variables where they say something."""
    known = Resource.create({SERVICE_VERSION: __version__})
    own = Resource({SERVICE_NAME: _NAME})
    stated = OTELResourceDetector().detect()
    return known.merge(own).merge(stated)
