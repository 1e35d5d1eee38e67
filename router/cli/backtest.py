"""``router backtest``: evaluate the rules against recorded events."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import click

from router.cli.output import as_json
from router.cli.rules_folder import FOLDER, folder_or_default, load_rules, rules_option
from router.configuration.model import Configuration
from router.datatypes import Duration
from router.offline.backtest import LINE_LIMIT, Backtest, backtest, compare
from router.offline.backtest_report import as_text, comparison_as_text
from router.rules.state.feature import span_text
from router.timestamps import CLOCK_TOLERANCE


@click.command(name="backtest")
@click.argument("events", type=click.File("rb"))
@rules_option
@click.option("--against", type=FOLDER, help="Second rules folder to compare with the first.")
@click.option(
    "--clock-tolerance",
    default=span_text(CLOCK_TOLERANCE),
    show_default=True,
    help="By how much the clocks of senders differ, as ROUTER_CLOCK_TOLERANCE.",
)
@click.option("--json", "json_wanted", is_flag=True, help="Print the result as JSON.")
def backtest_command(
    events: BinaryIO,
    rules: Path | None,
    against: Path | None,
    clock_tolerance: str,
    *,
    json_wanted: bool,
) -> None:
    """Evaluate the rules against recorded events.

    EVENTS is a file with one CloudEvent in JSON per line; "-" is standard input. The clock follows
    the events' own times. Nothing is sent, and no Redis is needed.
    """
    try:
        tolerance = Duration.parse(clock_tolerance)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--clock-tolerance") from None
    folder = folder_or_default(rules)
    first = load_rules(folder)
    if against is None:
        tally = backtest(_lines(events), _backtest(first, tolerance))
        click.echo(as_json(tally) if json_wanted else as_text(tally))
        return
    second = load_rules(against)
    runs = _backtest(first, tolerance), _backtest(second, tolerance)
    comparison = compare(_lines(events), *runs)
    text = comparison_as_text(comparison, str(folder), str(against))
    click.echo(as_json(comparison) if json_wanted else text)


def _backtest(configuration: Configuration, clock_tolerance: float) -> Backtest:
    names = [spec.name for spec in configuration.destinations]
    return Backtest(
        configuration.rules, names, configuration.silences, clock_tolerance=clock_tolerance
    )


def _lines(events: BinaryIO) -> Iterator[bytes]:
    """Yield the lines; a line over ``LINE_LIMIT`` bytes is cut so that memory stays bounded."""
    while line := events.readline(LINE_LIMIT + 1):
        yield line
        while len(line) > LINE_LIMIT and not line.endswith(b"\n"):
            line = events.readline(LINE_LIMIT + 1)
