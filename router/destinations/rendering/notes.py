"""The state of an alert in words: resolved, counted, suppressed, grouped, escalated (pure).

Mail, Slack and Apprise take the words from here, so that they say the same. All texts are plain,
not escaped for any target.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from router.alerts import Alert, AlertStatus, Severity
from router.destinations.contract import Links
from router.destinations.rendering.life import (
    STILL_FIRING,
    beginning,
    ending,
    is_reminder,
    reminder,
    second,
    suppressed,
)
from router.destinations.rendering.summary import COLOURS
from router.destinations.rendering.templates import ESCAPES, TemplateTarget
from router.destinations.rendering.text import one_line
from router.destinations.rendering.twilio_pages import twilio_pages

MEMBERS_LIMIT: Final = 10
"""Members of a group that a message lists; the others are counted."""
MEMBER_LIMIT: Final = 200
"""Characters of one listed member."""
RESOLVED_COLOUR: Final = "#16a34a"
RESOLVED_SIGN: Final = "✅"
ACKNOWLEDGED_COLOUR: Final = "#7c3aed"
ACKNOWLEDGED_SIGN: Final = "🟣"
NAME_LIMIT: Final = 80
"""Characters of the name of who acknowledged an alert."""

_SIGNS: Final = {Severity.INFO: "🔵", Severity.WARNING: "🟠", Severity.CRITICAL: "🔴"}


class StatusLine(msgspec.Struct, frozen=True):
    """The state of an alert at a glance: a word, a sign and a colour."""

    word: str
    """The severity, ``acknowledged`` or ``resolved``."""
    sign: str
    colour: str


def status_line(alert: Alert) -> StatusLine:
    """Return the word, sign and colour of an alert: by its severity while it is firing."""
    if alert.status is AlertStatus.RESOLVED:
        return StatusLine("resolved", RESOLVED_SIGN, RESOLVED_COLOUR)
    if alert.status is AlertStatus.ACKNOWLEDGED:
        return StatusLine("acknowledged", ACKNOWLEDGED_SIGN, ACKNOWLEDGED_COLOUR)
    severity = alert.severity
    return StatusLine(str(severity), _SIGNS[severity], COLOURS[severity])


def title(alert: Alert) -> str:
    """Return the rule's name, with the alert's status before it unless it fires and is no reminder."""
    if is_reminder(alert):
        return f"{STILL_FIRING}{alert.rule}"
    if alert.status is AlertStatus.FIRING:
        return alert.rule
    return f"{alert.status.capitalize()}: {alert.rule}"


def below_title(alert: Alert, summary: str, target: TemplateTarget) -> str:
    """Return a summary without the rule's name at its beginning, for a message whose title has it.

    A reader sees the first words of a notification only, and they must not be the name twice.

    Args:
        alert: The alert.
        summary: Its summary, escaped for the target.
        target: How it was escaped.
    """
    return summary.removeprefix(ESCAPES[target](f"{alert.rule}: ")) or summary


def message_title(alert: Alert, summary: str) -> str:
    """Return the title of a message that has no heading, such as the subject of a mail.

    Args:
        alert: The alert.
        summary: Its summary as plain text.
    """
    return f"[{status_line(alert).word.upper()}] {reminder(alert)}{summary}"


def acknowledged(alert: Alert) -> str:
    """Return the sentence that an alert is acknowledged, and by whom if that is known."""
    name = one_line(alert.acknowledged_by, NAME_LIMIT)
    return f"Acknowledged by {name}." if name else "Acknowledged."


def notes(alert: Alert) -> list[str]:
    """Return what a message adds to the alert's summary, a sentence each; often nothing."""
    if alert.status is AlertStatus.ACKNOWLEDGED:
        return [acknowledged(alert)]
    sentences = [
        *_status_notes(alert),
        acknowledged(alert) if alert.acknowledged_by else "",
        f"{alert.grouped} alerts in one message." if alert.grouped > 1 else "",
        _events_counted(alert),
        f"Measured: {alert.measure.text}." if alert.measure is not None else "",
        suppressed(alert),
    ]
    return [sentence for sentence in sentences if sentence]


def _events_counted(alert: Alert) -> str:
    """Return how many events an alert is about; ``""`` if its figures say it, or it is about one."""
    if alert.count <= 1 or alert.measure is not None:
        return ""
    return f"{alert.count} events brought it about."


def _status_notes(alert: Alert) -> list[str]:
    if alert.status is AlertStatus.RESOLVED:
        return [ending(alert)]
    if alert.escalation:
        level = f"Escalated (level {alert.escalation}): it is not acknowledged yet."
        return [level, beginning(alert)]
    return [beginning(alert)]


def members(alert: Alert) -> list[str]:
    """Return the further alerts of a group, oldest first, a line each; the last counts the rest."""
    shown = [
        f"{second(member.raised_at)} · {one_line(member.summary, MEMBER_LIMIT)}"
        for member in alert.members[:MEMBERS_LIMIT]
    ]
    # A group may have more alerts than recorded members; the alert itself is one of them.
    left = max(alert.grouped - 1, len(alert.members)) - len(shown)
    return [*shown, f"and {left} more"] if left > 0 else shown


def labelled_links(alert: Alert, links: Links, event: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return labels and URLs, the likeliest first. A resolved alert is not acknowledged.

    Args:
        alert: The alert.
        links: Its own pages.
        event: Its event, decoded, for the pages of the event's sender.
    """
    found = [("Show", links.show)]
    if alert.status is AlertStatus.FIRING:
        found = [("Acknowledge", links.acknowledge), ("Silence", links.silence), *found]
    own = [(label, url) for label, url in found if url]
    return [*own, *twilio_pages(event, alert.event_type)]
