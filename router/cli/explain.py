"""``router explain``: which rules match an event, why, and what they would send."""

from pathlib import Path
from typing import BinaryIO

import click

from router.cli.output import as_json
from router.cli.rules_folder import (
    folder_or_default,
    load_rules,
    preview_environment,
    read_events,
    rules_option,
)
from router.clock import system_clock
from router.destinations.spec import make_destination
from router.offline.explain import as_text, explain


@click.command(name="explain")
@click.argument("event", type=click.File("rb"))
@rules_option
@click.option("--json", "json_wanted", is_flag=True, help="Print the explanation as JSON.")
def explain_command(event: BinaryIO, rules: Path | None, *, json_wanted: bool) -> None:
    """Explain which rules match an event and what they send.

    EVENT is a file with a CloudEvent in JSON, or an array of them; "-" is standard input. Nothing
    is sent, and no Redis is needed.
    """
    clock = system_clock()
    configuration = load_rules(folder_or_default(rules))
    environment = preview_environment(clock)
    destinations = [make_destination(spec, environment) for spec in configuration.destinations]
    for decoded in read_events(event, clock):
        explanation = explain(decoded, configuration.rules, destinations, now=clock.now())
        click.echo(as_json(explanation) if json_wanted else as_text(explanation))
