"""``docs/reference/settings.md``: its table is written from the settings, its other text by hand."""

import re
from pathlib import Path
from typing import Final

from router.settings.model import SETTINGS
from support.reference import row

PAGE: Final = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"
_TABLE: Final = re.compile(r"(?<=\n)\| variable \|.*?\n(?=\n)", re.DOTALL)
_HEAD: Final = "| variable | default | values | purpose |\n|---|---|---|---|\n"


def settings_page() -> str:
    """Return the text of the page."""
    rows = "".join(f"{row(setting)}\n" for setting in SETTINGS)
    return _TABLE.sub(lambda _: _HEAD + rows, PAGE.read_text("utf-8"), count=1)
