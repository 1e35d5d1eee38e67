"""``router dead-letters``: list, show, replay, discard deliveries that were given up."""

import sys
from collections.abc import Callable
from typing import Any

import click
import msgspec

from router.api.views import dead_letter_details, dead_letter_view
from router.cli.output import as_json
from router.cli.redis_commands import CLOCK, parse_age, print_table, time_range, with_redis
from router.errors import ConfigurationError
from router.journal.connection import Connection
from router.journal.dead_letters import DeadLetterFilter, DeadLetters
from router.journal.deliveries import DeadLetter
from router.journal.pagination import CHUNK, PageCursor, clip, collect, iterate

Command = Callable[..., Any]


@click.group(name="dead-letters")
def dead_letters() -> None:
    """List, show, replay and discard failed deliveries."""


def _filters(command: Command) -> Command:
    for option in (
        click.option(
            "--newer-than", metavar="AGE", callback=parse_age, help="Died within this time."
        ),
        click.option(
            "--older-than", metavar="AGE", callback=parse_age, help="Died longer ago than this."
        ),
        click.option("--reason", default="", help="The reason holds this text."),
        click.option("--rule", default="", help="Of this rule only."),
        click.option("--destination", default="", help="Of this destination only."),
    ):
        command = option(command)
    return command


def _wanted(
    rule: str, reason: str, older_than: float | None, newer_than: float | None
) -> DeadLetterFilter:
    return DeadLetterFilter(rule=rule, reason=reason, span=time_range(older_than, newer_than))


@dead_letters.command(name="list")
@_filters
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--after", default="", metavar="CURSOR", help="Go on where a page ended.")
@click.option("--json", "json", is_flag=True, help="Print JSON.")
def list_letters(destination: str, limit: int, after: str, *, json: bool, **filters: Any) -> None:
    """List them, newest first, one destination after the other."""
    name, _, place = after.partition("/")
    try:
        cursor = PageCursor.parse(place) if after else None
    except ValueError as error:
        raise ConfigurationError(f"--after: {error}") from None
    wanted = _wanted(**filters)

    async def ask(connection: Connection) -> tuple[list[DeadLetter], str]:
        letters = DeadLetters(connection, CLOCK)
        names = [destination] if destination else await letters.destinations()
        return await _collect(letters, [n for n in names if n >= name], wanted, cursor, limit)

    found, following = with_redis(ask)
    views = [dead_letter_view(letter) for letter in found]
    if json:
        click.echo(as_json({"dead_letters": views, "after": following}))
        return
    heads = ("DIED", "ID", "DESTINATION", "RULE", "ATTEMPTS", "REASON")
    rows = [(v.died_at[:19], v.id, v.destination, v.rule, str(v.attempts), v.reason) for v in views]
    if rows:
        print_table([heads, *rows])
    else:
        click.echo("no dead letters")
    if following:
        click.echo(f"more: --after {following}")


async def _collect(
    letters: DeadLetters,
    names: list[str],
    wanted: DeadLetterFilter,
    cursor: PageCursor | None,
    limit: int,
) -> tuple[list[DeadLetter], str]:
    """Up to ``limit`` that fit, and the cursor of the next page or ``""``."""
    collected: list[DeadLetter] = []
    for name in names:
        left = limit - len(collected)
        if left == 0:
            # A time after all others: that destination from its newest.
            return collected, f"{name}/{10**15 - 1}-~"
        found = await collect(letters.find(name, wanted), cursor, count=left)
        collected += found.items
        if found.after is not None:
            return collected, f"{name}/{found.after}"
        cursor = None
    return collected, ""


