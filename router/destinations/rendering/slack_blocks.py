"""An alert as a Block Kit message, within Slack's limits (pure).

Event values are escaped (``escapes``), and every text is ``verbatim``, so that Slack makes no link or mention of
a text that merely looks like one. The message itself has the header and the summary. The details
stand in an attachment, because only attachments have a colour. Sources: Slack's reference pages on
formatting text (escaping), on blocks, on block elements and on text objects (lengths,
``verbatim``).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from router.alerts import Alert, AlertStatus, Delivery
from router.destinations.contract import Links
from router.destinations.rendering.life import STILL_FIRING
from router.destinations.rendering.notes import (
    RESOLVED_COLOUR,
    RESOLVED_SIGN,
    below_title,
    labelled_links,
    members,
    notes,
    status_line,
    title,
)
from router.destinations.rendering.summary import Summary, facts
from router.destinations.rendering.templates import ESCAPES, TemplateTarget
from router.destinations.rendering.text import cut, one_line

HEADER_LIMIT: Final = 150
"""Characters of a header."""
SECTION_LIMIT: Final = 3000
"""Characters of a section's text."""
FIELD_LIMIT: Final = 2000
"""Characters of a section's field."""
FIELDS_LIMIT: Final = 10
"""Fields of a section."""
URL_LIMIT: Final = 3000
"""Characters of a button's URL."""

_ACTIONS: Final = frozenset({"acknowledge", "silence"})
"""The buttons that a resolved alert does not have."""

Block = dict[str, Any]


def message(
    delivery: Delivery,
    line: Summary,
    event: Mapping[str, Any],
    links: Links,
) -> dict[str, Any]:
    """Return the message, as the arguments of ``chat.postMessage``.

    Args:
        delivery: The delivery.
        line: The alert's summary for TemplateTarget.SLACK.
        event: The alert's event, decoded.
        links: The alert's links; each becomes a button.
    """
    alert = delivery.alert
    status = status_line(alert)
    heading = f"{status.sign} {title(alert)}"
    text = below_title(alert, line.text, TemplateTarget.SLACK)
    notification = cut(f"{status.sign} {_escape(title(alert))}: {text}", SECTION_LIMIT)
    top = [
        {"type": "header", "text": _plain_text(one_line(heading, HEADER_LIMIT))},
        _section(text),
    ]
    remarks = notes(alert)
    if remarks:
        top.append({"type": "context", "elements": [_mrkdwn(_escape(" ".join(remarks)))]})
    return {
        "text": notification,  # shown in notifications
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": top,
        "attachments": [
            {
                "color": status.colour,
                "fallback": notification,
                "blocks": _details(delivery, event, links),
            }
        ],
    }


def updated(first: Mapping[str, Any], *, is_resolved: bool, footnote: str) -> dict[str, Any]:
    """Return a message that was posted before, with the present state of its alert.

    Its texts stay as they were. Of a resolved alert, the heading, the colour and the buttons change.

    Args:
        first: What ``message`` returned.
        is_resolved: Whether the alert is resolved by now.
        footnote: A sentence below the summary, in plain text.
    """
    text, top = str(first["text"]), list(first["blocks"])
    details = dict(first["attachments"][0])
    if is_resolved:
        heading = top[0]["text"]["text"]
        top[0] = {"type": "header", "text": _plain_text(one_line(_resolved(heading), HEADER_LIMIT))}
        text = cut(_resolved(text), SECTION_LIMIT)
        blocks = [_without_actions(block) for block in details["blocks"]]
        details |= {"color": RESOLVED_COLOUR, "blocks": [block for block in blocks if block]}
    top.append({"type": "context", "elements": [_mrkdwn(_escape(footnote))]})
    details["fallback"] = text
    return {**first, "text": text, "blocks": top, "attachments": [details]}


def _resolved(heading: str) -> str:
    """Return a heading, which begins with the sign of a severity, as that of a resolved alert."""
    named = heading.partition(" ")[2].removeprefix(STILL_FIRING)
    return f"{RESOLVED_SIGN} Resolved: {named}"


def _without_actions(block: Block) -> Block | None:
    """Return a block without the buttons that a resolved alert does not have."""
    if block["type"] != "actions":
        return block
    left = [each for each in block["elements"] if each["action_id"] not in _ACTIONS]
    return {**block, "elements": left} if left else None


def _details(delivery: Delivery, event: Mapping[str, Any], links: Links) -> list[Block]:
    alert = delivery.alert
    details = []
    # The message that it is acknowledged follows the one with its details.
    if alert.status is not AlertStatus.ACKNOWLEDGED:
        if alert.description:
            details.append(_section(_escape(one_line(alert.description, SECTION_LIMIT))))
        details += _fields(alert, event)
    others = members(alert)
    if others:
        lines = "\n".join(f"• {_escape(line)}" for line in others)
        details.append(_section(f"*Also*\n{lines}"))
    buttons = _buttons(alert, links, event)
    if buttons:
        details.append({"type": "actions", "elements": buttons})
    details.append({"type": "context", "elements": [_plain_text(f"Delivery {delivery.id}")]})
    return details


def _fields(alert: Alert, event: Mapping[str, Any]) -> list[Block]:
    fields = [
        _mrkdwn(cut(f"*{_escape(fact.label)}*\n{_escape(fact.value)}", FIELD_LIMIT))
        for fact in facts(alert, event)
    ]
    return [
        {"type": "section", "fields": fields[begin : begin + FIELDS_LIMIT]}
        for begin in range(0, len(fields), FIELDS_LIMIT)
    ]


def _buttons(alert: Alert, links: Links, event: Mapping[str, Any]) -> Sequence[Block]:
    """Return the buttons; each opens a page."""
    return [
        {"type": "button", "text": _plain_text(label), "url": url, "action_id": _action(label)}
        for label, url in labelled_links(alert, links, event)
        if len(url) <= URL_LIMIT
    ]


def _action(label: str) -> str:
    return label.lower().replace(" ", "_")


def _section(text: str) -> Block:
    return {"type": "section", "text": _mrkdwn(cut(text, SECTION_LIMIT))}


def _mrkdwn(text: str) -> Block:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _plain_text(text: str) -> Block:
    return {"type": "plain_text", "text": text, "emoji": False}


_escape: Final = ESCAPES[TemplateTarget.SLACK]
