"""``router sample``: print a sample event of a documented type, or list the types."""

import itertools

import click

from router.cli.documented_type import DocumentedType
from router.cli.output import as_json, echo
from router.events.type_sample import TypeLine, type_lines, type_sample


@click.command()
@click.argument("event_type", metavar="[TYPE]", type=DocumentedType(patterns=True), required=False)
@click.option("--json", "json_wanted", is_flag=True, help="List the types as JSON.")
def sample(event_type: str | None, *, json_wanted: bool) -> None:
    """Print a sample event of a Twilio event type.

    TYPE is a documented type, for example com.twilio.messaging.message.failed. Without it, or with
    the beginning of some and a "*", the types are listed by product. router explain and router send
    read what is printed.
    """
    if event_type is None or event_type.endswith("*"):
        beginning = (event_type or "").removesuffix("*")
        lines = [line for line in type_lines() if line.type.startswith(beginning)]
        click.echo(as_json(lines)) if json_wanted else _list(lines)
        return
    event = type_sample(event_type)
    click.echo(as_json(event))
    if not event["data"]:
        echo(f"note: the fields of {event_type} are not known; its data is empty here", err=True)


def _list(lines: list[TypeLine]) -> None:
    for product, group in itertools.groupby(lines, key=lambda line: line.product):
        types = list(group)
        width = max(len(line.type) for line in types)
        echo(f"{product}:")
        for line in types:
            echo(f"  {line.type:<{width}}  {line.about}{_remark(line)}")


def _remark(line: TypeLine) -> str:
    remarks = [line.status] if line.status != "available" else []
    remarks += [] if line.is_checked else ["fields not known"]
    return f" ({', '.join(remarks)})" if remarks else ""
