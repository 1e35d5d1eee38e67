"""Deliveries as the API, the commands and the console show them: those that ended, and the others (pure)."""

import enum
from collections.abc import Iterable
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from router.alerts import Attempt, Delivery
from router.api.views import AttemptView, Time, attempt_view
from router.destinations.rendering.summary import rfc3339
from router.history.records import DeliveryRecord
from router.quantities import counted


class DeliveryState(enum.StrEnum):
    """The state of a delivery that has not ended (``OpenState``), or its end (``DeliveryOutcome``)."""

    WAITING = "waiting"
    """Its first or next attempt is due at a time."""
    IN_FLIGHT = "in flight"
    """A worker has it."""
    BEHIND_ANOTHER = "behind another"
    """An earlier delivery of its key comes first."""
    DELIVERED = "delivered"
    DEAD_LETTERED = "dead-lettered"
    DISCARDED = "discarded"

    @classmethod
    def parse(cls, words: Iterable[str]) -> "frozenset[DeliveryState]":
        """Return the states of words, of which ``open`` is all that have not ended; raise ValueError."""
        found: set[DeliveryState] = set()
        for word in words:
            if word == "open":
                found |= OPEN_STATES
                continue
            try:
                found.add(cls(word))
            except ValueError:
                expected = ", ".join(("open", *cls))
                raise ValueError(f"{word[:40]!r} is none, expected {expected}") from None
        return frozenset(found)


OPEN_STATES: Final = frozenset(
    {DeliveryState.WAITING, DeliveryState.IN_FLIGHT, DeliveryState.BEHIND_ANOTHER}
)
"""The states of deliveries that have not ended."""

OptionalMoment = Annotated[str, Meta(description="RFC 3339, UTC; empty for none.")]


class DeliveryView(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery in a list."""

    id: str
    destination: str
    state: DeliveryState
    rule: str
    alert: Annotated[str, Meta(description="Id of the alert.")]
    key: Annotated[str, Meta(description="Key of the alert; its id if it stands alone.")]
    status: Annotated[str, Meta(description="What it tells: firing, acknowledged or resolved.")]
    event_id: Annotated[str, Meta(description="Id of the event that raised the alert.")]
    event: Annotated[
        str, Meta(description="Reference of that event in history; empty if it has none.")
    ] = ""
    raised_at: Time
    due_at: Annotated[
        str, Meta(description="When the next attempt is due: RFC 3339, UTC; empty for none.")
    ] = ""
    ended_at: OptionalMoment = ""
    attempts: Annotated[int, Meta(description="Attempts that count so far.")]
    seconds: Annotated[float, Meta(description="Duration of the last attempt in seconds.")] = 0.0
    http_status: Annotated[
        int | None, Meta(description="Status of the last response, null without one.")
    ] = None
    reason: Annotated[str, Meta(description="Why the last attempt failed; empty if none did.")] = ""
    replay_of: Annotated[
        str, Meta(description="Id of the original delivery; empty unless this is a replay.")
    ] = ""
    count: Annotated[int, Meta(description="Events or alerts that it tells of.")] = 1


class DeliveryDetails(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery with its failed attempts."""

    delivery: DeliveryView
    text: Annotated[str, Meta(description="A sentence on where it is, or how it ended.")]
    attempts: Annotated[
        tuple[AttemptView, ...], Meta(description="The last failed ones, the oldest first.")
    ]


def ended_delivery(record: DeliveryRecord) -> DeliveryDetails:
    """Return a delivery that has ended."""
    failed = record.failed_attempts
    view = DeliveryView(
        id=record.id,
        destination=record.destination,
        state=DeliveryState(record.outcome),
        rule=record.rule,
        alert=record.alert,
        key=record.key,
        status=record.status,
        event_id=record.event_id,
        event=record.event,
        raised_at=rfc3339(record.raised_at),
        ended_at=rfc3339(record.ended_at),
        attempts=record.attempts,
        seconds=record.seconds,
        http_status=record.http_status,
        reason=failed[-1].reason if failed else "",
        replay_of=record.replay_of,
        count=record.count,
    )
    return _details(view, failed)


def open_delivery(
    delivery: Delivery, state: DeliveryState, *, due_at: float, event: str
) -> DeliveryDetails:
    """Return a delivery that has not ended.

    Args:
        delivery: As the journal has it.
        state: Where it is.
        due_at: When the next attempt is due, in Unix seconds; 0 if that is not known.
        event: The reference of the event that raised its alert.
    """
    alert, failed = delivery.alert, delivery.failed_attempts
    last = failed[-1] if failed else None
    view = DeliveryView(
        id=delivery.id,
        destination=delivery.destination,
        state=state,
        rule=alert.rule,
        alert=alert.id,
        key=alert.key or alert.id,
        status=alert.status,
        event_id=alert.event_id,
        event=event,
        raised_at=rfc3339(alert.raised_at),
        due_at=rfc3339(due_at) if due_at else "",
        attempts=delivery.attempt - 1,
        seconds=last.seconds if last else 0.0,
        http_status=last.status if last else None,
        reason=last.reason if last else "",
        replay_of=delivery.replay_of,
        count=max(alert.count, alert.grouped),
    )
    return _details(view, failed)


def delivery_text(view: DeliveryView) -> str:
    """Return a sentence: ``delivered 14:31:07.9 (1 attempt, 82 ms)``, ``waiting, attempt 3 at …``."""
    why = f" ({view.reason})" if view.reason else ""
    attempts = counted(view.attempts, "attempt")
    match view.state:
        case DeliveryState.DELIVERED:
            return f"delivered {_clock(view.ended_at)} ({attempts}, {_span(view.seconds)})"
        case DeliveryState.DEAD_LETTERED:
            return f"dead letter since {_clock(view.ended_at)}, {attempts}{why}"
        case DeliveryState.DISCARDED:
            return f"discarded {_clock(view.ended_at)} by an operator, {attempts}{why}"
        case DeliveryState.BEHIND_ANOTHER:
            return "waits behind an earlier delivery of its key"
        case DeliveryState.IN_FLIGHT:
            return f"in flight, attempt {view.attempts + 1}{why}"
        case DeliveryState.WAITING:
            due = f" due {_clock(view.due_at)}" if view.due_at else ""
            return f"waiting, attempt {view.attempts + 1}{due}{why}"


def _details(view: DeliveryView, failed: tuple[Attempt, ...]) -> DeliveryDetails:
    return DeliveryDetails(
        delivery=view, text=delivery_text(view), attempts=tuple(map(attempt_view, failed))
    )


def _span(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _clock(time: str) -> str:
    """Return the UTC day and time of day of an RFC 3339 time: ``2026-11-30 14:31:07.912Z``."""
    return time.replace("T", " ")
