"""Judges the rules folder: what ``router check`` finds, and variables that are not set (pure)."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from router.configuration.model import Configuration
from router.destinations.spec import DestinationSpec
from router.doctor.doctor_check import DoctorCheck, DoctorSection, SectionChecks, Status
from router.errors import Diagnostic, Level
from router.offline.folder_check import FolderCheck
from router.quantities import counted
from router.sources.spec import SourceSpec

_SHOWN: Final = 5
"""Findings of each level; ``router check`` has all, with the lines of the files."""

_checks = SectionChecks(DoctorSection.RULES)


def judge_missing_folder(folder: Path, diagnostics: Iterable[Diagnostic]) -> list[DoctorCheck]:
    """Return the check of a folder that cannot be read."""
    reason = "; ".join(each.message for each in diagnostics)
    return [
        _checks.problem(
            "folder",
            f"the rules folder {folder} cannot be used: {reason}",
            "set ROUTER_RULES to the folder with your rules, or begin one: router init",
        )
    ]


def judge_rules(folder: Path, checked: FolderCheck, *, captures: bool) -> list[DoctorCheck]:
    """Return the checks of a folder.

    Args:
        folder: The folder.
        checked: What was found in it.
        captures: Whether ``router dev`` uses it, which captures what it has no credentials for.
    """
    found = []
    if checked.configuration is not None:
        found.append(_checks.ok("folder", _summary(folder, checked.configuration)))
    for level, status in ((Level.ERROR, Status.PROBLEM), (Level.WARNING, Status.WARNING)):
        found += _of_findings([each for each in checked.findings if each.level is level], status)
    if checked.configuration is not None:
        found += _of_unset("destination", checked.configuration.destinations, captures=captures)
        found += _of_unset("source", checked.configuration.sources, captures=captures)
    return found


def _summary(folder: Path, configuration: Configuration) -> str:
    counts = [
        counted(len(configuration.rules.rules), "rule"),
        counted(len(configuration.destinations), "destination"),
        counted(len(configuration.sources), "source"),
    ]
    return f"{folder} has {', '.join(counts)}"


def _of_findings(findings: list[Diagnostic], status: Status) -> Iterator[DoctorCheck]:
    for each in findings[:_SHOWN]:
        place = f"{each.file}:{each.line}" if each.line else each.file
        fix = each.hint or "run router check, which shows the line"
        yield DoctorCheck(DoctorSection.RULES, "finding", status, f"{place}: {each.message}", fix)
    more = len(findings) - _SHOWN
    if more > 0:
        yield DoctorCheck(
            DoctorSection.RULES, "finding", status, f"{more} more findings", "run router check"
        )


def _of_unset(
    noun: str, specs: Iterable[DestinationSpec | SourceSpec], *, captures: bool
) -> Iterator[DoctorCheck]:
    for spec in specs:
        if not spec.missing_variables:
            continue
        names = ", ".join(spec.missing_variables)
        be = "is" if len(spec.missing_variables) == 1 else "are"
        fix = f"set {'it' if be == 'is' else 'them'} in the environment of the router"
        if captures:
            effect = "captures alerts" if noun == "destination" else "is closed"
            message = f"{noun} {spec.name} {effect} in router dev: {names} {be} not set here"
            yield _checks.warning("variable", message, fix)
        else:
            message = f"{noun} {spec.name}: {names} {be} not set here, so that no worker starts"
            yield _checks.problem("variable", message, fix)
