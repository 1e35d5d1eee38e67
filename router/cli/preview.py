"""``router preview``: the message that a destination would get, in the terminal or as a page."""

import tempfile
from pathlib import Path
from typing import BinaryIO

import click

from router.cli.completion import complete_destination, complete_rule
from router.cli.event_file import EventFile
from router.cli.folder_path import OutputPath
from router.cli.known_names import unknown_destination
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
from router.offline.explain import duty_line, preview_lines
from router.offline.preview import (
    PreviewMoment,
    at_moment,
    duty_states,
    find_rule,
    sample_delivery,
    write_page,
)


@click.command()
@click.argument("rule", shell_complete=complete_rule)
@click.argument("event", type=EventFile())
@click.option(
    "--destination",
    required=True,
    shell_complete=complete_destination,
    metavar="NAME",
    help="Destination to render for.",
)
@rules_option
@click.option("--late", "moment", flag_value="late", help="Show the message after a mute time.")
@click.option("--reminder", "moment", flag_value="reminder", help="Show the message of a reminder.")
@click.option("--resolved", "moment", flag_value="resolved", help="Show the resolved message.")
@click.option(
    "--html",
    "page",
    type=OutputPath(),
    help="Write an HTML page: the e-mail, or the message as Slack shows it.",
)
@click.option("--open", "opens", is_flag=True, help="Open that page in the browser.")
@click.option("--json", "json_wanted", is_flag=True, help="Print the preview as JSON.")
def preview(  # noqa: PLR0913 - click passes an argument for each option
    rule: str,
    event: BinaryIO,
    destination: str,
    rules: Path | None,
    moment: str | None,
    page: Path | None,
    *,
    opens: bool,
    json_wanted: bool,
) -> None:
    """Show the message that a rule sends for an event.

    RULE is the name of a rule, which need not match. EVENT is a file with a CloudEvent in JSON;
    "-" is standard input. Nothing is sent, and no Redis is needed.
    """
    clock = system_clock()
    configuration = load_rules(folder_or_default(rules))
    specs = {spec.name: spec for spec in configuration.destinations}
    if destination not in specs:
        raise unknown_destination(destination, specs)
    rendered_by = make_destination(specs[destination], preview_environment(clock))
    events = read_events(event, clock)
    found = find_rule(configuration, rule)
    delivery = sample_delivery(found, events[0], destination, now=clock.now())
    for state in duty_states(found, events[0], destination, now=clock.now()):
        echo(f"note: {duty_line(state)}", err=True)
    shown = rendered_by.preview(
        at_moment(delivery, PreviewMoment(moment or PreviewMoment.BEGINNING))
    )
    if opens and page is None:
        page = Path(tempfile.mkdtemp(prefix="router-preview-")) / "preview.html"
    if page is not None:
        write_page(page, shown, rendered_by)
        echo(f"written to {page}")
        if opens:
            click.launch(page.absolute().as_uri())
    elif json_wanted:
        click.echo(as_json(shown))
    else:
        echo("\n".join(preview_lines(shown)))
