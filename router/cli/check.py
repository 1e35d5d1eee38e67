"""``router check``: report the errors and warnings of a rules folder and its tests."""

import itertools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from router.cli.output import as_json, echo, has_color
from router.cli.rules_folder import FOLDER, folder_or_default, load_rules
from router.clock import system_clock
from router.configuration.diagnostics import plural, render_diagnostics
from router.configuration.model import Configuration
from router.errors import Diagnostic, Level, RulesError
from router.offline.rule_tests.reading import read_tests
from router.rules.event_types import unchecked

_LISTED: Final = 20
"""Rules that notes name."""


@click.command()
@click.argument("rules", type=FOLDER, required=False)
@click.option("--strict", is_flag=True, help="Exit with code 1 for warnings too.")
@click.option("--json", "json_wanted", is_flag=True, help="Print the findings as JSON.")
def check(rules: Path | None, *, strict: bool, json_wanted: bool) -> None:
    """Check a rules folder and its tests.

    RULES is the folder; the default is ROUTER_RULES, or rules. Nothing is sent, no Redis is needed,
    and variables of destinations need not be set. Exit code 1 means errors.
    """
    folder = folder_or_default(rules)
    configuration, findings = _check(folder)
    unset = {
        spec.name: spec.missing_variables
        for spec in (configuration.destinations if configuration else ())
        if spec.missing_variables
    }
    unused = _unused(configuration) if configuration else []
    without_schema = _without_schema(configuration) if configuration else {}
    if json_wanted:
        click.echo(
            as_json(
                {
                    "findings": findings,
                    "unset": unset,
                    "unchecked": without_schema,
                    "unused": unused,
                }
            )
        )
    else:
        if findings:
            click.echo(render_diagnostics(findings, color=has_color(sys.stdout)))
        if configuration:
            echo(_summary(folder, configuration, findings))
        for name, variables in unset.items():
            echo(f"note: destination {name} needs {', '.join(variables)}, not set here")
        for name in unused:
            echo(f"note: destination {name} is used by no rule and no route")
        for name, types in itertools.islice(without_schema.items(), _LISTED):
            echo(f"note: rule {name}: fields are not checked: type unknown: {', '.join(types)}")
        if len(without_schema) > _LISTED:
            echo(f"note: fields of {len(without_schema) - _LISTED} more rules are not checked")
    has_errors = any(finding.level is Level.ERROR for finding in findings)
    sys.exit(has_errors or (strict and bool(findings)))


def _check(folder: Path) -> tuple[Configuration | None, list[Diagnostic]]:
    """Return the configuration, None if it has errors, and all findings."""
    findings: list[Diagnostic] = []
    configuration = None
    try:
        configuration = load_rules(folder, now=system_clock().now())
        findings += configuration.warnings
        findings += read_tests(folder, configuration).warnings
    except RulesError as error:
        if any(Path(each.file) == folder for each in error.diagnostics):
            raise  # the argument is wrong, not the rules
        findings += error.diagnostics
    return configuration, findings


def _unused(configuration: Configuration) -> list[str]:
    """Return the destinations that no alert of any rule goes to."""
    used: set[str] = set()
    for rule in configuration.rules.rules:
        used |= set(rule.send_to)
        used |= rule.routing.destinations if rule.routing is not None else set()
        used |= {name for feature in rule.features.all for name in feature.destinations}
    return [spec.name for spec in configuration.destinations if spec.name not in used]


def _without_schema(configuration: Configuration) -> dict[str, tuple[str, ...]]:
    """Return the unknown event types of each rule that has expressions over them, by its name."""
    found = {
        rule.name: unchecked(
            pattern
            for watch in rule.watches
            if watch.condition is not None or (watch.ends or rule.features.identity)
            for pattern in watch.events
        )
        for rule in configuration.rules.rules
    }
    return {name: types for name, types in found.items() if types}


def _summary(folder: Path, configuration: Configuration, findings: Sequence[Diagnostic]) -> str:
    counts = (
        plural(len(configuration.rules.rules), "rule"),
        plural(len(configuration.destinations), "destination"),
    )
    errors = sum(finding.level is Level.ERROR for finding in findings)
    found = plural(errors, "error") if errors else "no errors" if findings else "nothing found"
    return f"{folder}: {counts[0]}, {counts[1]}, {found}"
