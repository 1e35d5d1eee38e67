"""Spans are exported in the background, whatever the collector does."""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from support.collector import Collector
from support.sinks import Reply
from support.waiting import until

from router.clock import system_clock
from router.metrics import Metrics
from router.tracing.process import ProcessTraces
from router.tracing.sampling import DEFAULT
from router.tracing.sdk_spans import OpenTelemetryTracer
from router.tracing.span_exporter import ExportedSpans
from router.tracing.span_queue import QueueLimits, SpanQueue
from router.tracing.spans import SpanKind

KEY = "collector-key-of-the-test"


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with Collector() as collector:
        yield collector


class Exporting:
    """The traces of a process with variables of the environment."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]) -> None:
        for name, text in environ.items():
            monkeypatch.setenv(name, text)
        self.metrics = Metrics()
        traces = ProcessTraces.from_environment(environ, self.metrics, system_clock())
        assert traces is not None
        self.traces = traces
        self.traces.open()

    def end_spans(self, count: int) -> None:
        for number in range(count):
            self.traces.tracer.start(f"span {number}", SpanKind.INTERNAL, None).end()

    def counts(self) -> dict[str, int]:
        return {
            outcome: int(self.metrics.spans.labels(outcome)._value.get())
            for outcome in ("exported", "overflowed", "failed")
        }

    async def counted(self, **expected: int) -> None:
        """Wait for these counts."""

        async def found() -> bool:
            return expected.items() <= self.counts().items()

        await until(found)


async def test_spans_are_exported_in_batches_with_the_headers_of_the_variables(
    monkeypatch: pytest.MonkeyPatch, collector: Collector
) -> None:
    environ = collector.environ(
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE="3", OTEL_EXPORTER_OTLP_HEADERS=f"api-key={KEY}"
    )
    exporting = Exporting(monkeypatch, environ)

    exporting.end_spans(7)

    await exporting.counted(exported=7)
    await exporting.traces.close()
    assert {span.name for span in collector.spans()} == {f"span {number}" for number in range(7)}
    assert len(collector.requests) >= 3
    assert {request.path for request in collector.requests} == {"/v1/traces"}
    assert {request.headers["api-key"] for request in collector.requests} == {KEY}


async def test_the_end_of_a_process_exports_what_waits(
    monkeypatch: pytest.MonkeyPatch, collector: Collector
) -> None:
    environ = collector.environ(OTEL_BSP_SCHEDULE_DELAY="3600000")
    exporting = Exporting(monkeypatch, environ)
    exporting.end_spans(5)
    await asyncio.to_thread(exporting.traces._queue._thread.join, 0.1)
    assert collector.requests == []

    await exporting.traces.close()

    assert exporting.counts() == {"exported": 5, "overflowed": 0, "failed": 0}
    assert len(collector.spans()) == 5


async def test_a_collector_that_fails_is_logged_once_without_its_url(
    monkeypatch: pytest.MonkeyPatch, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    collector.otherwise = Reply(status=500, body=KEY.encode())
    endpoint = f"{collector.url.removesuffix('/hook')}/v1/traces?token={KEY}"
    environ = collector.environ(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=endpoint)
    exporting = Exporting(monkeypatch, environ)

    exporting.end_spans(2)
    await exporting.counted(failed=2)
    exporting.end_spans(3)
    await exporting.counted(failed=5)
    await exporting.traces.close()

    lines = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert [(each.message, vars(each)["reason"]) for each in lines] == [
        ("spans dropped", "HTTP 500")
    ]
    assert KEY not in caplog.text


async def test_a_collector_that_is_away_is_said(
    monkeypatch: pytest.MonkeyPatch, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    environ = collector.environ(
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://user:{KEY}@127.0.0.1:1", OTEL_EXPORTER_OTLP_TIMEOUT="1"
    )
    exporting = Exporting(monkeypatch, environ)

    exporting.end_spans(1)

    await exporting.counted(failed=1)
    await exporting.traces.close()
    (line,) = [each for each in caplog.records if each.levelno >= logging.WARNING]
    # The exporter names the error only if it has time for another try.
    assert vars(line)["reason"] in {"ConnectionError", "the collector did not take them"}
    assert KEY not in caplog.text


class FailingExporter:
    """Raises at the first spans."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def export(self, spans: Sequence[ReadableSpan]) -> ExportedSpans:
        if spans[0].name == "first":
            raise KeyError("a bug")
        self.names += [span.name for span in spans]
        return ExportedSpans(len(spans))

    def close(self) -> None:
        """Do nothing."""