@dead_letters.command()
@click.argument("delivery_id", metavar="ID")
@click.option("--json", "json", is_flag=True, help="Print JSON.")
def show(delivery_id: str, *, json: bool) -> None:
    """Show one with every attempt at it and its event."""

    async def ask(connection: Connection) -> DeadLetter | None:
        letters = DeadLetters(connection, CLOCK)
        return await _with_id(letters, delivery_id)

    letter = with_redis(ask)
    if letter is None:
        click.echo(f"router: there is no dead letter {delivery_id}", err=True)
        sys.exit(1)
    details = dead_letter_details(letter)
    if json:
        click.echo(as_json(details))
        return
    view = details.letter
    for label, value in (
        ("delivery", view.id),
        ("destination", view.destination),
        ("rule", f"{view.rule} ({view.severity})"),
        ("event", f"{view.event} ({view.event_type})"),
        ("died", view.died_at),
        ("reason", view.reason),
        ("replay of", f"{details.replay_of}, no. {view.replays}" if details.replay_of else ""),
    ):
        if value:
            click.echo(f"{label:<12} {value}")
    for attempt in details.attempts:
        click.echo(
            f"\nattempt {attempt.number} at {attempt.at}, {attempt.seconds:.3f} s: {attempt.reason}"
        )
        if attempt.response:
            click.echo(f"  answered: {attempt.response}")
    click.echo(f"\n{as_json(details.event)}")


async def _with_id(letters: DeadLetters, delivery_id: str) -> DeadLetter | None:
    for name in await letters.destinations():
        letter = await letters.get(name, delivery_id)
        if letter is not None:
            return letter
    return None


def _bulk(command: Command) -> Command:
    for option in (
        click.option("--json", "json", is_flag=True, help="Print JSON."),
        click.option("--all", "everything", is_flag=True, help="All of them, without a filter."),
    ):
        command = option(command)
    return _filters(click.argument("ids", nargs=-1, metavar="[ID]...")(command))


@dead_letters.command()
@_bulk
def replay(**asked: Any) -> None:
    """Send them again, under new ids: those with an ID, those that fit a filter, or --all.

    They go into their destinations' queues, so rate and circuit apply. What fails again meanwhile
    is not replayed twice; broken off, the command goes on where it was when it is given again.
    """
    _move("replayed", **asked)


@dead_letters.command()
@_bulk
@click.confirmation_option("--yes", prompt="Drop them for good?")
def discard(**asked: Any) -> None:
    """Drop them for good: those with an ID, those that fit a filter, or --all."""
    _move("discarded", **asked)


def _move(
    done: str,
    ids: tuple[str, ...],
    destination: str,
    *,
    everything: bool,
    json: bool,
    **filters: Any,
) -> None:
    if not (ids or destination or everything or any(filters.values())):
        raise ConfigurationError("name IDs, or give a filter such as --destination, or --all")
    wanted = _wanted(**filters)
    wanted = msgspec.structs.replace(wanted, span=clip(wanted.span, int(CLOCK.now() * 1000)))

    async def ask(connection: Connection) -> dict[str, int]:
        letters = DeadLetters(connection, CLOCK)
        move = letters.replay if done == "replayed" else letters.discard
        moved: dict[str, int] = {}
        for name in [destination] if destination else await letters.destinations():
            for part in _parts(wanted, ids):
                async for chunk in iterate(letters.find(name, part, newest_first=False)):
                    moved[name] = moved.get(name, 0) + await move(name, chunk)
        return moved

    moved = with_redis(ask)
    total = sum(moved.values())
    if json:
        click.echo(as_json({done: total, "destinations": moved}))
    else:
        click.echo("".join(f"{name}: {count} {done}\n" for name, count in moved.items()), nl=False)
        click.echo(f"{total} {done}")
    if total < len(set(ids)):
        click.echo(f"router: {len(set(ids)) - total} of these are no dead letters", err=True)
        sys.exit(1)


def _parts(wanted: DeadLetterFilter, ids: tuple[str, ...]) -> list[DeadLetterFilter]:
    """``wanted``, once for each chunk of ids; once where there are none."""
    return [
        msgspec.structs.replace(wanted, ids=ids[start : start + CHUNK])
        for start in range(0, len(ids) or 1, CHUNK)
    ]
