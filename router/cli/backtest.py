"""``router backtest``: the rules on events that were recorded."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import click

from router.cli.output import FOLDER, as_json
from router.configuration.load import (
    load,
)
from router.configuration.model import (
    Configuration,
)
from router.configuration.variables import (
    MissingVariable,
)
from router.offline.backtest import LINE_LIMIT, Backtest, backtest, compare
from router.offline.backtest_report import as_text, comparison_as_text
from router.settings.model import Settings


@click.command(name="backtest")
@click.argument("events", type=click.File("rb"))
@click.option("--rules", type=FOLDER, help="The folder of rules; ROUTER_RULES otherwise.")
@click.option("--against", type=FOLDER, help="Another folder, to show what is different there.")
@click.option("--json", "json_wanted", is_flag=True, help="Print everything as JSON.")
def backtest_command(
    events: BinaryIO, rules: Path | None, against: Path | None, *, json_wanted: bool
) -> None:
    """Say what the rules would have done about EVENTS (JSON Lines of CloudEvents; - for stdin).

    The clock is the events' own, nothing is sent, and no Redis is needed.
    """
    folder = rules or Settings.read(os.environ).rules
    here = _load(folder)
    if against is None:
        tally = backtest(_lines(events), _backtest(here))
        click.echo(as_json(tally) if json_wanted else as_text(tally))
        return
    there = _load(against)
    comparison = compare(_lines(events), _backtest(here), _backtest(there))
    text = comparison_as_text(comparison, str(folder), str(against))
    click.echo(as_json(comparison) if json_wanted else text)


def _load(folder: Path) -> Configuration:
    return load(folder, os.environ, missing=MissingVariable.KEEP)


def _backtest(configuration: Configuration) -> Backtest:
    names = [spec.name for spec in configuration.destinations]
    return Backtest(configuration.rules, names, configuration.silences)


def _lines(events: BinaryIO) -> Iterator[bytes]:
    """The lines, none much longer than may be."""
    while line := events.readline(LINE_LIMIT + 1):
        yield line
        while len(line) > LINE_LIMIT and not line.endswith(b"\n"):
            line = events.readline(LINE_LIMIT + 1)
