"""The roles of a process: ingress, stream reader, worker. One process may have several."""

from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

import msgspec

from router.configuration.load import ConfigurationSource
from router.configuration.model import Configuration
from router.console.inbox import Inbox
from router.destinations.capture import OnCapture
from router.destinations.contract import Environment
from router.ingress.kinesis.stream import KinesisStream
from router.tracing.process import ProcessTraces

Background = tuple[str, Coroutine[Any, Any, NoReturn]]
"""The name and the coroutine of a task that runs as long as the process."""


class WorkerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration of the worker role."""

    source: ConfigurationSource
    """The rules folder, for reloads."""
    configuration: Configuration
    """The configuration to begin with, loaded from ``source``."""
    environment: Environment
    """The services that destinations get from the process."""
    only: frozenset[str] | None = None
    """Deliver to these destinations and evaluate nothing; None to evaluate, and deliver to all."""
    on_capture: OnCapture | None = None
    """Called with each delivery that a destination captures instead of sending it."""
    inbox: Inbox | None = None
    """The page of the console that shows these; None for no such page."""


class SourcesConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The sources of a process without a worker."""

    source: ConfigurationSource
    """The rules folder, for reloads."""
    configuration: Configuration
    """The configuration to begin with, loaded from ``source``."""


class StreamSource(msgspec.Struct, frozen=True, kw_only=True):
    """The Kinesis stream that a process reads events from."""

    make: Callable[[], KinesisStream]
    """Returns the stream. Called in the event loop."""
    since: float | None = None
    """Unix seconds at which to begin a stream that was never read; None for its oldest record."""


class Roles(msgspec.Struct, frozen=True, kw_only=True):
    """The roles of one process and the port that it listens on."""

    port: int
    """The port; 0 for any free one."""
    inherited_socket: int | None = None
    """The descriptor of a listening socket of the parent process, used instead of ``port``."""
    operations_port: int | None = None
    """The port of metrics, readiness and the operators' API; None to serve them on ``port``."""
    inherited_operations_socket: int | None = None
    """As ``inherited_socket``, for ``operations_port``."""
    ingress: bool = False
    """Whether it receives events over HTTP."""
    sources: SourcesConfig | None = None
    """The sources of events over HTTP; None if the worker's configuration has them."""
    stream: StreamSource | None = None
    """The stream that it reads events from; None for none."""
    traces: ProcessTraces | None = None
    """The traces of the process; None if they are off."""
    worker: WorkerConfig | None = None
    """The configuration of its worker; None if it evaluates and delivers nothing."""
