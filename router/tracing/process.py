"""The traces of one process: built from the standard variables, opened and closed with the process."""

import asyncio
import logging
import re
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Final, Protocol, Self
from urllib.parse import unquote, urlsplit

from router.clock import Clock
from router.errors import ConfigurationError
from router.metrics import Metrics
from router.tracing.sampling import read_sampling
from router.tracing.spans import Tracer

logger = logging.getLogger(__name__)

_CLOSE_SECONDS: Final = 5.0
"""How long a process that ends waits for the collector."""
_DISABLED: Final = "OTEL_SDK_DISABLED"
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_PROTOCOL: Final = "http/protobuf"
_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_HEADERS: Final = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")
_HEADER: Final = re.compile(r"[!#-'*+.0-9A-Z^-z|~-]+[ \t]*=[ !#-+\--:<-\[\]-~]*")
"""A header as the exporter reads it, which accepts spaces in a value too."""
_MODULES: Final = (
    "opentelemetry.sdk",
    "opentelemetry.exporter.otlp.proto.http",
)


class ProcessTraces:
    """Traces spans, and exports them until it is closed. Build one in each process, after its fork.

    Args:
        tracer: Makes spans.
        queue: Exports them; None if the caller does.
    """

    def __init__(self, tracer: Tracer, queue: "Queue | None" = None) -> None:
        self.tracer: Final = tracer
        self._queue = queue

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str], metrics: Metrics, clock: Clock
    ) -> Self | None:
        """Return the traces that the standard variables describe; None if they disable them.

        ``environ`` is the environment of the process, which the SDK reads by itself.

        Raises:
            ConfigurationError: The extra is not installed, or a variable names a file that is wrong.
        """
        check_installed()
        if environ.get(_DISABLED, "").strip().lower() == "true":
            logger.info("traces disabled", extra={"variable": _DISABLED})
            return None
        _check_protocol(environ)
        _check_endpoint(environ)
        _check_headers(environ)
        sampling, problem = read_sampling(environ)
        if problem:
            logger.warning("variable ignored", extra={"reason": problem})
        # Only now, because importing them takes as long as importing the router.
        from router.tracing.sdk_spans import OpenTelemetryTracer
        from router.tracing.span_queue import QueueLimits, SpanQueue, otlp_exporter

        queue = SpanQueue(otlp_exporter(), QueueLimits.read(environ), metrics)
        return cls(OpenTelemetryTracer(sampling, queue, clock), queue)

    def open(self) -> None:
        """Begin to export."""
        if self._queue is not None:
            self._queue.open()

    async def close(self) -> None:
        """Export what is left, for a few seconds at most."""
        if self._queue is not None:
            await asyncio.to_thread(self._queue.close, _CLOSE_SECONDS)


def _check_protocol(environ: Mapping[str, str]) -> None:
    """Raise ConfigurationError for a protocol that the exporter does not speak."""
    name = next((name for name in _PROTOCOLS if environ.get(name)), "")
    if name and environ[name].strip() != _PROTOCOL:
        raise ConfigurationError(
            f"{name} is {environ[name][:80]!r}, expected {_PROTOCOL}:"
            " use the collector's HTTP port, usually 4318"
        )


def _check_endpoint(environ: Mapping[str, str]) -> None:
    """Raise ConfigurationError for an endpoint that is not a URL. The message is without the URL."""
    name = next((name for name in _ENDPOINTS if environ.get(name)), "")
    try:
        parts = urlsplit(environ.get(name, ""))
        is_url = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_url = False
    if name and not is_url:
        raise ConfigurationError(f"{name} is not a URL: write http://collector.example.com:4318")


def _check_headers(environ: Mapping[str, str]) -> None:
    """Raise ConfigurationError for headers that the exporter would drop, or could not send.

    The exporter logs what it drops, and a header is usually a key of the collector's. The message
    therefore has the number of a header and nothing of it.
    """
    name = next((name for name in _HEADERS if environ.get(name)), "")
    for number, header in enumerate(environ.get(name, "").split(","), 1):
        text = header.strip()
        is_header = _HEADER.fullmatch(text) and unquote(text).isprintable()
        if text and not is_header:
            raise ConfigurationError(
                f"{name}: header {number} is not name=value: write headers with commas between them,"
                " and characters other than letters, digits and signs as %XX"
            )


class Queue(Protocol):
    """Exports spans in the background."""

    def open(self) -> None:
        """Begin."""
        ...

    def close(self, seconds: float) -> None:
        """End within this time."""
        ...


def check_installed() -> None:
    """Raise ConfigurationError if the extra ``otel`` is missing."""
    try:
        missing = any(find_spec(name) is None for name in _MODULES)
    except ModuleNotFoundError:
        missing = True
    if missing:
        raise ConfigurationError(
            "ROUTER_TRACES=otlp needs OpenTelemetry: run pip install '.[otel]' in the router's checkout,"
            " or remove the variable"
        )
