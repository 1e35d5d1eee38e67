"""The life of an alert in words: since when it fires, what was suppressed, how long it lasted (pure).

All texts are plain, not escaped for any target. Spans end when the alert arose, not now, so that each
attempt sends the same text.
"""

import math
from typing import Final

from router.alerts import Alert, AlertStatus
from router.destinations.rendering.summary import rfc3339
from router.destinations.rendering.text import one_line

REASONS: Final = {
    "inhibited": "while another rule fired",
    "silenced": "by a silence",
    "muted": "at a mute time",
    "first_of": "because another rule told of the event",
    "cooldown": "by its cooldown",
    "shadow": "while the rule was on trial",
}
"""Why an alert was suppressed, for a reader who does not know the reasons' names."""
STILL_FIRING: Final = "Still firing: "
"""The beginning of the heading of a reminder."""
_REASON_LIMIT: Final = 40
_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def reminder(alert: Alert) -> str:
    """Return ``Reminder 2: `` for the beginning of a line; ``""`` if the alert is no reminder."""
    return f"Reminder {alert.reminder}: " if is_reminder(alert) else ""


def is_reminder(alert: Alert) -> bool:
    """Return whether the alert was told before and still fires."""
    return alert.reminder > 0 and alert.status is AlertStatus.FIRING


def beginning(alert: Alert) -> str:
    """Return the sentence since when an alert fires, and that this is a reminder; often ``""``."""
    since = _since(alert)
    if is_reminder(alert):
        return f"{STILL_FIRING}reminder {alert.reminder}{f', since {since}' if since else ''}."
    return f"Since {since}." if since else ""


def suppressed(alert: Alert) -> str:
    """Return the sentence of what was suppressed before this message, and why; often ``""``."""
    reasons = ", ".join(reason_words(reason) for reason in alert.held_because)
    why = f": {reasons}" if reasons else ""
    if alert.held_back:
        more = "alert was" if alert.held_back == 1 else "alerts were"
        return f"{alert.held_back} more {more} suppressed since the last message{why}."
    return f"It was suppressed until now{why}." if why else ""


def ending(alert: Alert) -> str:
    """Return the sentences that an alert is resolved, after how long, and what it was."""
    lasted = span_words(alert.raised_at - alert.since) if alert.since else ""
    return (
        f"Resolved{f' after {lasted}' if lasted else ''}. It was an alert of severity"
        f" {alert.severity}{f', since {second(alert.since)}' if alert.since else ''}."
    )


def reason_words(reason: str) -> str:
    """Return a reason in words; one that this version does not know as it is."""
    return REASONS.get(reason) or one_line(reason, _REASON_LIMIT)


def span_words(seconds: float) -> str:
    """Return a span in its two largest units, such as ``2 h 10 min``; ``""`` below a second."""
    if not math.isfinite(seconds) or seconds < 1:
        return ""
    left = int(seconds)
    parts: list[tuple[int, str]] = []
    for size, unit in _UNITS:
        if left >= size or parts:
            parts.append((left // size, unit))
            left %= size
    return " ".join(f"{count} {unit}" for count, unit in parts[:2] if count)


def second(unix_time: float) -> str:
    """Return Unix time to the second, as in all texts of a message: ``2026-03-01 10:00:00 UTC``."""
    return f"{rfc3339(unix_time)[:19].replace('T', ' ')} UTC"


def _since(alert: Alert) -> str:
    """Return since when an alert fires, and how long ago that was when it arose."""
    if not alert.since:
        return ""
    begun, arose = second(alert.since), second(alert.raised_at)
    lasted = span_words(alert.raised_at - alert.since)
    if not lasted:
        return begun
    is_same_day = begun[:10] == arose[:10]
    return f"{begun} ({lasted} ago at {arose[11:] if is_same_day else arose})"
