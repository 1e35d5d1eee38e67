"""``router backtest``: evaluate the rules against recorded events, or against those of history."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import click

from router.cli.event_file import EventFile
from router.cli.output import as_json
from router.cli.past_events import record_history
from router.cli.redis_commands import parse_age
from router.cli.rules_folder import FOLDER, folder_or_default, load_rules, rules_option
from router.configuration.model import Configuration
from router.datatypes import Duration
from router.errors import ConfigurationError
from router.offline.backtest import LINE_LIMIT, Backtest, ComparedRuns, Recorder, record
from router.offline.backtest_report import as_text, comparison_as_text
from router.rules.state.feature import span_text
from router.timestamps import CLOCK_TOLERANCE


@click.command(name="backtest")
@click.argument("events", type=EventFile(), required=False)
@click.option(
    "--from-history",
    "age",
    metavar="AGE",
    callback=parse_age,
    help="Take the events of the last 24h, for example, from history instead of a file.",
)
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
    events: BinaryIO | None,
    age: float | None,
    rules: Path | None,
    against: Path | None,
    clock_tolerance: str,
    *,
    json_wanted: bool,
) -> None:
    """Evaluate the rules against recorded events.

    EVENTS is a file with one CloudEvent in JSON per line; "-" is standard input. With --from-history
    they are those that came in, from the Redis at ROUTER_REDIS_URL. The clock follows the events' own
    times. Nothing is sent or stored.
    """
    if (events is None) == (age is None):
        raise ConfigurationError("give a file of EVENTS, or --from-history 24h")
    try:
        tolerance = Duration.parse(clock_tolerance)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--clock-tolerance") from None
    folder = folder_or_default(rules)
    here = _backtest(load_rules(folder), tolerance)
    if against is None:
        _run(events, age, here, here)
        click.echo(as_json(here.tally) if json_wanted else as_text(here.tally))
        return
    there = _backtest(load_rules(against), tolerance)
    runs = ComparedRuns(here, there)
    _run(events, age, runs, here, there)
    text = comparison_as_text(runs.comparison, str(folder), str(against))
    click.echo(as_json(runs.comparison) if json_wanted else text)


def _run(events: BinaryIO | None, age: float | None, runs: Recorder, *backtests: Backtest) -> None:
    """Run the recording, a file or that part of history, to its end."""
    if events is not None:
        record(_lines(events), runs)
    elif age is not None:
        history = record_history(age, runs)
        for each in backtests:
            each.tally.history = history


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
