"""The traces of a process under test, in memory."""

from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from router.clock import Clock, system_clock
from router.tracing.process import ProcessTraces
from router.tracing.sampling import DEFAULT, Sampling
from router.tracing.sdk_spans import OpenTelemetryTracer
from support.collector import CollectedSpan, spans_of


class RecordedTraces:
    """Records spans by the SDK's exporter in memory."""

    def __init__(self, sampling: Sampling = DEFAULT, clock: Clock | None = None) -> None:
        self._exporter = InMemorySpanExporter()
        processor = SimpleSpanProcessor(self._exporter)
        self.tracer = OpenTelemetryTracer(sampling, processor, clock or system_clock())
        self.traces = ProcessTraces(self.tracer)

    def ended(self) -> Sequence[ReadableSpan]:
        """Return the spans that have ended, as an exporter gets them."""
        return self._exporter.get_finished_spans()

    def spans(self, name: str = "") -> list[CollectedSpan]:
        """Return the spans that have ended, as a collector would receive them; those of a name."""
        message = encode_spans(self.ended())
        found = spans_of(message.SerializeToString())
        return [span for span in found if name in {"", span.name}]
