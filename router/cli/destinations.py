"""``router destinations``: list, show, pause, resume, retry and test destinations."""

import sys

import click

from router.api.destination_views import (
    DestinationHealthView,
    HealthState,
    read_destination,
    read_destinations,
)
from router.api.message_testing import MessageOutcome, MessageTested, send_test
from router.api.requests import BadRequestError
from router.cli.completion import complete_destination
from router.cli.known_names import check_destination, configured_names
from router.cli.output import as_json, echo
from router.cli.redis_commands import (
    CLOCK,
    print_table,
    record_action,
    user_name,
    with_redis,
)
from router.cli.usage_hints import HintingGroup
from router.errors import ConfigurationError
from router.journal.audit import AuditAction, Audited
from router.journal.connection import Connection
from router.journal.pauses import Pause, PauseKind, Pauses
from router.journal.retry_now import retry_now


@click.group(cls=HintingGroup)
def destinations() -> None:
    """List, show, pause, resume, retry and test destinations.

    State, health and counters are read from the Redis at ROUTER_REDIS_URL.
    """


@destinations.command(name="list")
@click.option("--json", "json", is_flag=True, help="Print JSON.")
def list_destinations(*, json: bool) -> None:
    """List destinations with their health and delivery counters."""
    configured = configured_names()
    views = with_redis(lambda connection: read_destinations(connection, CLOCK, configured))
    if json:
        click.echo(as_json({"destinations": views}))
        return
    heading = ("DESTINATION", "HEALTH", "PENDING", "OLDEST", "DELIVERED", "DEAD", "FAILURES/MIN")
    print_table([(*heading, "REASON"), *map(_row, views)])


@destinations.command()
@click.argument("name", shell_complete=complete_destination)
@click.option("--json", "json", is_flag=True, help="Print JSON.")
def show(name: str, *, json: bool) -> None:
    """Show a destination: its health, queue, circuit, rate and last error."""

    async def read(connection: Connection) -> DestinationHealthView:
        await check_destination(connection, name)
        return await read_destination(connection, CLOCK, name)

    view = with_redis(read)
    if json:
        click.echo(as_json(view))
        return
    for label, text in _facts(view):
        if text:
            echo(f"{label:<14}{text}")


@destinations.command()
@click.argument("name", shell_complete=complete_destination)
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
@click.argument("name", shell_complete=complete_destination)
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


@destinations.command()
@click.argument("name", shell_complete=complete_destination)
def retry(name: str) -> None:
    """Attempt what waits for a destination now.

    Retries do not wait any longer, and an open circuit is tried at once. Digests are sent at their
    time.
    """

    async def begin(connection: Connection) -> int | None:
        await check_destination(connection, name)
        pause = (await Pauses(connection).all()).get(name)
        if pause is not None and pause.kind is not PauseKind.REFUSED:
            return None
        retried = await retry_now(connection, CLOCK, name)
        await record_action(
            connection,
            AuditAction.RETRIED,
            Audited.DESTINATION,
            name,
            details={"retried": retried},
        )
        return retried

    retried = with_redis(begin)
    if retried is None:
        echo(f'router: {name} is paused; run "router destinations resume {name}"', err=True)
        sys.exit(1)
    echo(f"{retried} sets of deliveries that waited for {name} are attempted now")


@destinations.command()
@click.argument("name", shell_complete=complete_destination)
@click.option("--json", "json", is_flag=True, help="Print JSON.")
def test(name: str, *, json: bool) -> None:
    """Send a test message and say whether it arrived.

    A running worker sends it on the way of all deliveries, once. Exit code 1: it failed, or no worker has
    attempted it within 5 s.
    """

    async def send(connection: Connection) -> MessageTested:
        await check_destination(connection, name)
        tested = await send_test(connection, CLOCK, name, user_name())
        await record_action(
            connection,
            AuditAction.TESTED,
            Audited.DESTINATION,
            name,
            details={"outcome": tested.outcome},
        )
        return tested

    try:
        tested = with_redis(send)
    except BadRequestError as error:
        raise ConfigurationError(str(error)) from None
    if json:
        click.echo(as_json(tested))
    else:
        reason = f": {tested.reason}" if tested.reason else f" in {tested.seconds:g} s"
        echo(f"test message {tested.outcome}{reason}")
        if tested.response:
            echo(f"response: {tested.response}")
    if tested.outcome is not MessageOutcome.DELIVERED:
        sys.exit(1)


def _row(view: DestinationHealthView) -> tuple[str, ...]:
    paused = " ".join(filter(None, (view.since[:19], view.by, view.reason)))
    is_well = view.health is HealthState.OK or view.last_error is None
    return (
        view.name,
        view.health,
        str(view.pending),
        f"{view.oldest_age_seconds:.0f}s",
        str(view.delivered),
        str(view.dead),
        f"{view.failures_per_minute:g}",
        paused or ("" if is_well or view.last_error is None else view.last_error.reason),
    )


def _facts(view: DestinationHealthView) -> list[tuple[str, str]]:
    error = view.last_error
    until = f" until {view.circuit_open_until}" if view.circuit_open_until else ""
    return [
        ("destination", view.name),
        ("health", view.health),
        ("paused", " ".join(filter(None, (view.since, view.by, view.reason)))),
        ("pending", f"{view.pending}, the oldest for {view.oldest_age_seconds:.0f} s"),
        ("circuit", f"{view.circuit}{until}"),
        (
            "rate",
            f"{view.attempts_per_minute:g} attempts, {view.failures_per_minute:g} failures a minute",
        ),
        ("delivered", str(view.delivered)),
        ("dead letters", str(view.dead)),
        ("last success", view.last_success_at or "not in the last 8 days"),
        ("last error", f"{error.at}: {error.reason}" if error else "not in the last 8 days"),
        ("response", error.response if error else ""),
    ]