async def test_an_exporter_that_raises_does_not_end_the_thread(
    caplog: pytest.LogCaptureFixture,
) -> None:
    metrics, exporter = Metrics(), FailingExporter()
    queue = SpanQueue(exporter, QueueLimits(batch=1, delay_seconds=3600), metrics)
    tracer = OpenTelemetryTracer(DEFAULT, queue, system_clock())
    queue.open()

    tracer.start("first", SpanKind.INTERNAL, None).end()

    async def failed() -> bool:
        return bool(metrics.spans.labels("failed")._value.get())

    await until(failed)
    tracer.start("second", SpanKind.INTERNAL, None).end()
    await asyncio.to_thread(queue.close, 5.0)
    assert exporter.names == ["second"]
    assert vars(caplog.records[0])["reason"] == "KeyError"


class BusyExporter:
    """Ends other spans while it exports, as the events of a busy process do."""

    def __init__(self, meanwhile: int) -> None:
        self.meanwhile = meanwhile
        self.sizes: list[int] = []
        self.tracer: OpenTelemetryTracer | None = None

    def export(self, spans: Sequence[ReadableSpan]) -> ExportedSpans:
        self.sizes.append(len(spans))
        assert self.tracer is not None
        for _ in range(self.meanwhile if len(self.sizes) < 20 else 0):
            self.tracer.start("meanwhile", SpanKind.INTERNAL, None).end()
        return ExportedSpans(len(spans))

    def close(self) -> None:
        """Do nothing."""


@pytest.mark.parametrize(
    ("meanwhile", "sizes"),
    [
        (1, [4, 1]),  # what came meanwhile waits for the next time, or for the end
        (4, [4] * 20),  # full batches do not wait
        (3, [4, 3]),
    ],
)
async def test_a_request_has_a_full_batch_or_all_spans_that_waited(
    meanwhile: int, sizes: list[int]
) -> None:
    """Seen to fail: under load, each span that ended during a request had one of its own."""
    exporter = BusyExporter(meanwhile)
    queue = SpanQueue(exporter, QueueLimits(batch=4, delay_seconds=3600), Metrics())
    exporter.tracer = OpenTelemetryTracer(DEFAULT, queue, system_clock())
    queue.open()

    for _ in range(4):
        exporter.tracer.start("first", SpanKind.INTERNAL, None).end()

    async def exported() -> bool:
        return len(exporter.sizes) >= (16 if meanwhile == 4 else 1)

    await until(exported)
    before = list(exporter.sizes)
    await asyncio.to_thread(queue.close, 5.0)
    assert exporter.sizes[: len(sizes)] == sizes[: len(exporter.sizes)]
    assert meanwhile == 4 or before == [4]


