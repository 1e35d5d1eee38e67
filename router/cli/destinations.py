"""``router destinations``: list, pause and resume destinations."""

import sys

import click

from router.api.views import DestinationView, destination_view
from router.cli.known_names import check_destination, configured_names
from router.cli.output import as_json, echo
from router.cli.redis_commands import (
    CLOCK,
    print_table,
    record_action,
    user_name,
    with_redis,
)
from router.journal import ledger
from router.journal.audit import AuditAction, Audited
from router.journal.connection import Connection
from router.journal.pauses import Pause, PauseKind, Pauses


@click.group()
def destinations() -> None:
    """List, pause and resume destinations.

    State and counters are read from the Redis at ROUTER_REDIS_URL.
    """


@destinations.command(name="list")
@click.option("--json", "json", is_flag=True, help="Print JSON.")
def list_destinations(*, json: bool) -> None:
    """List destinations with their state and delivery counters."""
    configured = configured_names()

    async def read(connection: Connection) -> list[DestinationView]:
        counters = (await ledger.read(connection)).destinations
        pauses = await Pauses(connection).all()
        return [
            destination_view(name, counters.get(name), pauses.get(name))
            for name in sorted({*configured, *counters, *pauses})
        ]

    views = with_redis(read)
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
@click.option("--reason", default="", help="Reason, shown by list.")
@click.option("--by", default="", help="Name of the operator.  [default: your user name]")
def pause(name: str, reason: str, by: str) -> None:
    """Pause a destination.

    Its deliveries wait until it is resumed. All workers stop within a second.
    """

    async def store(connection: Connection) -> bool:
        await check_destination(connection, name)
        record = Pause(
            kind=PauseKind.PAUSED, at=CLOCK.now(), reason=reason[:500], by=(by or user_name())[:80]
        )
        paused = await Pauses(connection).pause(name, record)
        if paused:
            await record_action(
                connection,
                AuditAction.PAUSED,
                Audited.DESTINATION,
                name,
                named=record.by,
                details={"reason": record.reason},
            )
        return paused

    if not with_redis(store):
        echo(f"router: {name} is already paused or disabled", err=True)
        sys.exit(1)
    echo(f'{name} is paused; resume it with "router destinations resume {name}"')


@destinations.command()
@click.argument("name")
def resume(name: str) -> None:
    """Resume a paused or disabled destination.

    A destination is disabled when its receiver answers 410 Gone.
    """

    async def remove(connection: Connection) -> bool:
        resumed = await Pauses(connection).resume(name)
        if resumed:
            await record_action(connection, AuditAction.RESUMED, Audited.DESTINATION, name)
        else:
            await check_destination(connection, name)
        return resumed

    if not with_redis(remove):
        echo(f"router: {name} is neither paused nor disabled", err=True)
        sys.exit(1)
    echo(f"{name} is running")
