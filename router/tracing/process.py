"""The traces of one process: built from the standard variables, opened and closed with the process."""

import asyncio
import logging
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Final, Protocol, Self

from router.clock import Clock
from router.errors import ConfigurationError
from router.metrics import Metrics
from router.tracing.sampling import read_sampling
from router.tracing.spans import Tracer
from router.tracing.standard_variables import (
    check_variables,
    disabling_variable,
    ignored_variables,
)

logger = logging.getLogger(__name__)

_CLOSE_SECONDS: Final = 5.0
"""How long a process that ends waits for the collector."""
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
        disabling = disabling_variable(environ)
        if disabling:
            logger.info("traces disabled", extra={"variable": disabling})
            return None
        check_variables(environ)
        sampling, problem = read_sampling(environ)
        for reason in [*ignored_variables(environ), *([problem] if problem else [])]:
            logger.warning("variable ignored", extra={"reason": reason})
        # Only now, because importing them takes as long as importing the router.
        from router.tracing.sdk_spans import OpenTelemetryTracer
        from router.tracing.span_exporter import CollectorExporter
        from router.tracing.span_queue import QueueLimits, SpanQueue

        exporter = CollectorExporter(environ)
        queue = SpanQueue(exporter, QueueLimits.read(environ), metrics)
        return cls(OpenTelemetryTracer(sampling, queue, clock), queue)

    def open(self) -> None:
        """Begin to export."""
        if self._queue is not None:
            self._queue.open()

    async def close(self) -> None:
        """Export what is left, for a few seconds at most."""
        if self._queue is not None:
            await asyncio.to_thread(self._queue.close, _CLOSE_SECONDS)


class Queue(Protocol):
    """Exports spans in the background."""

    def open(self) -> None:
        """Begin."""
        ...

    def close(self, seconds: float) -> None:
        """End within this time."""
        ...


def check_traces(environ: Mapping[str, str]) -> None:
    """Raise ConfigurationError for traces with which a process does not start."""
    check_installed()
    if not disabling_variable(environ):
        check_variables(environ)


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
