"""The exporter that sends spans to a collector over OTLP, and says why it could not."""

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import msgspec
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

from router.errors import ConfigurationError
from router.tracing.collector_session import CollectorSession
from router.tracing.standard_variables import CREDENTIAL_PROVIDERS, compression, timeout_seconds

_UNKNOWN: Final = "the collector did not take them"
_REJECTED: Final = "the collector rejected some of them"
_LOGGERS: Final = (OTLPSpanExporter.__module__, "urllib3.connectionpool")
"""Those that log the collector's URL, which may contain a secret."""


class ExportedSpans(msgspec.Struct, frozen=True):
    """The result of an export."""

    count: int
    """How many spans the collector has taken."""
    reason: str = ""
    """Why it has not taken all of them; ``""`` if it has."""
    retry_after: float = 0.0
    """Seconds after which it may take them; 0 to give them up."""


class CollectorExporter:
    """Exports spans to the collector that the standard variables describe.

    Args:
        environ: The environment of the process, which the SDK reads by itself.

    Raises:
        ConfigurationError: A variable is wrong.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        # A session of a credential provider's own signs requests; it replaces this one.
        is_own = not any(environ.get(name) for name in CREDENTIAL_PROVIDERS)
        self._session = CollectorSession()
        try:
            self._exporter = OTLPSpanExporter(
                session=self._session if is_own else None,
                timeout=timeout_seconds(environ),
                compression=Compression(compression(environ)),
            )
        except (ImportError, OSError, RuntimeError, ValueError) as error:
            raise ConfigurationError(f"OTEL_EXPORTER_OTLP_*: {type(error).__name__}") from None

    def export(self, spans: Sequence[ReadableSpan]) -> ExportedSpans:
        """Send spans, with retries, within the time limit."""
        self._session.begin_export()
        if self._exporter.export(spans) is not SpanExportResult.SUCCESS:
            reason = self._session.reason or _UNKNOWN
            return ExportedSpans(0, reason, self._session.retry_after)
        rejected = min(self._session.rejected, len(spans))
        return ExportedSpans(len(spans) - rejected, _REJECTED if rejected else "")

    def close(self) -> None:
        """End, and interrupt a wait for a retry. Later exports fail."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]


@contextmanager
def quiet_exports() -> Iterator[None]:
    """Drop what the exporter logs in this thread. Other threads may have exporters of their own."""
    silence = _ThreadSilence(threading.get_ident())
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    for each in loggers:
        each.addFilter(silence)
    try:
        yield
    finally:
        for each in loggers:
            each.removeFilter(silence)


class _ThreadSilence(logging.Filter):
    """Drops the log lines of one thread."""

    def __init__(self, thread: int) -> None:
        super().__init__()
        self._thread = thread

    def filter(self, record: logging.LogRecord) -> bool:
        return record.thread != self._thread
