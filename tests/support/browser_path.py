"""Which browser the tests use. Imports nothing that must be installed: ``make browser`` runs it first."""

import os
import shutil
from typing import Final

VARIABLE: Final = "ROUTER_TEST_BROWSER"
"""Names another browser: a path, or a program on PATH."""
_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "chrome")


def browser_path() -> str:
    """The path of Chromium; ``""`` if there is none."""
    wanted = os.environ.get(VARIABLE)
    names = (wanted,) if wanted else _NAMES
    return next(filter(None, map(shutil.which, names)), "")
