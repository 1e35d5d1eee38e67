"""The body of a mail about one alert: its plain and its HTML part (pure).

The HTML uses what all mail clients render: tables, inline styles, nothing loaded from elsewhere.
Dark colours stand in a style sheet, which clients that do not know it drop.
"""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, Final

import msgspec

from router.alerts import Delivery
from router.destinations.contract import Links
from router.destinations.rendering.notes import labelled_links, members, notes, status_line
from router.destinations.rendering.summary import facts
from router.destinations.rendering.templates import TemplateTarget, render
from router.destinations.rendering.text import one_line

DESCRIPTION_LIMIT: Final = 2000
"""Characters of a rule's description."""

_LAYOUT: Final = (
    files("router.destinations.rendering").joinpath("email.html.jinja").read_text("utf-8")
)
_INK: Final = "#0f172a"
_PAPER: Final = "#ffffff"


class _Button(msgspec.Struct, frozen=True):
    label: str
    url: str
    colour: str
    background: str
    border: str


def text_part(delivery: Delivery, summary: str, event: Mapping[str, Any], links: Links) -> str:
    """Return the plain part.

    Args:
        delivery: The delivery.
        summary: The alert's summary as plain text.
        event: The alert's event, decoded.
        links: The alert's links.
    """
    alert = delivery.alert
    found = facts(alert, event)
    width = max(len(fact.label) for fact in found) + 2
    parts: Sequence[str] = (
        summary,
        "\n".join(notes(alert)),
        one_line(alert.description, DESCRIPTION_LIMIT),
        "\n".join(f"{fact.label + ':':<{width}}{fact.value}" for fact in found),
        "\n".join(["Also:", *(f"  {line}" for line in members(alert))] if members(alert) else []),
        "\n".join(f"{label}: {url}" for label, url in labelled_links(alert, links, event)),
        f"-- \nDelivery {delivery.id}, alert {alert.id}",
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def html_part(delivery: Delivery, summary: str, event: Mapping[str, Any], links: Links) -> str:
    """Return the HTML part, with all texts escaped. The arguments are those of ``text_part``."""
    alert = delivery.alert
    status = status_line(alert)
    first = (_PAPER, status.colour, status.colour)
    others = (_INK, _PAPER, "#cbd5e1")
    buttons = [
        _Button(label, url, *(others if number else first))
        for number, (label, url) in enumerate(labelled_links(alert, links, event))
    ]
    shown = {
        "summary": summary,
        "word": status.word,
        "colour": status.colour,
        "description": one_line(alert.description, DESCRIPTION_LIMIT),
        "notes": notes(alert),
        "links": msgspec.to_builtins(buttons),
        "facts": msgspec.to_builtins(facts(alert, event)),
        "members": members(alert),
        "delivery": delivery.id,
        "alert": alert.id,
    }
    return render(_LAYOUT, {"data": shown}, TemplateTarget.HTML)
