"""Unpack Prometheus and Alertmanager for the tests, where Debian has them: ``make monitoring``.

The packages are not installed, because that would start both as services. Does nothing if both are
there. Elsewhere it says what to do and succeeds, because the tests that need them are skipped without.
"""

import subprocess
import tempfile
from pathlib import Path
from typing import Final

from install_browser import is_debian, rights
from support.monitoring_path import FOLDER, alertmanager_path, prometheus_path

PACKAGES: Final = ("prometheus", "prometheus-alertmanager")
BY_HAND: Final = "install Prometheus and Alertmanager; their tests are skipped without"


def are_there() -> bool:
    return prometheus_path() is not None and alertmanager_path() is not None


def succeeds(*command: str, folder: str | None = None) -> bool:
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    return done.returncode == 0


def unpack(packages: tuple[str, ...], target: Path) -> None:
    """Fetch packages of Debian and unpack them into a folder, as far as that succeeds."""
    with tempfile.TemporaryDirectory() as folder:
        if not succeeds("apt-get", "-qq", "download", *packages, folder=folder):
            before = rights()
            if before is None or not succeeds(*before, "apt-get", "-qq", "update"):
                return
            succeeds("apt-get", "-qq", "download", *packages, folder=folder)
        for package in sorted(Path(folder).glob("*.deb")):
            succeeds("dpkg", "--extract", str(package), str(target))


def main() -> None:
    if are_there():
        print(f"monitoring: {prometheus_path()}, {alertmanager_path()}")
        return
    if not is_debian():
        print(f"monitoring: not found, and this system is not Debian: {BY_HAND}")
        return
    unpack(PACKAGES, FOLDER)
    print(f"monitoring: {FOLDER}" if are_there() else f"monitoring: not unpacked; {BY_HAND}")


if __name__ == "__main__":
    main()
