"""Each page of docs/reference that is written from the code, with its writer."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from support.events_page import events_page
from support.pictures_page import pictures_page

ROOT: Final = Path(__file__).parents[2]
GENERATED: Final[Mapping[str, Callable[[], str]]] = {
    "docs/reference/console-pictures.md": pictures_page,
    "docs/reference/events.md": events_page,
}
