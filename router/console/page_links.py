"""The pages in the order of the navigation, and which of them a path belongs to (pure)."""

from collections.abc import Collection, Iterator
from typing import Final

import msgspec

HOME: Final = "/console"


class PageLink(msgspec.Struct, frozen=True):
    """A link of the navigation."""

    path: str
    title: str
    shortcut: str = ""
    """The key that opens it after ``g``."""
    is_current: bool = False


PAGES: Final = (
    PageLink(HOME, "Overview", "o"),
    PageLink(f"{HOME}/events", "Events", "e"),
    PageLink(f"{HOME}/alerts", "Alerts", "a"),
    PageLink(f"{HOME}/rules", "Rules", "r"),
    PageLink(f"{HOME}/destinations", "Destinations", "d"),
    PageLink(f"{HOME}/dead-letters", "Dead letters", "l"),
    PageLink(f"{HOME}/quarantine", "Quarantine", "q"),
    PageLink(f"{HOME}/silences", "Silences", "s"),
    PageLink(f"{HOME}/sources", "Sources", "c"),
    PageLink(f"{HOME}/inbox", "Inbox", "i"),
    PageLink(f"{HOME}/audit", "Audit", "u"),
)
_SECTIONS: Final = {
    f"{HOME}/playground": f"{HOME}/rules",
    f"{HOME}/deliveries": f"{HOME}/destinations",
}
"""The page that a page without a link belongs to."""


def links(served: Collection[str], path: str) -> Iterator[PageLink]:
    """Yield the links of pages that are served; the one that ``path`` belongs to is current."""
    current = section_of(path)
    for link in PAGES:
        if link.path in served:
            yield msgspec.structs.replace(link, is_current=link.path == current)


def section_of(path: str) -> str:
    """Return the path of the navigation's page to which a page belongs; ``""`` if to none."""
    if path == HOME:
        return HOME
    section = "/".join(path.split("/")[:3])
    section = _SECTIONS.get(section, section)
    return section if any(section == link.path for link in PAGES) else ""
