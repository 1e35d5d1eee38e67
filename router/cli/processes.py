"""Serving commands: one process, or several behind one port."""

import functools
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NoReturn

import click
import msgspec

from router.clock import system_clock
from router.http.server import Address
from router.logs import configure_logging
from router.metrics import Metrics
from router.runtime import event_loop
from router.runtime.app import App
from router.runtime.build_traces import build_traces
from router.runtime.heartbeat import Heartbeats, to_parent
from router.runtime.prefork import (
    LISTEN_FD,
    OPERATIONS_FD,
    PARENT_FD,
    Command,
    PreforkServer,
    bind,
)
from router.runtime.roles import Roles
from router.runtime.service_manager import NOTIFY_SOCKET, WATCHDOG, notify_ready, watchdog
from router.settings.choices import Traces
from router.settings.env_file import DISABLED
from router.settings.model import Settings
from router.tracing.process import check_traces

logger = logging.getLogger(__name__)

_MAX_PROCESSES: Final = 256


class ProcessOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The number of processes for a parent; the inherited descriptors for a child."""

    count: int = 1
    """Processes that share the port."""
    listen_fd: int | None = None
    """Descriptor of a listening socket that the parent opened."""
    operations_fd: int | None = None
    """Descriptor of a listening socket of the operations port that the parent opened."""
    parent_fd: int | None = None
    """Descriptor of a socket to the parent, see ``PARENT_FD``."""


def process_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add ``--processes`` to a command, which gets it as the argument ``processes``."""

    @click.option(
        "--processes",
        type=click.IntRange(1, _MAX_PROCESSES),
        default=1,
        show_default=True,
        help="Number of processes that share the port. SIGUSR2 replaces them one by one.",
    )
    @click.option(LISTEN_FD, type=int, hidden=True)
    @click.option(OPERATIONS_FD, type=int, hidden=True)
    @click.option(PARENT_FD, type=int, hidden=True)
    @functools.wraps(command)
    def run(
        *,
        processes: int,
        listen_fd: int | None,
        operations_fd: int | None,
        parent_fd: int | None,
        **arguments: Any,
    ) -> None:
        options = ProcessOptions(
            count=processes,
            listen_fd=listen_fd,
            operations_fd=operations_fd,
            parent_fd=parent_fd,
        )
        command(**arguments, processes=options)

    return run


def read_settings() -> Settings:
    """Read the settings of a serving process and set up its log. Raise SettingsError."""
    settings = Settings.read(os.environ)
    configure_logging(settings.log_format, settings.log_level)
    return settings


def serve(
    settings: Settings, roles: Roles, metrics: Metrics, processes: ProcessOptions | None = None
) -> None:
    """Run this process until a signal ends it. Raise ConfigurationError."""
    processes = processes or ProcessOptions()
    roles = msgspec.structs.replace(
        roles,
        inherited_socket=processes.listen_fd,
        inherited_operations_socket=processes.operations_fd,
        traces=build_traces(settings, os.environ, metrics, system_clock()),
    )

    heartbeats = heartbeats_of(os.environ, processes.parent_fd)

    def ready(address: Address) -> None:
        logger.info("listening", extra={"url": str(address)})
        if processes.parent_fd is not None:
            os.write(processes.parent_fd, b"1")
        notify_ready(os.environ.get(NOTIFY_SOCKET, ""))
        heartbeats.start()

    async def until_stopped() -> None:
        app = App(settings, roles, metrics, system_clock())
        await event_loop.serve(app, ready, parent=processes.parent_fd)
        heartbeats.stop()

    event_loop.run(until_stopped())


def serve_prefork(
    settings: Settings,
    ports: tuple[int, int | None],
    arguments: Sequence[str],
    processes: ProcessOptions,
) -> NoReturn:
    """Run several processes of a command until a signal ends them.

    Args:
        settings: The settings that the processes share.
        ports: The port and the operations port that they share; 0 for any free one, None for none.
        arguments: The command of ``router`` that each child runs.
        processes: How many there are.

    Raises:
        ConfigurationError: The address cannot be listened on, or traces cannot be exported.

    """
    if settings.traces is Traces.OTLP:
        check_traces(os.environ)
    port, operations_port = ports
    sockets = bind(settings.host, port, processes.count)
    address = Address(*sockets[0].getsockname()[:2])
    operations_sockets = []
    if operations_port is not None:
        host = settings.operations_host or settings.host
        operations_sockets = bind(host, operations_port, processes.count)
    parent = PreforkServer(
        Command(arguments=arguments, environ=child_environ(os.environ)),
        sockets,
        system_clock(),
        drain_seconds=settings.drain_timeout,
        operations_sockets=operations_sockets,
    )

    heartbeats = heartbeats_of(os.environ, None)

    def ready() -> None:
        logger.info(
            "all processes listening", extra={"url": str(address), "processes": processes.count}
        )
        notify_ready(os.environ.get(NOTIFY_SOCKET, ""))
        heartbeats.start()

    sys.exit(event_loop.run(parent.run(ready)))


def heartbeats_of(environ: Mapping[str, str], parent_fd: int | None) -> Heartbeats:
    """Return the signs of life of this process: to its parent, if it has one, and to systemd."""
    beats = [] if parent_fd is None else [to_parent(parent_fd)]
    expected = watchdog(environ, os.getpid())
    return Heartbeats(beats if expected is None else [*beats, expected])


def child_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the processes behind one port (pure).

    The parent alone reports to systemd, and it alone reads a file of variables: a child that read the
    file in the working folder would have settings that its parent has not, if the parent was given
    another file, or if the file was changed since.
    """
    of_parent = {NOTIFY_SOCKET, *WATCHDOG}
    inherited = {name: text for name, text in environ.items() if name not in of_parent}
    return inherited | {DISABLED: "1"}
