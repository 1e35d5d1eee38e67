"""``router test``: run the tests of a rules folder."""

import sys
from pathlib import Path

import click

from router.cli.folder_path import OutputPath
from router.cli.output import as_json, echo, has_color
from router.cli.rules_folder import FOLDER, folder_or_default, load_rules
from router.configuration.diagnostics import render_diagnostics
from router.errors import ConfigurationError
from router.offline.rule_tests import report
from router.offline.rule_tests.reading import FOLDER as TESTS
from router.offline.rule_tests.reading import read_tests
from router.offline.rule_tests.running import run_case
from router.quantities import counted


@click.command()
@click.argument("rules", type=FOLDER, required=False)
@click.option("-k", "only", default="", metavar="TEXT", help="Run tests whose name contains TEXT.")
@click.option(
    "--strict", is_flag=True, help="Fail for rules that no test shows to match and not to match."
)
@click.option("--junit", type=OutputPath(), help="Write JUnit XML to this file.")
@click.option("--json", "json_wanted", is_flag=True, help="Print the results as JSON.")
def test(
    rules: Path | None, only: str, junit: Path | None, *, strict: bool, json_wanted: bool
) -> None:
    """Run the tests of a rules folder.

    RULES is the folder; the default is ROUTER_RULES, or rules. The tests are the files in its
    subfolder tests. Exit code 1 means that a test failed.
    """
    folder = folder_or_default(rules)
    configuration = load_rules(folder)
    tests = read_tests(folder, configuration)
    cases = [case for case in tests.cases if only in case.name]
    if tests.cases and not cases:
        count = counted(len(tests.cases), "test")
        raise ConfigurationError(f"-k {only}: none of {count} has this in its name")
    names = [rule.name for rule in configuration.rules.rules]
    results = [run_case(case, configuration.rules, configuration.silences) for case in cases]
    summary = report.summarise(results, names)
    if junit is not None:
        junit.write_text(report.as_junit(summary), encoding="utf-8")
    if json_wanted:
        click.echo(as_json(summary))
    else:
        if tests.warnings:
            click.echo(render_diagnostics(tests.warnings, color=has_color(sys.stdout)) + "\n")
        click.echo(report.as_text(summary, color=has_color(sys.stdout)))
    if not cases:
        echo(f"no tests found, write them in {folder / TESTS}", err=True)
    is_complete = summary.coverage.is_complete or bool(only)
    sys.exit(bool(summary.failed) or (strict and not is_complete))
