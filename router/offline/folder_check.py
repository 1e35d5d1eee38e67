"""A rules folder with its tests: loaded, or all that is wrong with it."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from router.configuration.load import load
from router.configuration.model import Configuration
from router.configuration.variables import MissingVariable
from router.errors import Diagnostic, RulesError
from router.offline.rule_tests.reading import read_tests


class FolderCheck(msgspec.Struct, frozen=True):
    """The result."""

    configuration: Configuration | None
    """None if the folder has errors."""
    findings: list[Diagnostic]


def check_folder(folder: Path, environ: Mapping[str, str], *, now: float) -> FolderCheck:
    """Load a folder whose variables need not be set, and read its tests.

    Args:
        folder: The folder.
        environ: The variables of destinations and sources.
        now: Unix seconds, to warn of silences that have ended.

    Raises:
        RulesError: There is no such folder.
    """
    findings: list[Diagnostic] = []
    configuration = None
    try:
        configuration = load(folder, environ, missing=MissingVariable.KEEP, now=now)
        findings += configuration.warnings
        findings += read_tests(folder, configuration).warnings
    except RulesError as error:
        if any(Path(each.file) == folder for each in error.diagnostics):
            raise  # the argument is wrong, not the rules
        findings += error.diagnostics
    return FolderCheck(configuration, findings)
