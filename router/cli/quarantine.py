"""``router quarantine``: events that could not be decoded or judged."""

import sys
from collections.abc import Callable
from typing import Any

import click

from router.api.views import quarantine_details, quarantine_view
from router.cli.output import as_json
from router.cli.redis_commands import CLOCK, parse_age, print_table, time_range, with_redis
from router.errors import ConfigurationError
from router.journal.connection import Connection
from router.journal.pagination import CHUNK, Matches, PageCursor, clip, collect, iterate
from router.journal.quarantine import Quarantine, QuarantineFilter, QuarantineRecord

Command = Callable[..., Any]


@click.group()
def quarantine() -> None:
    """List, show, replay and discard unreadable events."""


def _filters(command: Command) -> Command:
    for option in (
        click.option(
            "--newer-than", metavar="AGE", callback=parse_age, help="Came within this time."
        ),
        click.option(
            "--older-than", metavar="AGE", callback=parse_age, help="Came longer ago than this."
        ),
        click.option("--reason", default="", help="The reason holds this text."),
    ):
        command = option(command)
    return command


@quarantine.command(name="list")
@_filters
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--after", default="", metavar="CURSOR", help="Go on where a page ended.")
@click.option("--json", "json", is_flag=True, help="Print JSON.")
def list_items(
    reason: str,
    older_than: float | None,
    newer_than: float | None,
    limit: int,
    after: str,
    *,
    json: bool,
) -> None:
    """List them, newest first."""
    try:
        cursor = PageCursor.parse(after) if after else None
    except ValueError as error:
        raise ConfigurationError(f"--after: {error}") from None
    wanted = QuarantineFilter(reason=reason, span=time_range(older_than, newer_than))

    async def ask(connection: Connection) -> Matches[QuarantineRecord]:
        return await collect(Quarantine(connection, CLOCK).find(wanted), cursor, count=limit)

    found = with_redis(ask)
    views = [quarantine_view(item) for item in found.items]
    if json:
        click.echo(as_json({"quarantine": views, "after": str(found.after or "")}))
        return
    heads = ("CAME", "ID", "BYTES", "REPLAY", "REASON")
    rows = [
        (
            view.received_at[:19],
            view.id,
            str(view.size_bytes),
            "yes" if view.can_be_replayed else "no",
            f"{view.path}: {view.reason}" if view.path else view.reason,
        )
        for view in views
    ]
    if rows:
        print_table([heads, *rows])
    else:
        click.echo("nothing in quarantine")
    if found.after is not None:
        click.echo(f"more: --after {found.after}")


@quarantine.command()
@click.argument("item_id", metavar="ID")
@click.option("--json", "json", is_flag=True, help="Print JSON.")
def show(item_id: str, *, json: bool) -> None:
    """Show one, with what came in."""

    async def ask(connection: Connection) -> QuarantineRecord | None:
        return await Quarantine(connection, CLOCK).get(item_id)

    item = with_redis(ask)
    if item is None:
        click.echo(f"router: there is no {item_id} in quarantine", err=True)
        sys.exit(1)
    details = quarantine_details(item)
    if json:
        click.echo(as_json(details))
        return
    view = details.item
    place = f" (at {view.path})" if view.path else ""
    click.echo(f"came    {view.received_at}\nreason  {view.reason}{place}\n")
    click.echo(details.body if isinstance(details.body, str) else as_json(details.body))


def _bulk(command: Command) -> Command:
    for option in (
        click.option("--json", "json", is_flag=True, help="Print JSON."),
        click.option("--all", "everything", is_flag=True, help="All of them, without a filter."),
    ):
        command = option(command)
    return _filters(click.argument("ids", nargs=-1, metavar="[ID]...")(command))


@quarantine.command()
@_bulk
def replay(**asked: Any) -> None:
    """Take them in again, as ingress does: those with an ID, those that fit a filter, or --all.

    What still is no CloudEvent stays in quarantine.
    """
    _move("replayed", **asked)


@quarantine.command()
@_bulk
@click.confirmation_option("--yes", prompt="Drop them for good?")
def discard(**asked: Any) -> None:
    """Drop them for good: those with an ID, those that fit a filter, or --all."""
    _move("discarded", **asked)


def _move(
    done: str,
    ids: tuple[str, ...],
    reason: str,
    older_than: float | None,
    newer_than: float | None,
    **flags: bool,
) -> None:
    if not (ids or reason or older_than or newer_than or flags["everything"]):
        raise ConfigurationError("name IDs, or give a filter such as --reason, or --all")
    times = clip(time_range(older_than, newer_than), int(CLOCK.now() * 1000))

    async def ask(connection: Connection) -> tuple[int, int]:
        kept = Quarantine(connection, CLOCK)
        move = kept.replay if done == "replayed" else kept.discard
        seen = moved = 0
        for start in range(0, len(ids) or 1, CHUNK):
            part = QuarantineFilter(ids=ids[start : start + CHUNK], reason=reason, span=times)
            async for chunk in iterate(kept.find(part, newest_first=False)):
                seen += len(chunk)
                moved += await move(chunk)
        return seen, moved

    seen, moved = with_redis(ask)
    stayed = max(seen, len(set(ids))) - moved
    if flags["json"]:
        click.echo(as_json({done: moved, "stayed": stayed}))
    else:
        click.echo(f"{moved} {done}")
    if stayed > 0:
        click.echo(f"router: {stayed} could not be {done}", err=True)
        sys.exit(1)
