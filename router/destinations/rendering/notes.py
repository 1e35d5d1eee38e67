"""How an alert stands, in words: resolved, counted, held back, grouped, escalated.

One place for the words, so that a mail and a Slack message say the same. Plain text, not escaped
for any target (pure).
"""

from datetime import UTC, datetime
from typing import Final

import msgspec

from router.alerts import Alert, AlertStatus, Severity
from router.destinations.rendering.summary import COLOURS
from router.destinations.rendering.text import one_line

MEMBERS_LIMIT: Final = 10
"""Members of a group that a message lists; the rest is counted."""
MEMBER_LIMIT: Final = 200
"""Characters of one of them."""
RESOLVED_COLOUR: Final = "#16a34a"

_SIGNS: Final = {Severity.INFO: "🔵", Severity.WARNING: "🟠", Severity.CRITICAL: "🔴"}
_RESOLVED_SIGN: Final = "✅"


class StatusLine(msgspec.Struct, frozen=True):
    """What a reader sees at first: a word, a sign and a colour."""

    word: str
    """The severity, or ``resolved``."""
    sign: str
    colour: str


def status_line(alert: Alert) -> StatusLine:
    if alert.status is AlertStatus.RESOLVED:
        return StatusLine("resolved", _RESOLVED_SIGN, RESOLVED_COLOUR)
    severity = alert.severity
    return StatusLine(str(severity), _SIGNS[severity], COLOURS[severity])


def notes(alert: Alert) -> list[str]:
    """What there is to say of the alert beyond its summary, a sentence each; often nothing."""
    said = []
    if alert.status is AlertStatus.RESOLVED:
        said.append(f"Resolved. It was an alert of severity {alert.severity}.")
    elif alert.escalation:
        said.append(f"Escalated (level {alert.escalation}): nobody has acknowledged it so far.")
    if alert.grouped > 1:
        said.append(f"{alert.grouped} alerts in one message.")
    if alert.count > 1:
        said.append(f"{alert.count} events brought it about.")
    if alert.held_back:
        more = "alert was" if alert.held_back == 1 else "alerts were"
        said.append(f"{alert.held_back} more {more} held back since the last message.")
    return said


def members(alert: Alert) -> list[str]:
    """The further alerts of a group, oldest first, a line each; the last line counts the rest."""
    shown = [
        f"{_second(member.raised_at)} · {one_line(member.summary, MEMBER_LIMIT)}"
        for member in alert.members[:MEMBERS_LIMIT]
    ]
    # A group may hold more alerts than it keeps members; the alert itself is one of them.
    left = max(alert.grouped - 1, len(alert.members)) - len(shown)
    return [*shown, f"and {left} more"] if left > 0 else shown


def _second(unix_time: float) -> str:
    return f"{datetime.fromtimestamp(unix_time, UTC):%Y-%m-%d %H:%M:%S} UTC"
