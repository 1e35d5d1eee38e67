"""The exporter sends spans to collectors of all kinds, within its time limit, and says why it could not."""

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import trustme
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.trace import ReadableSpan
from support.collector import Collector, spans_of
from support.recorded_spans import RecordedTraces
from support.sinks import Conversation, Reply, TcpSink, hang_up, silence, trickles

from router.tracing.span_exporter import CollectorExporter, ExportedSpans, quiet_exports
from router.tracing.spans import SpanKind

KEY = "collector-key-of-the-test"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\n"
HTTP2 = b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00d\x00\x04\x00\x10\x00\x00\x00\x05\x00\x00@\x00"
"""The first frame of a server of HTTP/2, such as one of gRPC."""


def answers(*pieces: bytes) -> Conversation:
    """Return a conversation that reads the whole request, so that its end is no reset, and answers."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.splitlines()
            if line.lower().startswith(b"content-length")
        )
        await reader.readexactly(length)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()

    return talk


def two_spans() -> Sequence[ReadableSpan]:
    recorder = RecordedTraces()
    for name in ("first", "second"):
        recorder.tracer.start(name, SpanKind.INTERNAL, None).end()
    return recorder.ended()


async def export(
    monkeypatch: pytest.MonkeyPatch, endpoint: str, **environ: str
) -> tuple[ExportedSpans, float]:
    """Export two spans; return the result and the seconds that it took."""
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_HEADERS": f"x-key={KEY}",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "10000",
        **environ,
    }
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    exporter = CollectorExporter(variables)

    def run() -> ExportedSpans:
        with quiet_exports():
            return exporter.export(two_spans())

    started = time.monotonic()
    try:
        return await asyncio.to_thread(run), time.monotonic() - started
    finally:
        exporter.close()


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with Collector() as collector:
        yield collector


def base(collector: Collector) -> str:
    return collector.url.removesuffix("/hook")


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 403, 404, 413, 500])
async def test_a_final_status_is_the_reason_and_is_not_retried(
    monkeypatch: pytest.MonkeyPatch, collector: Collector, status: int
) -> None:
    """The exporter takes a redirect for a success, although no spans were taken."""
    collector.otherwise = Reply(status, KEY.encode(), {"Location": f"/{KEY}"})

    found, _ = await export(monkeypatch, base(collector))

    assert found == ExportedSpans(0, f"HTTP {status}")
    assert len(collector.requests) == 1


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_collector_that_is_busy_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, collector: Collector, status: int
) -> None:
    collector.script.append(Reply(status, headers={"Retry-After": "0"}))

    found, _ = await export(monkeypatch, base(collector))

    assert found == ExportedSpans(2)
    assert len(collector.requests) == 2


@pytest.mark.parametrize(
    ("status", "wait", "seconds"),
    [
        (503, "3600", 300),
        (429, "60", 60),
        (503, "Tue, 01 Jan 2999 00:00:00 GMT", 300),
        (503, "Tue, 01 Jan 1980 00:00:00 GMT", 0),
        (429, "soon", 0),
        (500, "60", 0),
    ],
)
async def test_a_wait_beyond_the_time_limit_ends_the_export_and_is_told(
    monkeypatch: pytest.MonkeyPatch, collector: Collector, status: int, wait: str, seconds: float
) -> None:
    collector.otherwise = Reply(status, headers={"Retry-After": wait})

    found, _ = await export(monkeypatch, base(collector), OTEL_EXPORTER_OTLP_TIMEOUT="500")

    assert found == ExportedSpans(0, f"HTTP {status}", seconds)


@pytest.mark.parametrize(
    ("conversation", "expected"),
    [
        (silence, ExportedSpans(0, "ReadTimeout")),
        (hang_up, ExportedSpans(0, "ConnectionError")),
        (answers(b"HTTP/1.1 2"), ExportedSpans(0, "ConnectionError")),
        (answers(HTTP2), ExportedSpans(0, "ConnectionError")),
        (answers(b"220 mail.example ESMTP\r\n"), ExportedSpans(0, "ConnectionError")),
        (answers(OK + b"Content-Length: 9\r\n\r\nab"), ExportedSpans(2)),
        (trickles(OK + b"\r\n", every_seconds=0.1), ExportedSpans(2)),
        (answers(OK + b"\r\n", *[b"x" * 65536] * 64), ExportedSpans(2)),
        (answers(OK + b"Content-Encoding: gzip\r\n\r\nno gzip"), ExportedSpans(2)),
        (answers(OK + b"Content-Length: 5\r\n\r\n<htm>"), ExportedSpans(2)),
    ],
    ids=[
        "silence",
        "reset",
        "half-a-head",
        "http2",
        "another-protocol",
        "half-a-body",
        "slow-body",
        "endless-body",
        "no-gzip",
        "no-protobuf",
    ],
)
async def test_a_response_of_any_kind_ends_the_export_in_time(
    monkeypatch: pytest.MonkeyPatch,
    conversation: Conversation,
    expected: ExportedSpans,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    async with TcpSink(conversation) as sink:
        found, seconds = await export(
            monkeypatch,
            f"http://127.0.0.1:{sink.port}/{KEY}",
            OTEL_EXPORTER_OTLP_TIMEOUT="900",
        )

    assert found == expected
    assert seconds < 5
    assert KEY not in caplog.text


async def test_a_collector_that_is_away_is_the_reason(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    found, seconds = await export(
        monkeypatch, f"http://user:{KEY}@127.0.0.1:1", OTEL_EXPORTER_OTLP_TIMEOUT="500"
    )

    assert found == ExportedSpans(0, "ConnectionError")
    assert seconds < 5
    assert KEY not in caplog.text


async def test_spans_that_a_success_rejects_are_not_taken(
    monkeypatch: pytest.MonkeyPatch, collector: Collector
) -> None:
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = 1
    collector.otherwise = Reply(200, answer.SerializeToString())

    found, _ = await export(monkeypatch, base(collector))

    assert found == ExportedSpans(1, "the collector rejected some of them")


@pytest.mark.parametrize("name", ["COMPRESSION", "TRACES_COMPRESSION"])
async def test_requests_are_compressed_if_a_variable_says_so(
    monkeypatch: pytest.MonkeyPatch, collector: Collector, name: str
) -> None:
    await export(monkeypatch, base(collector), **{f"OTEL_EXPORTER_OTLP_{name}": "gzip"})

    (request,) = collector.requests
    assert request.headers["content-encoding"] == "gzip"
    assert len(spans_of(request.body)) == 2  # the server has decompressed it


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "BASE/otlp/"}, "/otlp/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "BASE/here?tenant=1"}, "/here?tenant=1"),
        ({"OTEL_EXPORTER_OTLP_TRACES_HEADERS": "x-key=other"}, "/v1/traces"),
    ],
)
async def test_the_variables_of_traces_override_those_of_all_signals(
    monkeypatch: pytest.MonkeyPatch, collector: Collector, environ: dict[str, str], path: str
) -> None:
    variables = {name: text.replace("BASE", base(collector)) for name, text in environ.items()}

    found, _ = await export(monkeypatch, base(collector), **variables)

    (request,) = collector.requests
    assert (found.count, request.path) == (2, path)
    key = "other" if "OTEL_EXPORTER_OTLP_TRACES_HEADERS" in environ else KEY
    assert (request.headers["content-type"], request.headers["x-key"]) == (
        "application/x-protobuf",
        key,
    )


@pytest.fixture
async def tls_collector(tmp_path: Path) -> AsyncIterator[Collector]:
    """A collector with a certificate of ``authority.pem``, and ``other.pem`` beside it."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    async with Collector(tls=context) as collector:
        yield collector


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"OTEL_EXPORTER_OTLP_CERTIFICATE": "authority.pem"}, ExportedSpans(2)),
        (
            {
                "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE": "authority.pem",
                "REQUESTS_CA_BUNDLE": "other.pem",
            },
            ExportedSpans(2),
        ),
        ({"REQUESTS_CA_BUNDLE": "authority.pem"}, ExportedSpans(2)),
        ({"OTEL_EXPORTER_OTLP_CERTIFICATE": "other.pem"}, ExportedSpans(0, "SSLError")),
        ({}, ExportedSpans(0, "SSLError")),
    ],
)
async def test_a_collector_with_its_own_authority_is_verified_by_it(
    monkeypatch: pytest.MonkeyPatch,
    tls_collector: Collector,
    tmp_path: Path,
    environ: dict[str, str],
    expected: ExportedSpans,
) -> None:
    files = {name: str(tmp_path / text) for name, text in environ.items()}
    seconds = {} if expected.count else {"OTEL_EXPORTER_OTLP_TIMEOUT": "500"}

    found, _ = await export(monkeypatch, base(tls_collector), **files, **seconds)

    assert found == expected


async def test_other_exporters_of_the_process_log_as_before(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Seen to fail: the router replaced the handlers of the exporter's logger."""
    name = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
    handlers = list(logging.getLogger(name).handlers)
    entered, left = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def quiet() -> None:
        with quiet_exports():
            logging.getLogger(name).error("of the router's thread")
            loop.call_soon_threadsafe(entered.set)
            asyncio.run_coroutine_threadsafe(left.wait(), loop).result(10)

    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.to_thread(quiet))
        await entered.wait()
        logging.getLogger(name).error("of another thread")
        left.set()

    assert caplog.messages == ["of another thread"]
    assert logging.getLogger(name).handlers == handlers
    assert logging.getLogger(name).filters == []
    assert logging.getLogger(name).propagate
