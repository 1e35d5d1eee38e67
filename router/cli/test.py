"""``router test``: the rules are proved by examples."""

import os
import sys
from pathlib import Path

import click

from router.cli.output import FOLDER, as_json
from router.configuration.diagnostics import render_diagnostics
from router.configuration.load import (
    load,
)
from router.configuration.variables import (
    MissingVariable,
)
from router.offline.rule_tests import report
from router.offline.rule_tests.reading import FOLDER as TESTS
from router.offline.rule_tests.reading import read_tests
from router.offline.rule_tests.running import run_case
from router.settings.model import Settings


@click.command()
@click.argument("rules", type=FOLDER, required=False)
@click.option("-k", "only", default="", metavar="TEXT", help="Only tests with this in their name.")
@click.option("--strict", is_flag=True, help="Fail, too, for rules that no test shows at work.")
@click.option(
    "--junit", type=click.Path(dir_okay=False, path_type=Path), help="Write JUnit's XML here."
)
@click.option("--json", "json_wanted", is_flag=True, help="Print the results as JSON.")
def test(
    rules: Path | None, only: str, junit: Path | None, *, strict: bool, json_wanted: bool
) -> None:
    """Run the tests of a folder of rules: the files in its folder `tests`."""
    folder = rules or Settings.read(os.environ).rules
    configuration = load(folder, os.environ, missing=MissingVariable.KEEP)
    tests = read_tests(folder, configuration)
    cases = [case for case in tests.cases if only in case.name]
    names = [rule.name for rule in configuration.rules.rules]
    results = [run_case(case, configuration.rules, configuration.silences) for case in cases]
    summary = report.summarise(results, names)
    if junit is not None:
        junit.write_text(report.as_junit(summary), encoding="utf-8")
    if json_wanted:
        click.echo(as_json(summary))
    else:
        if tests.warnings:
            click.echo(render_diagnostics(tests.warnings, color=sys.stdout.isatty()) + "\n")
        click.echo(report.as_text(summary, color=sys.stdout.isatty()))
    if not cases:
        click.echo(f"no tests: write them in {folder / TESTS}", err=True)
    whole = summary.coverage.is_whole or bool(only)
    sys.exit(bool(summary.failed) or (strict and not whole))
