"""``router sources``: list them, show refused requests and presets, and try requests."""

import os
from pathlib import Path

import click

from router.api.source_reading import SourceReader
from router.api.source_views import (
    RefusalView,
    SourceDetails,
    SourceView,
    views_without_counts,
)
from router.cli.completion import complete_source, completing
from router.cli.known_names import unknown_source_name
from router.cli.output import as_json, echo
from router.cli.redis_commands import CLOCK, print_table, with_redis
from router.cli.rules_folder import folder_or_default, load_rules, rules_option
from router.cli.source_test import test_source
from router.cli.usage_hints import HintingGroup
from router.configuration.readers.sources import preset_names, preset_parts, preset_yaml
from router.errors import ConfigurationError
from router.journal.connection import Connection
from router.journal.source_log import REFUSALS_LIMIT
from router.settings.model import Settings
from router.suggestions import suggestion


@click.group(cls=HintingGroup)
def sources() -> None:
    """List sources, show their refusals and presets, and try requests.

    A source is a sender of events, described in the section "sources" of the rules folder; /twilio and
    /events are sources that every router has. Counts are read from the Redis at ROUTER_REDIS_URL.
    """


sources.add_command(test_source)


@sources.command(name="list")
@rules_option
@click.option("--json", "json", is_flag=True, help="Print JSON.")
def list_sources(rules: Path | None, *, json: bool) -> None:
    """List sources with how they are verified and what came of their requests.

    Without Redis the counts are left out.
    """
    of_folder = load_rules(folder_or_default(rules)).sources
    settings = Settings.read(os.environ)

    async def read(connection: Connection) -> list[SourceView]:
        return await SourceReader(
            connection, CLOCK, settings, lambda: of_folder, receives=False
        ).all()

    has_counts = True
    try:
        views = with_redis(read)
    except ConfigurationError as error:
        echo(f"note: counts were not read: {error}", err=True)
        views, has_counts = views_without_counts(settings, of_folder), False
    if json:
        click.echo(as_json({"sources": views, "has_counts": has_counts}))
        return
    heading = ("SOURCE", "PATH", "PRESET", "VERIFIED BY", "RATE")
    counted = ("STATE", "ACCEPTED", "REFUSED", "LAST REFUSAL")
    if has_counts:
        print_table([heading + counted, *(_facts(each) + _counts(each) for each in views)])
    else:
        print_table([heading, *map(_facts, views)])


@sources.command()
@click.argument("name", shell_complete=complete_source)
@rules_option
@click.option(
    "--limit",
    type=click.IntRange(1, REFUSALS_LIMIT),
    default=20,
    show_default=True,
    help="Requests to show, the newest first.",
)
@click.option("--json", "json", is_flag=True, help="Print JSON.")
def refusals(name: str, rules: Path | None, limit: int, *, json: bool) -> None:
    """Show the last requests of a source that were refused, and why.

    NAME is a source of the rules folder, twilio, events, or unknown for requests to paths below /in/
    that no source has.
    """
    of_folder = load_rules(folder_or_default(rules)).sources
    settings = Settings.read(os.environ)

    async def read(connection: Connection) -> SourceDetails:
        reader = SourceReader(connection, CLOCK, settings, lambda: of_folder, receives=False)
        found = await reader.one(name, limit=limit)
        if found is None:
            raise unknown_source_name(name, reader.names())
        return found

    found = with_redis(read)
    if json:
        click.echo(as_json({"refused": found.refused, "refusals": found.refusals}))
        return
    for refusal in found.refusals:
        _print_refusal(refusal)
    if not found.refusals:
        echo(f"no request of {name} was refused in 30 days")
    elif found.refused > len(found.refusals):
        echo(f"the newest {len(found.refusals)} of {found.refused}")


@sources.command()
@click.argument(
    "name", required=False, shell_complete=completing(lambda: dict.fromkeys(preset_names(), ""))
)
def preset(name: str | None) -> None:
    """List the presets, or print the YAML of one.

    A source with "preset: NAME" has the keys of the preset; those that it has itself override them.
    """
    names = preset_names()
    if name is None:
        abouts = [(each, preset_parts(each).text.about) for each in names]
        print_table([("PRESET", "ABOUT"), *abouts])
        return
    if name not in names:
        raise ConfigurationError(f"there is no preset {name!r}, {suggestion(name, names)}")
    click.echo(preset_yaml(name), nl=False)


def _facts(view: SourceView) -> tuple[str, ...]:
    verified = "-" if view.verified_by is None else ", ".join(view.verified_by) or "nothing"
    return (view.name, view.path or "-", view.preset or "-", verified, view.rate or "-")


def _counts(view: SourceView) -> tuple[str, ...]:
    last = view.last_refusal
    shown = "-" if last is None else f"{last.at[:19]} {last.status} {last.reason}"
    return (view.state, str(view.accepted), str(view.refused), shown)


def _print_refusal(refusal: RefusalView) -> None:
    client = f" from {refusal.client}" if refusal.client else ""
    echo(f"{refusal.at[:19]}  {refusal.status} {refusal.method} {refusal.path}{client}")
    echo(f"  {refusal.reason}")
    if refusal.hint:
        echo(f"  hint: {refusal.hint}")
