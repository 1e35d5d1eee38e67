"""The life of a keyed alert as one list: its changes, and how its notifications ended (pure)."""

import enum
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from router.api.alert_views import AlertDetails, ChangeView, detail_text
from router.api.delivery_views import DeliveryState, DeliveryView
from router.api.event_views import REASONS
from router.timestamps import unix_seconds


class TimelineSign(enum.StrEnum):
    """The meaning of an entry, for its sign and colour."""

    BEGIN = "begin"
    TOLD = "told"
    QUIET = "quiet"
    OPERATOR = "operator"
    GOOD = "good"
    BAD = "bad"
    WAITING = "waiting"


_CHANGES: Final = {
    "opened": (TimelineSign.BEGIN, "began to fire"),
    "pending": (TimelineSign.BEGIN, "pending: destinations are told if it goes on"),
    "notified": (TimelineSign.TOLD, "notified"),
    "reminded": (TimelineSign.TOLD, "reminded"),
    "escalated": (TimelineSign.TOLD, "escalated to"),
    "suppressed": (TimelineSign.QUIET, "suppressed:"),
    "resolving": (TimelineSign.QUIET, "will be resolved, unless another event comes"),
    "expired": (TimelineSign.GOOD, "over: no further event came"),
    "acknowledged": (TimelineSign.OPERATOR, "acknowledged"),
    "unacknowledged": (TimelineSign.OPERATOR, "acknowledgement withdrawn"),
    "resolved": (TimelineSign.OPERATOR, "resolved"),
}
"""The sign and the words of each change; its detail follows them."""


class TimelineEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to an alert."""

    at: float
    """Unix time in seconds."""
    sign: TimelineSign
    text: str
    """A sentence without an end."""
    detail: str = ""
    delivery: str = ""
    """The id of the delivery; ``""`` if it is about none."""
    event: str = ""
    """The reference of an event; ``""`` if it is about none."""


def timeline(
    details: AlertDetails, deliveries: Iterable[DeliveryView]
) -> tuple[TimelineEntry, ...]:
    """Return what happened to an alert, the latest first.

    Args:
        details: The alert.
        deliveries: Its deliveries, in any order.
    """
    entries = [*map(_change, details.log), *_ends(deliveries)]
    # Entries of one time stay in their order: a change comes before the delivery that it caused.
    return tuple(sorted(entries, key=lambda entry: entry.at)[::-1])


def _change(entry: ChangeView) -> TimelineEntry:
    names = detail_text(entry)
    at = unix_seconds(entry.at) or 0.0
    if entry.change == "suppressed":
        names = REASONS.get(entry.detail, entry.detail)
    if entry.change == "resolved" and not entry.detail:
        return TimelineEntry(at=at, sign=TimelineSign.GOOD, text="resolved by an event")
    sign, text = _CHANGES.get(entry.change, (TimelineSign.QUIET, entry.change))
    return TimelineEntry(at=at, sign=sign, text=f"{text} {names}".rstrip())


def _ends(deliveries: Iterable[DeliveryView]) -> Iterator[TimelineEntry]:
    for each in deliveries:
        sign, text = _end(each)
        at = unix_seconds(each.ended_at or each.due_at or each.raised_at) or 0.0
        yield TimelineEntry(
            at=at,
            sign=sign,
            text=text,
            detail=each.reason,
            delivery=each.id,
            event=each.event,
        )


def _end(view: DeliveryView) -> tuple[TimelineSign, str]:
    name, what = view.destination, f"that it is {view.status}"
    match view.state:
        case DeliveryState.DELIVERED:
            tries = "" if view.attempts == 1 else f" at attempt {view.attempts}"
            return TimelineSign.GOOD, f"{name} received {what}{tries}"
        case DeliveryState.DEAD_LETTERED:
            return TimelineSign.BAD, f"{name} was not told {what}: dead letter"
        case DeliveryState.DISCARDED:
            return TimelineSign.BAD, f"{name} was not told {what}: discarded by an operator"
        case DeliveryState.BEHIND_ANOTHER:
            return (
                TimelineSign.WAITING,
                f"{name} waits to be told {what}, behind an earlier message",
            )
        case DeliveryState.WAITING | DeliveryState.IN_FLIGHT:
            return (
                TimelineSign.WAITING,
                f"{name} waits to be told {what}: attempt {view.attempts + 1}",
            )
