"""Each page of docs/reference that is written from the code, with its writer."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from support.api_page import api_page
from support.cli_page import cli_page
from support.events_page import events_page
from support.keys_page import keys_page
from support.metrics_page import metrics_page
from support.pictures_page import pictures_page
from support.settings_page import settings_page

ROOT: Final = Path(__file__).parents[2]
GENERATED: Final[Mapping[str, Callable[[], str]]] = {
    "docs/reference/api.md": api_page,
    "docs/reference/cli.md": cli_page,
    "docs/reference/console-pictures.md": pictures_page,
    "docs/reference/events.md": events_page,
    "docs/reference/keys.md": keys_page,
    "docs/reference/metrics.md": metrics_page,
    "docs/reference/settings.md": settings_page,
}
