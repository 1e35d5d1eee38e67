"""Which Prometheus and Alertmanager the tests use. Imports nothing that must be installed."""

import shutil
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parents[2] / ".venv" / "monitoring"
"""The folder into which ``make monitoring`` unpacks both."""
_UNPACKED: Final = str(FOLDER / "usr" / "bin")


def program_path(*names: str) -> str | None:
    """The path of the first program on PATH, or unpacked; None if there is none."""
    found = (shutil.which(name) or shutil.which(name, path=_UNPACKED) for name in names)
    return next(filter(None, found), None)


def promtool_path() -> str | None:
    """Part of Debian's package of Prometheus."""
    return program_path("promtool")


def amtool_path() -> str | None:
    """Part of Debian's package of Alertmanager."""
    return program_path("amtool")


def prometheus_path() -> str | None:
    """Debian's package has the name of the project's own archive."""
    return program_path("prometheus")


def alertmanager_path() -> str | None:
    """Debian's package has the first name, the project's own archive the second."""
    return program_path("prometheus-alertmanager", "alertmanager")