class PoliteExporter(BusyExporter):
    """Is told to wait by the first request."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(0)
        self.retry_after = retry_after

    def export(self, spans: Sequence[ReadableSpan]) -> ExportedSpans:
        self.sizes.append(len(spans))
        if len(self.sizes) == 1:
            return ExportedSpans(0, "HTTP 429", self.retry_after)
        return ExportedSpans(len(spans))


async def test_spans_wait_for_as_long_as_the_collector_asks() -> None:
    metrics, exporter = Metrics(), PoliteExporter(0.2)
    queue = SpanQueue(exporter, QueueLimits(batch=2, delay_seconds=0.01), metrics)
    tracer = OpenTelemetryTracer(DEFAULT, queue, system_clock())
    queue.open()
    started = time.monotonic()

    for _ in range(2):
        tracer.start("span", SpanKind.INTERNAL, None).end()

    async def exported() -> bool:
        return metrics.spans.labels("exported")._value.get() == 2

    await until(exported)
    assert time.monotonic() - started >= 0.2
    assert exporter.sizes == [2, 2]
    await asyncio.to_thread(queue.close, 5.0)


async def test_the_end_of_a_process_does_not_wait_for_as_long_as_the_collector_asks() -> None:
    metrics, exporter = Metrics(), PoliteExporter(300)
    queue = SpanQueue(exporter, QueueLimits(batch=1, delay_seconds=3600), metrics)
    tracer = OpenTelemetryTracer(DEFAULT, queue, system_clock())
    queue.open()
    tracer.start("span", SpanKind.INTERNAL, None).end()

    async def refused() -> bool:
        return bool(exporter.sizes)

    await until(refused)
    await asyncio.to_thread(queue.close, 10.0)

    assert metrics.spans.labels("exported")._value.get() == 1


async def test_a_collector_that_never_answers_is_said_while_the_exporter_waits(
    caplog: pytest.LogCaptureFixture,
) -> None:
    waiting = threading.Event()

    class StuckExporter(BusyExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> ExportedSpans:
            waiting.wait(10)
            return ExportedSpans(len(spans))

    queue = SpanQueue(StuckExporter(0), QueueLimits(spans=2, batch=1), Metrics())
    tracer = OpenTelemetryTracer(DEFAULT, queue, system_clock())
    queue.open()

    for _ in range(5):
        tracer.start("first", SpanKind.INTERNAL, None).end()

    (line,) = caplog.records
    assert (line.message, vars(line)["reason"]) == (
        "spans dropped",
        "more spans than the queue holds",
    )
    waiting.set()
    await asyncio.to_thread(queue.close, 5.0)


async def test_a_full_queue_drops_and_counts(
    monkeypatch: pytest.MonkeyPatch, collector: Collector
) -> None:
    environ = collector.environ(OTEL_BSP_MAX_QUEUE_SIZE="4", OTEL_BSP_SCHEDULE_DELAY="3600000")
    exporting = Exporting(monkeypatch, environ | {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "8"})
    started = time.monotonic()

    exporting.end_spans(1000)

    assert time.monotonic() - started < 1
    await exporting.traces.close()
    counts = exporting.counts()
    assert counts["failed"] == 0
    assert counts["exported"] >= 4
    assert counts["exported"] + counts["overflowed"] == 1000


async def test_a_slow_collector_delays_the_end_by_the_deadline_only(
    monkeypatch: pytest.MonkeyPatch, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("router.tracing.process._CLOSE_SECONDS", 0.2)
    writers: list[asyncio.StreamWriter] = []
    listening = await asyncio.start_server(lambda _, writer: writers.append(writer), "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    environ = collector.environ(
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}", OTEL_EXPORTER_OTLP_TIMEOUT="2"
    )
    exporting = Exporting(monkeypatch, environ)
    exporting.end_spans(3)
    started = time.monotonic()

    await exporting.traces.close()

    assert time.monotonic() - started < 1.5
    assert exporting.counts()["failed"] == 3
    assert "spans dropped" in caplog.text
    for writer in writers:
        writer.close()
        await writer.wait_closed()
    listening.close()
    await asyncio.to_thread(exporting.traces._queue._thread.join, 5)


@pytest.mark.parametrize("text", ["x", "0", "-1", "1e3"])
async def test_a_wrong_limit_is_said_and_counts_as_unset(
    monkeypatch: pytest.MonkeyPatch,
    collector: Collector,
    text: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    exporting = Exporting(monkeypatch, collector.environ(OTEL_BSP_MAX_QUEUE_SIZE=text))

    exporting.end_spans(5)

    await exporting.traces.close()
    assert exporting.counts()["exported"] == 5
    assert vars(caplog.records[0])["variable"] == "OTEL_BSP_MAX_QUEUE_SIZE"
