"""A bounded queue of spans that a thread exports, so that a slow collector delays no event.

It replaces the SDK's ``BatchSpanProcessor`` because that neither counts what it drops nor limits how
long a shutdown takes. It obeys the same standard variables (``OTEL_BSP_*``).
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import msgspec
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace import Span as SdkSpan

from router.metrics import Metrics
from router.tracing.span_exporter import ExportedSpans, quiet_exports

logger = logging.getLogger(__name__)

_LOG_INTERVAL: Final = 60.0


class Exporter(Protocol):
    """Sends spans. Called by one thread."""

    def export(self, spans: Sequence[ReadableSpan]) -> ExportedSpans:
        """Send spans within a time limit."""
        ...

    def close(self) -> None:
        """End."""
        ...


class QueueLimits(msgspec.Struct, frozen=True):
    """How much waits, and for how long. The defaults are those of the specification."""

    spans: int = 2048
    batch: int = 512
    delay_seconds: float = 5.0

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> "QueueLimits":
        """Return the limits of the standard variables; one that is wrong counts as unset."""
        usual = cls()
        spans = _number(environ, "OTEL_BSP_MAX_QUEUE_SIZE", usual.spans)
        batch = _number(environ, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", usual.batch)
        delay = _number(environ, "OTEL_BSP_SCHEDULE_DELAY", int(usual.delay_seconds * 1000))
        return cls(spans, min(batch, spans), delay / 1000)


class SpanQueue(SpanProcessor):
    """Exports spans by a thread of its own.

    Args:
        exporter: Sends them.
        limits: The size of the queue and of a request.
        metrics: Counts the spans by what became of them.
    """

    def __init__(self, exporter: Exporter, limits: QueueLimits, metrics: Metrics) -> None:
        self._exporter = exporter
        self._limits = limits
        self._exported = metrics.spans.labels("exported")
        self._overflowed = metrics.spans.labels("overflowed")
        self._failed = metrics.spans.labels("failed")
        self._spans: deque[ReadableSpan] = deque()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._resume_at = 0.0
        """The monotonic time before which the collector wants no request."""
        self._log_at = 0.0
        self._lost = 0
        self._reason = ""
        """Why the last export failed; ``""`` if it did not."""
        self._thread = threading.Thread(target=self._run, name="spans", daemon=True)

    def open(self) -> None:
        """Start the thread."""
        self._thread.start()

    def on_start(self, span: SdkSpan, parent_context: Context | None = None) -> None:
        """Do nothing, because only ended spans are exported."""

    def on_end(self, span: ReadableSpan) -> None:
        """Add a span, or drop it if the queue is full."""
        if self._closing.is_set() or len(self._spans) >= self._limits.spans:
            self._overflowed.inc()
            self._lost += 1
            self._log_lost()  # here too, because the thread may wait for the collector
            return
        self._spans.append(span)
        if len(self._spans) == self._limits.batch:
            self._wake.set()

    def close(self, seconds: float) -> None:
        """Export what waits, and stop. Blocks for ``seconds`` at most; what is left then is dropped."""
        self._closing.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(seconds)
        left = len(self._spans)
        if left:
            self._failed.inc(left)
            self._lost += left
            self._log(f"the collector took longer than {seconds:g} s at the end")
        self._exporter.close()

    def _run(self) -> None:
        with quiet_exports():
            while not self._closing.is_set():
                self._wake.wait(self._limits.delay_seconds)
                self._wake.clear()
                self._closing.wait(max(0.0, self._resume_at - time.monotonic()))
                self._export_waiting()
            while self._spans:
                self._export_waiting()

    def _export_waiting(self) -> None:
        """Export the spans that wait now, and more only in full batches.

        Otherwise there would be a request for each span that ends while the last request is sent.
        """
        count = len(self._spans)
        while count > 0 or len(self._spans) >= self._limits.batch:
            size = min(count if count > 0 else self._limits.batch, self._limits.batch)
            batch = [self._spans[at] for at in range(size)]
            count -= size
            found = self._export(batch)
            self._reason = found.reason
            if found.retry_after and not self._closing.is_set():
                # They wait in the queue, whose limit counts.
                self._resume_at = time.monotonic() + found.retry_after
                return
            for _ in batch:
                self._spans.popleft()
            lost = len(batch) - found.count
            self._exported.inc(found.count)
            self._failed.inc(lost)
            self._lost += lost
            self._log_lost()

    def _export(self, batch: list[ReadableSpan]) -> ExportedSpans:
        try:
            return self._exporter.export(batch)
        except Exception as error:  # noqa: BLE001 - the thread must not end with it
            return ExportedSpans(0, type(error).__name__)

    def _log_lost(self) -> None:
        if self._lost and time.monotonic() >= self._log_at:
            self._log(self._reason or "more spans than the queue holds")

    def _log(self, reason: str) -> None:
        logger.warning("spans dropped", extra={"count": self._lost, "reason": reason})
        self._lost = 0
        self._log_at = time.monotonic() + _LOG_INTERVAL


def _number(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, "").strip()
    if not text:
        return default
    if text.isdecimal() and 0 < int(text) < 10**9:
        return int(text)
    logger.warning("variable ignored", extra={"variable": name, "expected": "a whole number"})
    return default
