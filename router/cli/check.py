"""``router check``: report the errors and warnings of a rules folder and its tests."""

import itertools
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import click
import msgspec

from router.cli.output import as_json, echo, has_color
from router.cli.rules_folder import FOLDER, folder_or_default
from router.clock import system_clock
from router.configuration.diagnostics import render_diagnostics
from router.configuration.model import Configuration
from router.destinations.spec import DestinationSpec
from router.errors import Diagnostic, Level
from router.events.schemas import KNOWN_TYPES
from router.offline.folder_check import check_folder
from router.quantities import counted
from router.rules.event_types import unchecked
from router.rules.unchecked_fields import unchecked_fields
from router.sources.spec import SourceSpec

_LISTED: Final = 20
"""Rules that notes name."""


class _Notes(msgspec.Struct, frozen=True):
    """Facts about the folder that are no faults."""

    unset: dict[str, tuple[str, ...]] = {}
    """Variables that are not set here, by destination."""
    unset_of_sources: dict[str, tuple[str, ...]] = {}
    """The same by source."""
    unchecked: dict[str, tuple[str, ...]] = {}
    """Event types of which no field is known, by rule."""
    unchecked_fields: dict[str, tuple[str, ...]] = {}
    """Documented fields of unknown form that conditions read, by rule."""
    unused: list[str] = []
    """Destinations that no alert goes to."""

    def lines(self) -> Iterator[str]:
        """Yield the notes as sentences."""
        for name, variables in self.unset.items():
            yield f"destination {name} needs {', '.join(variables)}, not set here"
        for name, variables in self.unset_of_sources.items():
            yield f"source {name} needs {', '.join(variables)}, not set here"
        for name in self.unused:
            yield f"destination {name} is used by no rule and no route"
        for name, types in itertools.islice(self.unchecked.items(), _LISTED):
            yield f"rule {name}: fields are not checked: {_why_unchecked(types)}"
        if len(self.unchecked) > _LISTED:
            yield f"fields of {len(self.unchecked) - _LISTED} more rules are not checked"
        for name, fields in itertools.islice(self.unchecked_fields.items(), _LISTED):
            of = ", ".join(fields)
            yield f"rule {name}: not checked, because its form is not documented: {of}"


@click.command()
@click.argument("rules", type=FOLDER, required=False)
@click.option("--strict", is_flag=True, help="Exit with code 1 for warnings too.")
@click.option("--json", "json_wanted", is_flag=True, help="Print the findings as JSON.")
def check(rules: Path | None, *, strict: bool, json_wanted: bool) -> None:
    """Check a rules folder and its tests.

    RULES is the folder; the default is ROUTER_RULES, or rules. Nothing is sent, no Redis is needed,
    and variables need not be set. Exit code 1 means errors.
    """
    folder = folder_or_default(rules)
    checked = check_folder(folder, os.environ, now=system_clock().now())
    configuration, findings = checked.configuration, checked.findings
    notes = _notes_on(configuration) if configuration else _Notes()
    if json_wanted:
        click.echo(as_json({"findings": findings, **msgspec.structs.asdict(notes)}))
    else:
        if findings:
            click.echo(render_diagnostics(findings, color=has_color(sys.stdout)))
        if configuration:
            echo(_summary(folder, configuration, findings))
        for line in notes.lines():
            echo(f"note: {line}")
    has_errors = any(finding.level is Level.ERROR for finding in findings)
    sys.exit(has_errors or (strict and bool(findings)))


def _notes_on(configuration: Configuration) -> _Notes:
    return _Notes(
        unset=_unset(configuration.destinations),
        unset_of_sources=_unset(configuration.sources),
        unchecked=_without_schema(configuration),
        unchecked_fields=_without_shape(configuration),
        unused=_unused(configuration),
    )


def _unset(specs: Iterable[DestinationSpec | SourceSpec]) -> dict[str, tuple[str, ...]]:
    return {spec.name: spec.missing_variables for spec in specs if spec.missing_variables}


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


def _why_unchecked(types: Sequence[str]) -> str:
    unknown = [each for each in types if each not in KNOWN_TYPES]
    bare = [each for each in types if each in KNOWN_TYPES]
    reasons = [f"type unknown: {', '.join(unknown)}"] if unknown else []
    reasons += [f"no fields are known of {', '.join(bare)}"] if bare else []
    return "; ".join(reasons)


def _without_shape(configuration: Configuration) -> dict[str, tuple[str, ...]]:
    """Return the documented fields of unknown form that each rule's conditions read, by its name."""
    found = {
        rule.name: tuple(
            dict.fromkeys(
                path
                for watch in rule.watches
                if watch.condition is not None
                for path in unchecked_fields(watch.condition, watch.events)
            )
        )
        for rule in configuration.rules.rules
    }
    return {name: paths for name, paths in found.items() if paths}


def _summary(folder: Path, configuration: Configuration, findings: Sequence[Diagnostic]) -> str:
    counts = [
        counted(len(configuration.rules.rules), "rule"),
        counted(len(configuration.destinations), "destination"),
    ]
    if configuration.sources:
        counts.append(counted(len(configuration.sources), "source"))
    errors = sum(finding.level is Level.ERROR for finding in findings)
    found = counted(errors, "error") if errors else "no errors" if findings else "nothing found"
    return f"{folder}: {', '.join(counts)}, {found}"
