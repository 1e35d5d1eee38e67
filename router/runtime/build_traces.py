"""Builds the traces of a process from its settings and the variables of OpenTelemetry."""

from collections.abc import Mapping

from router.clock import Clock
from router.metrics import Metrics
from router.settings.choices import Traces
from router.settings.model import Settings
from router.tracing.process import ProcessTraces


def build_traces(
    settings: Settings, environ: Mapping[str, str], metrics: Metrics, clock: Clock
) -> ProcessTraces | None:
    """Return the traces of a process; None if they are off.

    Args:
        settings: The settings.
        environ: Has the variables of OpenTelemetry.
        metrics: Counts spans.
        clock: Time of this machine, and chance.

    Raises:
        ConfigurationError: The extra for traces is missing, or a variable is wrong.
    """
    if settings.traces is Traces.OFF:
        return None
    return ProcessTraces.from_environment(environ, metrics, clock)
