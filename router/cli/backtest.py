"""``router backtest``: evaluate the rules against recorded events."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import click

from router.cli.output import as_json
from router.cli.rules_folder import FOLDER, folder_or_default, load_rules, rules_option
from router.configuration.model import Configuration
from router.offline.backtest import LINE_LIMIT, Backtest, backtest, compare
from router.offline.backtest_report import as_text, comparison_as_text


@click.command(name="backtest")
@click.argument("events", type=click.File("rb"))
@rules_option
@click.option("--against", type=FOLDER, help="Second rules folder to compare with the first.")
@click.option("--json", "json_wanted", is_flag=True, help="Print the result as JSON.")
def backtest_command(
    events: BinaryIO, rules: Path | None, against: Path | None, *, json_wanted: bool
) -> None:
    """Evaluate the rules against recorded events.

    EVENTS is a file with one CloudEvent in JSON per line; "-" is standard input. The clock follows
    the events' own times. Nothing is sent, and no Redis is needed.
    """
    folder = folder_or_default(rules)
    first = load_rules(folder)
    if against is None:
        tally = backtest(_lines(events), _backtest(first))
        click.echo(as_json(tally) if json_wanted else as_text(tally))
        return
    second = load_rules(against)
    comparison = compare(_lines(events), _backtest(first), _backtest(second))
    text = comparison_as_text(comparison, str(folder), str(against))
    click.echo(as_json(comparison) if json_wanted else text)


def _backtest(configuration: Configuration) -> Backtest:
    names = [spec.name for spec in configuration.destinations]
    return Backtest(configuration.rules, names, configuration.silences)


def _lines(events: BinaryIO) -> Iterator[bytes]:
    """Yield the lines; a line over ``LINE_LIMIT`` bytes is cut so that memory stays bounded."""
    while line := events.readline(LINE_LIMIT + 1):
        yield line
        while len(line) > LINE_LIMIT and not line.endswith(b"\n"):
            line = events.readline(LINE_LIMIT + 1)
