"""``router rules``: list and show the rules of a folder with what each has done lately."""

from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from router.api.rule_views import RuleDetails, RuleView
from router.api.rules import RuleQuery, list_rules, show_rule
from router.cli.completion import complete_destination, complete_rule
from router.cli.known_names import unknown_destination
from router.cli.output import as_json, echo
from router.cli.redis_commands import CLOCK, print_table, with_redis
from router.cli.rules_folder import folder_or_default, load_rules, rules_option
from router.cli.usage_hints import HintingGroup
from router.errors import ConfigurationError
from router.journal.connection import Connection
from router.rules.model import Mode, Rule
from router.suggestions import suggestion

_PAGE = 1000


@click.group(cls=HintingGroup)
def rules() -> None:
    """List and show rules with what each has done lately.

    Rules are read from the folder, counts of all processes from the Redis at ROUTER_REDIS_URL; these
    are up to five seconds late.
    """


@rules.command(name="list")
@rules_option
@click.option("--text", default="", help="In the name, description or condition; ignores case.")
@click.option("--mode", type=click.Choice(["live", "shadow"]), help="Only those of a mode.")
@click.option(
    "--destination",
    default="",
    shell_complete=complete_destination,
    help="Only those that can notify a destination.",
)
@click.option("--json", "json", is_flag=True, help="Print JSON.")
def list_command(
    rules: Path | None, text: str, mode: str | None, destination: str, *, json: bool
) -> None:
    """List rules with their matches, errors and alerts."""
    configuration = load_rules(folder_or_default(rules))
    by_name = configuration.rules.by_name
    known = {spec.name for spec in configuration.destinations}
    if destination and destination not in known:
        raise unknown_destination(destination, known)
    query = RuleQuery(
        text=text,
        mode="" if mode is None else Mode(mode).value,
        destination=destination,
        limit=_PAGE,
    )

    async def read(connection: Connection) -> list[RuleView]:
        page = await list_rules(by_name, connection, CLOCK, query)
        found = list(page.rules or ())
        while page.after:
            further = msgspec.structs.replace(query, after=page.after)
            page = await list_rules(by_name, connection, CLOCK, further)
            found += page.rules or ()
        return found

    found = with_redis(read)
    if json:
        click.echo(as_json({"rules": found}))
        return
    heading = ("RULE", "MODE", "SEVERITY", "MATCHES/MIN", "ERRORS/H", "ALERTS/H", "SUPPRESSED/H")
    print_table([(*heading, "LAST ALERT", "FILE"), *map(_row, found)])


@rules.command(name="show")
@click.argument("name", shell_complete=complete_rule)
@rules_option
@click.option("--json", "json", is_flag=True, help="Print JSON.")
def show_command(name: str, rules: Path | None, *, json: bool) -> None:
    """Show one rule: its text, and what it has done in the last day."""
    rule = _rule(load_rules(folder_or_default(rules)).rules.by_name, name)
    shown = with_redis(lambda connection: show_rule(rule, connection, CLOCK))
    if json:
        click.echo(as_json(shown))
        return
    for label, text in _facts(shown):
        if text:
            echo(f"{label:<14}{text}")
    echo(f"\n{shown.text}")


def _rule(by_name: dict[str, Rule], name: str) -> Rule:
    if name not in by_name:
        raise ConfigurationError(f"there is no rule {name!r}, {suggestion(name, by_name)}")
    return by_name[name]


def _row(view: RuleView) -> tuple[str, ...]:
    return (
        view.name,
        view.mode,
        view.severity,
        f"{view.matches_per_minute:g}",
        str(view.errors_last_hour),
        str(view.notified_last_hour),
        str(view.suppressed_last_hour),
        (view.last_alert_at or "")[:19],
        f"{view.file}:{view.line}",
    )


def _facts(shown: RuleDetails) -> list[tuple[str, str]]:
    view, hours = shown.rule, shown.hours
    suppressed = ", ".join(
        f"{_total(counts)} {reason}" for reason, counts in hours.suppressed.items()
    )
    return [
        ("rule", view.name),
        ("description", view.description),
        ("mode", "shadow: no destination is notified" if view.mode is Mode.SHADOW else ""),
        ("severity", view.severity),
        ("destinations", ", ".join(view.destinations)),
        ("file", f"{view.file}:{view.line}"),
        ("last match", view.last_match_at or "not in the last 8 days"),
        ("last alert", view.last_alert_at or "not in the last 8 days"),
        ("last day", f"{_total(hours.matches)} matches, {_total(hours.errors)} errors"),
        ("", f"{_total(hours.notified)} alerts notified"),
        ("suppressed", suppressed),
    ]


def _total(counts: Sequence[int]) -> int:
    return sum(counts[1:])
