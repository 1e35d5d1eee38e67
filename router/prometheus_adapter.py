"""The parts of prometheus-client that the router relies on and that its documentation omits.

No other module uses them. They were read in prometheus-client 0.26.0.

| name | use | if it is missing |
|---|---|---|
| ``exposition.choose_encoder`` | the text format that ``Accept`` asks for | always the text format 0.0.4 |
| ``multiprocess.mark_process_dead(path=)`` | the folder of the values | the environment variable |
| ``Counter._metrics``, ``Counter._value`` | the values of a counter without a sample for each | \
``collect``, which is slower |

Documented, but without types: ``multiprocess.MultiProcessCollector`` (page "Multiprocess Mode").
"""

import functools
import inspect
import logging
import os
from collections.abc import Callable
from typing import Any, Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    exposition,
    generate_latest,
    multiprocess,
)

logger = logging.getLogger(__name__)

READ_IN: Final = "0.26.0"
FOLDER_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that names the folder of all processes' values. It is read when a process starts."""

_TEXT_FORMAT: Final = "text/plain; version=0.0.4; charset=utf-8"
_IS_MULTIPROCESS: Final = FOLDER_VARIABLE in os.environ

CHOOSE_ENCODER: Final = "exposition.choose_encoder"
MARK_DEAD_PATH: Final = "multiprocess.mark_process_dead(path=)"
COUNTER_VALUES: Final = "Counter._metrics, Counter._value"


def missing_names() -> list[str]:
    """Return the names of the table above that are missing or that work differently."""
    missing = []
    if not _chooses_encoder():
        missing.append(CHOOSE_ENCODER)
    if "path" not in inspect.signature(multiprocess.mark_process_dead).parameters:
        missing.append(MARK_DEAD_PATH)
    if not _has_values():
        missing.append(COUNTER_VALUES)
    return missing


@functools.cache
def warn_once() -> None:
    """Log a warning if a name is missing."""
    missing = missing_names()
    if missing:
        logger.warning(
            "prometheus-client internals missing; documented API used instead",
            extra={"read_in": READ_IN, "missing": ", ".join(missing)},
        )


def encode(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """Return the metrics as text, and its content type, negotiated by the header ``Accept``.

    With several processes behind one port, the text aggregates the metrics of all of them.
    """
    if _IS_MULTIPROCESS:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    if not _chooses_encoder():
        return generate_latest(registry), _TEXT_FORMAT
    encoder, content_type = exposition.choose_encoder(accept)
    return encoder(registry), content_type


def values_of(counter: Counter) -> dict[tuple[str, ...], float]:
    """Return the values of a counter with labels in this process, by the labels' values."""
    try:
        children: dict[tuple[str, ...], Any] = dict(counter._metrics)  # type: ignore[arg-type]  # noqa: SLF001
        return {labels: child._value.get() for labels, child in children.items()}  # noqa: SLF001
    except AttributeError:
        return {
            tuple(sample.labels.values()): sample.value
            for metric in counter.collect()
            for sample in metric.samples
            if sample.name.endswith("_total")
        }


def forget_process(pid: int, folder: str) -> None:
    """Drop the gauges of a process that ended, whose values are in ``folder``."""
    mark_process_dead: Callable[..., Any] = multiprocess.mark_process_dead
    if MARK_DEAD_PATH not in missing_names():
        mark_process_dead(pid, path=folder)
        return
    before = os.environ.get(FOLDER_VARIABLE)
    os.environ[FOLDER_VARIABLE] = folder
    try:
        mark_process_dead(pid)
    finally:
        del os.environ[FOLDER_VARIABLE]
        if before is not None:
            os.environ[FOLDER_VARIABLE] = before


def _has_values() -> bool:
    # Without a value, because each one is in the folder of all processes for ever.
    counter = Counter("a", "A counter.", ("b",), registry=None)
    return hasattr(counter, "_metrics")


def _chooses_encoder() -> bool:
    try:
        encoder, content_type = exposition.choose_encoder("")
        return isinstance(encoder(CollectorRegistry()), bytes) and isinstance(content_type, str)
    except (AttributeError, TypeError, ValueError):
        return False
