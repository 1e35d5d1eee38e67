"""``router schema``: print the JSON Schemas of rules files, test files and known events."""

import click

from router.cli.output import as_json
from router.configuration import json_schema as rules_schema
from router.events import json_schema as events_schema
from router.offline.rule_tests import schema as tests_schema


@click.group()
def schema() -> None:
    """Print a JSON Schema for rules, tests or events."""


@schema.command(name="rules")
def schema_rules() -> None:
    """Print the schema of a rules file.

    Editors complete and check YAML files with it.
    """
    click.echo(as_json(rules_schema.json_schema()))


@schema.command(name="events")
def schema_events() -> None:
    """Print the schema of the known event types.

    router check checks conditions against it.
    """
    click.echo(as_json(events_schema.json_schema()))


@schema.command(name="tests")
def schema_tests() -> None:
    """Print the schema of a file of rule tests.

    Editors complete and check YAML files with it.
    """
    click.echo(as_json(tests_schema.json_schema()))
