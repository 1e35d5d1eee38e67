"""``router deliveries``: what destinations were told, are told and wait to be told."""

import sys
from typing import Any, Final

import click

from router.api.delivery_reading import DeliveryCriteria, DeliveryList, DeliveryReader
from router.api.delivery_views import DeliveryDetails, DeliveryState, DeliveryView, delivery_text
from router.api.event_queries import HistoryFilters
from router.cli.completion import complete_destination, complete_rule
from router.cli.discard_waiting import discard
from router.cli.history_options import (
    after_option,
    checked,
    json_option,
    limit_option,
    time_options,
)
from router.cli.known_names import check_destination, check_rule
from router.cli.output import as_json, echo
from router.cli.redis_commands import CLOCK, print_table, with_redis
from router.cli.usage_hints import HintingGroup
from router.errors import ConfigurationError
from router.journal.connection import Connection
from router.printable import one_printable_line
from router.timestamps import utc_minute

_HEADINGS: Final = ("RAISED", "ID", "DESTINATION", "RULE", "EVENT", "STATE")
_MAX_PAGES: Final = 50
"""Pages that are read for one list that has few matches."""


@click.group(name="deliveries", cls=HintingGroup)
def deliveries() -> None:
    """List and show deliveries, and discard those that wait.

    Those that have not ended, and for as long as ROUTER_HISTORY says those that have, are read from the
    Redis at ROUTER_REDIS_URL.
    """


deliveries.add_command(discard)


@deliveries.command(name="list")
@click.option(
    "--destination",
    default="",
    shell_complete=complete_destination,
    help="Name of the destination.",
)
@click.option(
    "--state",
    multiple=True,
    help=f"open, {', '.join(DeliveryState)}; may be repeated.  [default: all]",
)
@click.option("--rule", default="", shell_complete=complete_rule, help="Name of the rule.")
@click.option("--key", default="", help="Key of the alert.")
@time_options
@limit_option
@after_option
@json_option
def list_command(  # noqa: PLR0913 - one for each option
    *,
    destination: str,
    state: tuple[str, ...],
    rule: str,
    key: str,
    limit: int,
    after: str,
    json_wanted: bool,
    **times: Any,
) -> None:
    """List deliveries: those that have not ended, then the others, the newest first.

    Example: router deliveries list --destination tickets --state open
    """
    try:
        states = DeliveryState.parse(state)
    except ValueError as error:
        raise ConfigurationError(f"--state: {error}") from None
    wanted = DeliveryCriteria(
        destination=destination,
        states=states,
        rule=rule,
        key=key,
        times=checked(lambda: HistoryFilters(**times).times(CLOCK.now())),
    )
    if rule:
        check_rule(rule)

    async def read(connection: Connection) -> DeliveryList:
        if destination:
            await check_destination(connection, destination)
        return await _listed(connection, wanted, after, limit)

    found = checked(lambda: with_redis(read))
    if json_wanted:
        click.echo(as_json(found))
        return
    if found.deliveries:
        print_table([_HEADINGS, *map(_row, found.deliveries)])
    else:
        echo("no deliveries match" if after or wanted != DeliveryCriteria() else "no deliveries")
    if found.after:
        echo(f"more: --after {found.after}")


@deliveries.command()
@click.argument("delivery", metavar="ID")
@json_option
def show(delivery: str, *, json_wanted: bool) -> None:
    """Show a delivery with its failed attempts, and when the next one is due."""

    async def read(connection: Connection) -> DeliveryDetails | None:
        return await DeliveryReader(connection).get(delivery)

    found = with_redis(read)
    if found is None:
        message = (
            f"router: there is no delivery {delivery}: ids begin with msg_, and history forgets them"
            " after ROUTER_HISTORY"
        )
        echo(one_printable_line(message), err=True)
        sys.exit(1)
    if json_wanted:
        click.echo(as_json(found))
        return
    for line in _lines(found):
        echo(one_printable_line(line))


async def _listed(
    connection: Connection, wanted: DeliveryCriteria, after: str, limit: int
) -> DeliveryList:
    reader = DeliveryReader(connection)
    found: list[DeliveryView] = []
    for _ in range(_MAX_PAGES):
        page = await reader.page(wanted, after, limit=limit - len(found))
        found += page.deliveries
        after = page.after
        if not after or len(found) >= limit:
            break
    return DeliveryList(tuple(found), after)


def _row(view: DeliveryView) -> tuple[str, ...]:
    return (
        utc_minute(view.raised_at),
        view.id,
        view.destination,
        view.rule,
        view.event_id,
        delivery_text(view),
    )


def _lines(found: DeliveryDetails) -> list[str]:
    view = found.delivery
    fields = (
        ("delivery", view.id),
        ("destination", view.destination),
        ("state", found.text),
        ("rule", view.rule),
        (
            "tells",
            f"{view.status}, {view.count} events or alerts" if view.count > 1 else view.status,
        ),
        ("alert", view.alert),
        ("key", view.key),
        ("event", f"{view.event_id}  (router events show {view.event})"),
        ("raised", view.raised_at),
        ("replay of", view.replay_of),
    )
    lines = [f"{label:<12} {value}" for label, value in fields if value]
    for attempt in found.attempts:
        lines += [
            "",
            f"attempt {attempt.number} at {attempt.at}, {attempt.seconds:.3f} s: {attempt.reason}",
        ]
        if attempt.response:
            lines.append(f"  response: {attempt.response}")
    return lines
