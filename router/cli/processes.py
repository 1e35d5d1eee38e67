"""One process or several: what the commands that stay have in common."""

import functools
import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn

import click
import msgspec

from router.clock import system_clock
from router.http.server import Address
from router.logs import (
    configure_logging,
)
from router.metrics import (
    Metrics,
)
from router.runtime import event_loop as process
from router.runtime.app import App, Roles
from router.runtime.prefork import LISTEN_FD, PARENT_FD, Command, PreforkServer, bind
from router.settings.model import Settings

logger = logging.getLogger(__name__)

_MOST: Final = 256


class ProcessPlacement(msgspec.Struct, frozen=True, kw_only=True):
    """How many processes there are to be, or which place among them this one has."""

    processes: int = 1
    listen_fd: int | None = None
    """A listening socket, from the parent."""
    parent_fd: int | None = None
    """A socket to the parent, see ``PARENT_FD``."""


def with_processes(command: Callable[..., None]) -> Callable[..., None]:
    """Adds ``--processes`` to a command; it gets a ``place``."""

    @click.option(
        "--processes",
        type=click.IntRange(1, _MOST),
        default=1,
        show_default=True,
        help="How many processes share the port. SIGUSR2 exchanges them one by one.",
    )
    @click.option(LISTEN_FD, type=int, hidden=True)
    @click.option(PARENT_FD, type=int, hidden=True)
    @functools.wraps(command)
    def placed(
        *, processes: int, listen_fd: int | None, parent_fd: int | None, **arguments: Any
    ) -> None:
        place = ProcessPlacement(processes=processes, listen_fd=listen_fd, parent_fd=parent_fd)
        command(**arguments, place=place)

    return placed


def read_settings() -> Settings:
    """The settings of a process that serves; its log is set up as they say."""
    settings = Settings.read(os.environ)
    configure_logging(settings.log_format, settings.log_level)
    return settings


def serve(
    settings: Settings, roles: Roles, metrics: Metrics, place: ProcessPlacement | None = None
) -> None:
    """Run this process until a signal ends it. Raises ConfigurationError."""
    place = place or ProcessPlacement()
    roles = msgspec.structs.replace(roles, inherited_socket=place.listen_fd)

    def ready(address: Address) -> None:
        logger.info("listening", extra={"url": str(address)})
        if place.parent_fd is not None:
            os.write(place.parent_fd, b"1")

    async def until_stopped() -> None:
        app = App(settings, roles, metrics, system_clock())
        await process.serve(app, ready, parent=place.parent_fd)

    process.run(until_stopped())


def serve_prefork(
    settings: Settings, port: int, arguments: Sequence[str], place: ProcessPlacement
) -> NoReturn:
    """Run several processes of a command until a signal ends them.

    Raises ConfigurationError when the address cannot be listened on.
    """
    sockets = bind(settings.host, port, place.processes)
    address = Address(*sockets[0].getsockname()[:2])
    command = Command(arguments=arguments, environ=os.environ)
    several = PreforkServer(command, sockets, system_clock(), drain_seconds=settings.drain_timeout)

    def ready() -> None:
        logger.info(
            "all processes listen", extra={"url": str(address), "processes": place.processes}
        )

    sys.exit(process.run(several.run(ready)))
