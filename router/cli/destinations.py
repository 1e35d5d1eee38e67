"""``router destinations``: list, pause, resume."""

import getpass
import os
import sys

import click

from router.api.views import DestinationView, destination_view
from router.cli.output import CommandGroup, as_json
from router.cli.redis_commands import CLOCK, print_table, with_redis
from router.configuration.load import (
    load,
)
from router.configuration.variables import (
    MissingVariable,
)
from router.errors import ConfigurationError
from router.journal import ledger
from router.journal.connection import Connection
from router.journal.pauses import Pause, PauseKind, Pauses
from router.settings.model import Settings


@click.group(cls=CommandGroup)
def destinations() -> None:
    """Where alerts go: list destinations, pause and resume them."""


@destinations.command(name="list")
@click.option("--json", "json", is_flag=True, help="Print JSON.")
def list_destinations(*, json: bool) -> None:
    """List them: state, deliveries that wait, were made, are dead letters."""
    configured = _configured()

    async def ask(connection: Connection) -> list[DestinationView]:
        books = (await ledger.read(connection)).destinations
        held = await Pauses(connection).all()
        return [
            destination_view(name, books.get(name), held.get(name))
            for name in sorted({*configured, *books, *held})
        ]

    views = with_redis(ask)
    if json:
        click.echo(as_json({"destinations": views}))
        return
    rows = [
        (
            view.name,
            view.state,
            str(view.pending),
            str(view.delivered),
            str(view.dead),
            " ".join(filter(None, (view.since[:19], view.by, view.reason))),
        )
        for view in views
    ]
    print_table(
        [("DESTINATION", "STATE", "PENDING", "DELIVERED", "DEAD", "SINCE, BY, REASON"), *rows]
    )


@destinations.command()
@click.argument("name")
@click.option("--reason", default="", help="Why, for those who look at it later.")
@click.option("--by", default="", help="Who asks; your user name otherwise.")
def pause(name: str, reason: str, by: str) -> None:
    """Pause NAME back: its deliveries wait, all workers know within a second."""
    configured = _configured()

    async def ask(connection: Connection) -> bool:
        known = {*configured, *(await ledger.read(connection)).destinations}
        if name not in known:
            there = f"there are: {', '.join(sorted(known))}" if known else "there are none"
            raise ConfigurationError(f"there is no destination {name!r}, {there}")
        hold = Pause(
            kind=PauseKind.PAUSED, at=CLOCK.now(), reason=reason[:500], by=(by or _user())[:80]
        )
        return await Pauses(connection).pause(name, hold)

    if not with_redis(ask):
        click.echo(f"router: {name} is paused or disabled already", err=True)
        sys.exit(1)
    click.echo(f"{name} is paused; router destinations resume {name} lets it go on")


@destinations.command()
@click.argument("name")
def resume(name: str) -> None:
    """Let NAME go on, whether it was paused or has been disabled by a 410."""

    async def ask(connection: Connection) -> bool:
        return await Pauses(connection).resume(name)

    if not with_redis(ask):
        click.echo(f"router: {name} is neither paused nor disabled", err=True)
        sys.exit(1)
    click.echo(f"{name} goes on")


def _configured() -> list[str]:
    """The names in the rules folder; none where there is no sound folder on this machine."""
    try:
        loaded = load(Settings.read(os.environ).rules, os.environ, missing=MissingVariable.KEEP)
    except ConfigurationError:
        return []
    return [spec.name for spec in loaded.destinations]


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user may have no name
        return ""
