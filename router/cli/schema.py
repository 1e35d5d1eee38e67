"""``router schema``: print the JSON Schemas of rules files, test files and known events."""

import click

from router.cli.documented_type import DocumentedType
from router.cli.output import as_json
from router.cli.usage_hints import HintingGroup
from router.configuration import json_schema as rules_schema
from router.events import json_schema as events_schema
from router.offline.rule_tests import schema as tests_schema


@click.group(cls=HintingGroup)
def schema() -> None:
    """Print a JSON Schema for rules, tests or events."""


@schema.command(name="rules")
def schema_rules() -> None:
    """Print the schema of a rules file.

    Editors complete and check YAML files with it.
    """
    click.echo(as_json(rules_schema.json_schema()))


@schema.command(name="events")
@click.argument("event_type", metavar="[TYPE]", type=DocumentedType(), required=False)
def schema_events(event_type: str | None) -> None:
    """Print the schema of the known event types.

    router check checks conditions against it. TYPE limits the schema to one type, for example
    com.twilio.messaging.message.failed.
    """
    if event_type is None:
        click.echo(as_json(events_schema.json_schema()))
    else:
        click.echo(as_json(events_schema.json_schema_of(event_type)))


@schema.command(name="tests")
def schema_tests() -> None:
    """Print the schema of a file of rule tests.

    Editors complete and check YAML files with it.
    """
    click.echo(as_json(tests_schema.json_schema()))
