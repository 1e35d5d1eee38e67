"""Commands that read and write Redis directly: the connection, ages, tables."""

import getpass
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeVar

import click

from router.cli import command_loop
from router.cli.beside_dev import settings_beside_dev
from router.cli.output import echo
from router.clock import system_clock
from router.datatypes import Duration
from router.errors import ConfigurationError, JournalUnavailableError
from router.events.masks import Masks
from router.journal import redis_adapter
from router.journal.audit import Audit, AuditAction, Audited, AuditEntry, Via
from router.journal.connection import Connection, connect
from router.journal.pagination import TimeRange
from router.journal.second_connection import diagnose
from router.journal.sentinel import no_primary_error
from router.printable import one_printable_line
from router.settings.model import Settings

T = TypeVar("T")
CLOCK: Final = system_clock()
_DEADLINE: Final = 10.0


def with_redis(work: Callable[[Connection], Awaitable[T]], *, deadline: float = _DEADLINE) -> T:
    """Run ``work`` with a connection to ROUTER_REDIS_URL and return its result.

    ``deadline`` is how many seconds each reply may take.

    Raises:
        ConfigurationError: Redis is unavailable.

    """
    settings = settings_beside_dev()
    # The error below says all. Without a handler, Python prints warnings to standard error.
    logging.getLogger("router").addHandler(logging.NullHandler())

    async def run() -> T:
        connection = connect(settings.redis_url, deadline=deadline, max_connections=4)
        try:
            return await work(connection)
        except JournalUnavailableError as error:
            raise ConfigurationError(await _explained(connection, error)) from None
        finally:
            await connection.close()

    return command_loop.run(run())


async def _explained(connection: Connection, error: JournalUnavailableError) -> str:
    """Return why Redis is unavailable, with the next step."""
    if no_primary_error(error) is not None:
        return str(error)
    found = await diagnose(redis_adapter.connection_options(connection.redis), error)
    return str(found or f"{error} (see its log and what blocks it, or correct ROUTER_REDIS_URL)")


def parse_age(_context: click.Context, _option: click.Parameter, text: str | None) -> float | None:
    """Return the seconds of a duration such as 30m or 7d: the callback of an option."""
    try:
        return None if text is None else float(Duration.parse(text))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def time_range(older_than: float | None, newer_than: float | None) -> TimeRange:
    """Return the times that two ages in seconds mean now."""
    now = CLOCK.now()
    return TimeRange(
        last_ms=None if older_than is None else int((now - older_than) * 1000),
        first_ms=None if newer_than is None else int((now - newer_than) * 1000),
    )


def own_masks() -> Masks:
    """Return the masks of the command's own environment. Raises SettingsError."""
    return Masks(Settings.read(os.environ).masked_fields)


def user_name() -> str:
    """Return the name of the user who runs the command; ``""`` if it is not known."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # the user of a container may have no name
        return ""


async def record_action(
    connection: Connection,
    action: AuditAction,
    kind: Audited,
    object_name: str = "",
    *,
    named: str = "",
    details: Mapping[str, str | int] | None = None,
) -> None:
    """Add what a command did to the audit trail, in the name of the user who runs it.

    Args:
        connection: To Redis.
        action: What was done.
        kind: What it was done to.
        object_name: Its key, id or name.
        named: The name that an option gives.
        details: What else is to be known; empty texts are left out.
    """
    user = user_name()
    entry = AuditEntry(
        action=action,
        kind=kind,
        object=object_name,
        by=user,
        named="" if named == user else named,
        via=Via.CLI,
        address=socket.gethostname(),
        details={name: value for name, value in (details or {}).items() if value != ""},
    )
    await Audit(connection, CLOCK).record(entry)


def print_table(rows: list[tuple[str, ...]]) -> None:
    """Print rows in columns, the first row as headings; the last column is not padded."""
    rows = [tuple(map(one_printable_line, row)) for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        echo("  ".join((*cells, row[-1])).rstrip())
