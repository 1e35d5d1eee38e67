"""``router deliveries discard``: drop deliveries that wait."""

import os

import click
import msgspec

from router.api.delivery_discarding import WaitingDiscarded, WaitingSelection, discard_waiting
from router.cli.completion import complete_destination, complete_rule
from router.cli.history_options import checked, json_option
from router.cli.known_names import check_destination
from router.cli.output import as_json, echo
from router.cli.redis_commands import CLOCK, record_action, with_redis
from router.errors import ConfigurationError
from router.journal.audit import AuditAction, Audited
from router.journal.connection import Connection
from router.journal.discard_open import DiscardOpen
from router.journal.history_log import HistoryLimits
from router.quantities import counted
from router.settings.model import Settings


@click.command()
@click.option(
    "--destination",
    required=True,
    shell_complete=complete_destination,
    help="Name of the destination.",
)
@click.option("--rule", default="", shell_complete=complete_rule, help="Name of the rule.")
@click.option("--older-than", metavar="AGE", default="", help="Minimum age, such as 30m.")
@click.option("--newer-than", metavar="AGE", default="", help="Maximum age, such as 1d.")
@click.option("--all", "everything", is_flag=True, help="All of the destination, without a filter.")
@click.option("--dry-run", is_flag=True, help="Count them, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def discard(  # noqa: PLR0913 - one for each option
    *,
    destination: str,
    rule: str,
    older_than: str,
    newer_than: str,
    everything: bool,
    dry_run: bool,
    yes: bool,
    json_wanted: bool,
) -> None:
    """Drop deliveries that wait for a destination: a flood that is of no use any more.

    No receiver gets them, and history has them as discarded. Those that a worker attempts now are left.
    Pause the destination first, so that none is sent meanwhile.

    Example: router deliveries discard --destination tickets --rule trunk-down --older-than 1h
    """
    selection = WaitingSelection(
        destination=destination,
        rule=rule,
        older_than=older_than,
        newer_than=newer_than,
        all=everything,
        dry_run=True,
    )
    if selection.is_empty and not everything:
        raise ConfigurationError("give --rule, --older-than, --newer-than or --all")
    found = checked(lambda: with_redis(lambda connection: _all_pages(connection, selection)))
    if not dry_run and found.discarded:
        question = f"Discard {counted(found.discarded, 'delivery', 'deliveries')} to {destination} for good?"
        if not yes:
            click.confirm(question, abort=True, err=True)
        chosen = msgspec.structs.replace(selection, dry_run=False, until=found.until)
        found = with_redis(lambda connection: _all_pages(connection, chosen))
    if json_wanted:
        click.echo(as_json({"discarded": found.discarded, "in_flight": found.in_flight}))
        return
    verb = "would be discarded" if dry_run else "discarded"
    echo(f"{counted(found.discarded, 'delivery', 'deliveries')} {verb}")
    if found.in_flight:
        echo(f"{found.in_flight} more are attempted now, and are left")


async def _all_pages(connection: Connection, selection: WaitingSelection) -> WaitingDiscarded:
    """Discard or count all deliveries of a selection, page by page."""
    await check_destination(connection, selection.destination)
    settings = Settings.read(os.environ)
    limits = HistoryLimits(age_seconds=settings.history, share=settings.history_memory)
    operator = DiscardOpen(connection, CLOCK, limits)
    page = total = await discard_waiting(operator, selection, CLOCK.now())
    while page.after:
        following = msgspec.structs.replace(selection, after=page.after, until=page.until)
        page = await discard_waiting(operator, following, CLOCK.now())
        total = WaitingDiscarded(
            discarded=total.discarded + page.discarded,
            in_flight=total.in_flight + page.in_flight,
            after="",
            until=page.until,
        )
    if total.discarded and not selection.dry_run:
        await record_action(
            connection,
            AuditAction.DISCARDED,
            Audited.DELIVERIES,
            selection.destination,
            details={"deliveries": total.discarded, **selection.described()},
        )
    return total
