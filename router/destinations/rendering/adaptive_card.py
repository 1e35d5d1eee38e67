"""An alert as an Adaptive Card for Microsoft Teams, within its size limit (pure).

Teams reads Markdown in a ``TextBlock`` and in the facts of a ``FactSet``, and in no other element.
All texts are therefore runs of a ``RichTextBlock``, which are shown as they are. Sources: Microsoft
Learn, "Format cards in Teams" (where Markdown is read) and "Create and send messages" (28 KB);
adaptivecards.io, schema 1.2 (``RichTextBlock``, ``TextRun``).
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from router.alerts import Alert, AlertStatus, Delivery, Severity
from router.destinations.contract import Links
from router.destinations.rendering.notes import (
    below_title,
    labelled_links,
    members,
    notes,
    status_line,
    title,
)
from router.destinations.rendering.summary import facts
from router.destinations.rendering.templates import TemplateTarget
from router.destinations.rendering.text import one_line

_ROOM: Final = 26 * 1024
"""Bytes that a card may take. Teams takes 28 KiB; less, because its own count is not documented."""
_DESCRIPTION_LIMIT: Final = 1500
_URL_LIMIT: Final = 2000
_STYLES: Final = {AlertStatus.ACKNOWLEDGED: "emphasis", AlertStatus.RESOLVED: "good"}
_SEVERITIES: Final = {
    Severity.INFO: "accent",
    Severity.WARNING: "warning",
    Severity.CRITICAL: "attention",
}

Element = dict[str, Any]


def card_message(
    delivery: Delivery, summary: str, event: Mapping[str, Any], links: Links
) -> dict[str, Any]:
    """Return the message, as the body of a Workflows webhook.

    Args:
        delivery: The delivery.
        summary: The alert's summary as plain text.
        event: The alert's event, decoded.
        links: The alert's links; each becomes a button.
    """
    parts = [
        _facts(delivery.alert, event),
        _description(delivery.alert),
        _members(delivery.alert),
    ]
    # What matters least is left out first; the rest is bounded by the limits of its texts.
    buttons = _buttons(delivery.alert, links, event)
    while True:
        message = _message(delivery, summary, buttons, [part for part in parts if part])
        if len(msgspec.json.encode(message)) <= _ROOM or not parts:
            return message
        parts.pop()


def _message(
    delivery: Delivery, summary: str, buttons: list[Element], parts: list[Element]
) -> dict[str, Any]:
    alert = delivery.alert
    card: Element = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "msteams": {"width": "Full"},
        "body": [
            _heading(alert, summary),
            *parts,
            _text([_run(f"Delivery {delivery.id}", isSubtle=True, size="Small")]),
        ],
    }
    if buttons:
        card["actions"] = buttons
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return {"type": "message", "attachments": [attachment]}


def _heading(alert: Alert, summary: str) -> Element:
    status = status_line(alert)
    items = [
        _text([_run(f"{status.sign} {title(alert)}", weight="Bolder", size="Medium")]),
        _text([_run(below_title(alert, summary, TemplateTarget.TEXT))]),
    ]
    remarks = " ".join(notes(alert))
    if remarks:
        items.append(_text([_run(remarks, isSubtle=True)]))
    style = _STYLES.get(alert.status) or _SEVERITIES[alert.severity]
    return {"type": "Container", "style": style, "bleed": True, "items": items}


def _description(alert: Alert) -> Element | None:
    text = one_line(alert.description, _DESCRIPTION_LIMIT)
    return _text([_run(text)]) if text else None


def _facts(alert: Alert, event: Mapping[str, Any]) -> Element:
    items = [
        _text([_run(f"{fact.label}: ", weight="Bolder"), _run(fact.value)])
        for fact in facts(alert, event)
    ]
    return {"type": "Container", "items": items}


def _members(alert: Alert) -> Element | None:
    lines = members(alert)
    if not lines:
        return None
    items = [_text([_run("Also", weight="Bolder")]), *(_text([_run(line)]) for line in lines)]
    return {"type": "Container", "items": items}


def _buttons(alert: Alert, links: Links, event: Mapping[str, Any]) -> list[Element]:
    return [
        {"type": "Action.OpenUrl", "title": label, "url": url}
        for label, url in labelled_links(alert, links, event)
        if len(url) <= _URL_LIMIT
    ]


def _text(runs: list[Element]) -> Element:
    return {"type": "RichTextBlock", "inlines": runs}


def _run(text: str, **style: str | bool) -> Element:
    return {"type": "TextRun", "text": text, **style}
