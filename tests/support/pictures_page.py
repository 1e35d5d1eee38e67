"""``docs/reference/console-pictures.md``: the pictures that ``make screenshots`` has written."""

from pathlib import Path
from typing import Final

from support.console_pages import PAGES

PAGE: Final = Path(__file__).parents[2] / "docs" / "reference" / "console-pictures.md"
_INTRODUCTION: Final = """\
# Pictures of the console

Each page of the [console](console.md), light and dark, on a screen and on a phone. `make screenshots` takes the pictures;
`make reference` writes this page.
"""


def pictures_page() -> str:
    """Return the text of the page."""
    return _INTRODUCTION + "".join(map(_section, (page.name for page in PAGES)))


def _section(name: str) -> str:
    title = name.replace("-", " ").capitalize()
    return f"\n## {title}\n\n{_pair(name, title, 1440)}\n{_pair(name, title, 390)}"


def _pair(name: str, title: str, width: int) -> str:
    where = "screen" if width > 1000 else "phone"
    pictures = [
        f"![{title}, {theme}](../images/console-{name}-{theme}-{width}.png)"
        for theme in ("light", "dark")
    ]
    return f"| {where}, light | {where}, dark |\n|---|---|\n| {' | '.join(pictures)} |\n"
