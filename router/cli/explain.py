"""``router explain``: which rules match an event, why, and what they would send."""

from pathlib import Path
from typing import BinaryIO

import click

from router.cli.event_file import EventFile
from router.cli.explained_state import read_standings
from router.cli.output import as_json, echo
from router.cli.rules_folder import (
    folder_or_default,
    load_rules,
    preview_environment,
    read_events,
    rules_option,
)
from router.clock import system_clock
from router.destinations.spec import make_destination
from router.errors import ConfigurationError
from router.offline.explain import as_text, explain
from router.offline.rule_states import RuleStanding, state_questions


@click.command(name="explain")
@click.argument("event", type=EventFile())
@rules_option
@click.option(
    "--live/--offline",
    "live",
    default=None,
    help="Whether to read the state of rules.  [default: if Redis can be reached]",
)
@click.option("--json", "json_wanted", is_flag=True, help="Print the explanation as JSON.")
def explain_command(
    event: BinaryIO, rules: Path | None, *, live: bool | None, json_wanted: bool
) -> None:
    """Explain which rules match an event and what they send.

    EVENT is a file with a CloudEvent in JSON, or an array of them; "-" is standard input. Nothing
    is sent or stored. What rules have counted and measured by now, and the alerts that are firing,
    are read from the Redis at ROUTER_REDIS_URL, if it can be reached.
    """
    clock = system_clock()
    configuration = load_rules(folder_or_default(rules))
    environment = preview_environment(clock)
    destinations = [make_destination(spec, environment) for spec in configuration.destinations]
    for decoded in read_events(event, clock):
        now = clock.now()
        questions = [] if live is False else state_questions(decoded, configuration.rules, now=now)
        standings: dict[str, RuleStanding] = {}
        if questions:
            try:
                standings = read_standings(questions)
            except ConfigurationError as error:
                if live:
                    raise
                live = False  # the next event need not wait for the same
                echo(
                    f"note: the state of rules was not read; --offline does not try: {error}",
                    err=True,
                )
        explanation = explain(
            decoded, configuration.rules, destinations, now=now, standings=standings
        )
        click.echo(as_json(explanation) if json_wanted else as_text(explanation))
