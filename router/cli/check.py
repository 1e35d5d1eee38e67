"""``router check``, ``explain``, ``schema``: what the rules are and what they say of an event."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import click

from router.cli.events_file import read_events
from router.cli.output import FOLDER, as_json
from router.clock import system_clock
from router.configuration import json_schema as rules_schema
from router.configuration.diagnostics import plural, render_diagnostics
from router.configuration.load import (
    load,
)
from router.configuration.model import (
    Configuration,
)
from router.configuration.variables import (
    MissingVariable,
)
from router.destinations.contract import Environment
from router.destinations.spec import (
    make_destination,
)
from router.errors import Diagnostic, Level, RulesError
from router.events import json_schema as events_schema
from router.offline.explain import as_text, explain
from router.offline.rule_tests import schema as tests_schema
from router.offline.rule_tests.reading import read_tests
from router.settings.model import Settings


@click.command()
@click.argument("rules", type=FOLDER, required=False)
@click.option("--strict", is_flag=True, help="Let warnings count: exit code 1 for them, too.")
@click.option("--json", "json_wanted", is_flag=True, help="Print the findings as JSON.")
def check(rules: Path | None, *, strict: bool, json_wanted: bool) -> None:
    """Check a folder of rules and their tests; ROUTER_RULES (or rules/) where none is named."""
    folder = rules or Settings.read(os.environ).rules
    configuration, findings = _checked(folder)
    unset = {
        spec.name: spec.missing_variables
        for spec in (configuration.destinations if configuration else ())
        if spec.missing_variables
    }
    if json_wanted:
        click.echo(as_json({"findings": findings, "unset": unset}))
    else:
        if findings:
            click.echo(render_diagnostics(findings, color=sys.stdout.isatty()))
        if configuration:
            click.echo(_counted(folder, configuration, findings))
        for name, variables in unset.items():
            click.echo(f"note: destination {name} needs {', '.join(variables)}, not set here")
    is_refused = any(finding.level is Level.ERROR for finding in findings)
    sys.exit(is_refused or (strict and bool(findings)))


def _checked(folder: Path) -> tuple[Configuration | None, list[Diagnostic]]:
    """The folder's configuration, if it has one, and all that is found in it and in its tests."""
    findings: list[Diagnostic] = []
    configuration = None
    try:
        configuration = load(folder, os.environ, missing=MissingVariable.KEEP)
        findings += configuration.warnings
        findings += read_tests(folder, configuration).warnings
    except RulesError as error:
        findings += error.diagnostics
    return configuration, findings


def _counted(folder: Path, configuration: Configuration, findings: Sequence[Diagnostic]) -> str:
    counts = (
        plural(len(configuration.rules.rules), "rule"),
        plural(len(configuration.destinations), "destination"),
    )
    errors = sum(finding.level is Level.ERROR for finding in findings)
    found = plural(errors, "error") if errors else "no errors" if findings else "nothing found"
    return f"{folder}: {counts[0]}, {counts[1]}, {found}"


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
    click.echo(as_json(rules_schema.json_schema()))


@schema.command(name="events")
def schema_events() -> None:
    """Of the events that the router knows, which conditions are checked against."""
    click.echo(as_json(events_schema.json_schema()))


@schema.command(name="tests")
def schema_tests() -> None:
    """Of a file of rule tests, for completion in editors."""
    click.echo(as_json(tests_schema.json_schema()))
