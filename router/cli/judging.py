"""``router check``, ``explain``, ``schema``: what the rules are and what they say of an event."""

import os
import sys
from pathlib import Path
from typing import BinaryIO, Final

import click

from router.app import system_clock
from router.cli.terminal import FOLDER, as_json, read_events
from router.configuration import MissingVariable, load
from router.destinations import Environment
from router.errors import RulesError
from router.explaining import as_text, explain
from router.findings import render_findings
from router.rules_schema import json_schema
from router.settings import Settings
from router.worker.roster import make_destination


@click.command()
@click.argument("rules", type=FOLDER, required=False)
@click.option("--json", "json_wanted", is_flag=True, help="Print the findings as JSON.")
def check(rules: Path | None, *, json_wanted: bool) -> None:
    """Check a folder of rules; ROUTER_RULES (or rules/) where none is named."""
    folder = rules or Settings.read(os.environ).rules
    try:
        configuration = load(folder, os.environ, missing=MissingVariable.KEEP)
    except RulesError as error:
        if json_wanted:
            click.echo(as_json({"findings": error.findings}))
        else:
            click.echo(render_findings(error.findings, color=sys.stdout.isatty()))
        sys.exit(1)
    missing = {
        spec.name: spec.missing_variables
        for spec in configuration.destinations
        if spec.missing_variables
    }
    if json_wanted:
        click.echo(as_json({"findings": [], "unset": missing}))
        return
    counts = (len(configuration.rules.rules), len(configuration.destinations))
    click.echo(f"{folder}: {counts[0]} rules, {counts[1]} destinations, nothing found")
    for name, variables in missing.items():
        click.echo(f"note: destination {name} needs {', '.join(variables)}, not set here")


@click.command(name="explain")
@click.argument("event", type=click.File("rb"))
@click.option("--rules", type=FOLDER, help="The folder of rules; ROUTER_RULES otherwise.")
@click.option("--json", "json_wanted", is_flag=True, help="Print the explanation as JSON.")
def explain_command(event: BinaryIO, rules: Path | None, *, json_wanted: bool) -> None:
    """Say which rules match EVENT (a CloudEvent in JSON), why, and what would be sent."""
    settings = Settings.read(os.environ)
    configuration = load(rules or settings.rules, os.environ, missing=MissingVariable.KEEP)
    clock = system_clock()
    environment = Environment(
        egress=settings.egress,
        now=clock.now,
        on_template_error=lambda line: click.echo(line, err=True),
    )
    destinations = [make_destination(spec, environment) for spec in configuration.destinations]
    for one in read_events(event.read()):
        explanation = explain(one, configuration.rules, destinations, now=clock.now())
        if json_wanted:
            click.echo(as_json(explanation))
        else:
            click.echo(as_text(explanation))


@click.group()
def schema() -> None:
    """Print a JSON Schema."""


@schema.command(name="rules")
def schema_rules() -> None:
    """Of a file in the rules folder, for completion in editors."""
    click.echo(as_json(json_schema()))


COMMANDS: Final = (check, explain_command, schema)
