"""``router preview``: what a destination would get, in the terminal or as a page."""

import os
import tempfile
from pathlib import Path
from typing import BinaryIO

import click

from router.cli.events_file import read_events
from router.cli.output import FOLDER, as_json
from router.clock import system_clock
from router.configuration.load import (
    load,
)
from router.configuration.variables import (
    MissingVariable,
)
from router.destinations.contract import Environment
from router.destinations.spec import (
    make_destination,
)
from router.errors import ConfigurationError
from router.offline.explain import preview_lines
from router.offline.preview import find_rule, resolved, sample_delivery, write_page
from router.settings.model import Settings


@click.command()
@click.argument("rule")
@click.argument("event", type=click.File("rb"))
@click.option("--destination", required=True, metavar="NAME", help="Whom it would be sent to.")
@click.option("--rules", type=FOLDER, help="The folder of rules; ROUTER_RULES otherwise.")
@click.option("--resolved", "is_resolved", is_flag=True, help="Show the alert's end.")
@click.option(
    "--html",
    "page",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write it as a page: the mail's HTML, or the message as Slack shows it.",
)
@click.option("--open", "opens", is_flag=True, help="Show that page in the browser.")
@click.option("--json", "json_wanted", is_flag=True, help="Print the preview as JSON.")
def preview(  # noqa: PLR0913 - click's way: an argument for each option
    rule: str,
    event: BinaryIO,
    destination: str,
    rules: Path | None,
    page: Path | None,
    *,
    is_resolved: bool,
    opens: bool,
    json_wanted: bool,
) -> None:
    """Show what RULE would send of EVENT (a CloudEvent in JSON), whether or not it matches."""
    settings = Settings.read(os.environ)
    configuration = load(rules or settings.rules, os.environ, missing=MissingVariable.KEEP)
    clock = system_clock()
    environment = Environment(
        egress=settings.egress,
        now=clock.now,
        on_template_error=lambda line: click.echo(line, err=True),
    )
    specs = {spec.name: spec for spec in configuration.destinations}
    if destination not in specs:
        known = ", ".join(sorted(specs)) or "none"
        raise ConfigurationError(f"there is no destination {destination!r}, there are {known}")
    made = make_destination(specs[destination], environment)
    events = read_events(event.read())
    if not events:
        raise ConfigurationError("the file holds no event")
    delivery = sample_delivery(
        find_rule(configuration, rule), events[0], destination, now=clock.now()
    )
    shown = made.preview(resolved(delivery) if is_resolved else delivery)
    if opens and page is None:
        page = Path(tempfile.mkdtemp(prefix="router-preview-")) / "preview.html"
    if page is not None:
        write_page(page, shown, made)
        click.echo(f"written to {page}")
        if opens:
            click.launch(page.absolute().as_uri())
    elif json_wanted:
        click.echo(as_json(shown))
    else:
        click.echo("\n".join(preview_lines(shown)))
