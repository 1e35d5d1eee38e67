"""``router audit``: who did what, when and from where."""

from typing import Final

import click

from router.api.audit import AuditView, audit_view
from router.cli.output import as_json, echo
from router.cli.redis_commands import CLOCK, parse_age, print_table, time_range, with_redis
from router.cli.usage_hints import HintingGroup
from router.errors import ConfigurationError
from router.journal.audit import Audit, AuditAction, AuditFilter, FoundEntries
from router.journal.connection import Connection
from router.timestamps import utc_second

_HEADINGS: Final = ("AT", "ACTION", "WHAT", "BY", "VIA", "FROM", "DETAILS")


@click.group(cls=HintingGroup)
def audit() -> None:
    """Show what operators did.

    The audit trail is in the Redis at ROUTER_REDIS_URL: the newest 10,000 actions of operators, and
    the newest 2,000 by the links of alerts and of failed logins.
    """


@audit.command(name="list")
@click.option("--name", default="", help="Who did it: the name of a token or user, or one given.")
@click.option(
    "--action",
    type=click.Choice([str(each) for each in AuditAction]),
    metavar="ACTION",
    help=f"What was done: {', '.join(AuditAction)}.",
)
@click.option("--older-than", metavar="AGE", callback=parse_age, help="Minimum age, such as 1d.")
@click.option("--newer-than", metavar="AGE", callback=parse_age, help="Maximum age, such as 1d.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 12_000))
@click.option("--after", default="", metavar="CURSOR", help="Begin where the last page ended.")
@click.option("--json", "json_wanted", is_flag=True, help="Print JSON.")
def list_command(  # noqa: PLR0913 - one for each option
    *,
    name: str,
    action: str | None,
    older_than: float | None,
    newer_than: float | None,
    limit: int,
    after: str,
    json_wanted: bool,
) -> None:
    """List actions, newest first.

    Example: router audit list --name alice --newer-than 1d
    """
    wanted = AuditFilter(name=name, action=action or "", times=time_range(older_than, newer_than))

    async def read(connection: Connection) -> FoundEntries:
        trail = Audit(connection, CLOCK)
        return await trail.page(wanted, after, limit=limit, max_scanned=100_000)

    try:
        found = with_redis(read)
    except ValueError as error:
        raise ConfigurationError(f"--after: {error}") from None
    views = list(map(audit_view, found.items))
    if json_wanted:
        click.echo(as_json({"entries": views, "after": found.after}))
        return
    if views:
        print_table([_HEADINGS, *map(_row, views)])
    else:
        echo("no actions match" if name or action or after else "no actions")
    if found.after:
        echo(f"more: --after {found.after}")


def _row(view: AuditView) -> tuple[str, ...]:
    named = f"({view.named})" if view.named else ""
    return (
        utc_second(view.at),
        view.action,
        f"{view.kind} {view.object}".strip(),
        f"{view.by} {named}".strip() or "-",
        view.via,
        view.address or "-",
        " ".join(f"{name}={value}" for name, value in view.details.items()),
    )
