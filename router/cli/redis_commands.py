"""What commands that look into Redis have in common: one connection, errors as lines, ages."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import click

from router.clock import system_clock
from router.datatypes import Duration
from router.errors import ConfigurationError, JournalUnavailableError
from router.journal.connection import Connection, connect
from router.journal.pagination import TimeRange
from router.settings.model import Settings

T = TypeVar("T")
CLOCK: Final = system_clock()
_DEADLINE: Final = 10.0


def with_redis(ask: Callable[[Connection], Awaitable[T]]) -> T:
    """Run ``ask`` on a connection to ROUTER_REDIS_URL. Raises ConfigurationError if it is away."""
    settings = Settings.read(os.environ)

    async def run() -> T:
        connection = connect(settings.redis_url, deadline=_DEADLINE, max_connections=4)
        try:
            return await ask(connection)
        finally:
            await connection.close()

    try:
        return asyncio.run(run())
    except JournalUnavailableError as error:
        raise ConfigurationError(f"{error} (ROUTER_REDIS_URL says where Redis is)") from None


def parse_age(_context: click.Context, _option: click.Parameter, text: str | None) -> float | None:
    """An option that is a duration as the rules have it, such as 30m or 7d; becomes seconds."""
    try:
        return None if text is None else float(Duration.parse(text))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def time_range(older_than: float | None, newer_than: float | None) -> TimeRange:
    """The times that these ages mean now. Ages are in seconds."""
    now = CLOCK.now()
    return TimeRange(
        last_ms=None if older_than is None else int((now - older_than) * 1000),
        first_ms=None if newer_than is None else int((now - newer_than) * 1000),
    )


def print_table(rows: list[tuple[str, ...]]) -> None:
    """Print rows, the first of them the headings, in columns; the last column as it is."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        click.echo("  ".join((*cells, row[-1])).rstrip())
