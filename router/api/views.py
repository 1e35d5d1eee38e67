"""Dead letters, quarantined events and destinations as the API and the commands show them.

The records of the journal are compact arrays; here each field has its name, and times are RFC 3339.
"""

import enum
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from router.alerts import Attempt
from router.destinations.rendering.summary import rfc3339
from router.events.masks import Masks
from router.journal.ledger import DestinationLedger
from router.journal.pauses import Pause, PauseKind
from router.journal.quarantine import QuarantineRecord, can_be_replayed
from router.journal.settlements import DeadLetter

_DATE_TIME: Final = Meta(extra_json_schema={"format": "date-time"})
Time = Annotated[str, _DATE_TIME]
"""RFC 3339, UTC, with milliseconds."""


class AttemptView(msgspec.Struct, frozen=True):
    """One failed attempt."""

    number: int
    at: Time
    seconds: Annotated[float, Meta(description="Duration in seconds.")]
    reason: str
    status: Annotated[int | None, Meta(description="HTTP or SMTP status, null without response.")]
    response: Annotated[str, Meta(description="First KiB of the receiver's response.")]
    reached: Annotated[tuple[str, ...], Meta(description="Recipients that accepted the message.")]


class DeadLetterView(msgspec.Struct, frozen=True, kw_only=True):
    """One dead letter in a list."""

    id: str
    destination: str
    rule: str
    severity: str
    alert: Annotated[str, Meta(description="Id of the alert.")]
    event: Annotated[str, Meta(description="Id of the event.")]
    event_type: str
    reason: Annotated[str, Meta(description="Why the delivery was given up.")]
    died_at: Time
    attempts: Annotated[int, Meta(description="Number of failed attempts.")]
    replays: Annotated[int, Meta(description="How often it was replayed.")]


class DeadLetterDetails(msgspec.Struct, frozen=True, kw_only=True):
    """One dead letter with its attempts and its event."""

    letter: DeadLetterView
    replay_of: Annotated[str, Meta(description="Id of the dead letter that this one replays.")]
    attempts: tuple[AttemptView, ...]
    event: Annotated[Any, Meta(description="The CloudEvent; a string if it is not JSON.")]


class QuarantineView(msgspec.Struct, frozen=True, kw_only=True):
    """One quarantined event in a list."""

    id: str
    reason: Annotated[str, Meta(description="Why the event is in quarantine.")]
    path: Annotated[str, Meta(description="JSON path of the fault, empty if unknown.")]
    received_at: Time
    size_bytes: int
    can_be_replayed: Annotated[bool, Meta(description="Whether the event would be accepted now.")]


class QuarantineDetails(msgspec.Struct, frozen=True, kw_only=True):
    """One quarantined event with its body."""

    item: QuarantineView
    body: Annotated[Any, Meta(description="The event as received; a string if it is not JSON.")]


class DestinationState(enum.StrEnum):
    """Whether deliveries are attempted."""

    RUNNING = "running"
    PAUSED = "paused"
    """By an operator, or because it refused everything."""
    DISABLED = "disabled"
    """By a 410 response of the receiver."""


_STATES: Final = {
    PauseKind.PAUSED: DestinationState.PAUSED,
    PauseKind.DISABLED: DestinationState.DISABLED,
    PauseKind.REFUSED: DestinationState.PAUSED,
}


class DestinationView(msgspec.Struct, frozen=True, kw_only=True):
    """One destination and its counters."""

    name: str
    state: DestinationState
    since: Annotated[str, Meta(description="Time of the pause, empty if running.")]
    reason: Annotated[str, Meta(description="Reason of the pause.")]
    by: Annotated[str, Meta(description="Who paused it.")]
    pending: Annotated[int, Meta(description="Deliveries that wait.")]
    delivered: Annotated[int, Meta(description="Deliveries that succeeded.")]
    dead: Annotated[int, Meta(description="Deliveries among the dead letters.")]


def dead_letter_view(letter: DeadLetter) -> DeadLetterView:
    """Return a dead letter as a list shows it."""
    delivery = letter.delivery
    alert = delivery.alert
    return DeadLetterView(
        id=delivery.id,
        destination=delivery.destination,
        rule=alert.rule,
        severity=alert.severity,
        alert=alert.id,
        event=alert.event_id,
        event_type=alert.event_type,
        reason=letter.reason,
        died_at=rfc3339(letter.died_at),
        attempts=len(delivery.failed_attempts),
        replays=delivery.replays,
    )


def dead_letter_details(letter: DeadLetter, masks: Masks) -> DeadLetterDetails:
    """Return a dead letter with its attempts and its event, masked."""
    return DeadLetterDetails(
        letter=dead_letter_view(letter),
        replay_of=letter.delivery.replay_of,
        attempts=tuple(map(attempt_view, letter.delivery.failed_attempts)),
        event=_json_or_text(masks.applied_to(letter.delivery.alert.event)[0]),
    )


def quarantine_view(item: QuarantineRecord) -> QuarantineView:
    """Return a quarantined event as a list shows it."""
    record = item.record
    return QuarantineView(
        id=item.id,
        reason=record.reason,
        path=record.path,
        received_at=rfc3339(record.received_at),
        size_bytes=len(record.body),
        can_be_replayed=can_be_replayed(record),
    )


def quarantine_details(item: QuarantineRecord, masks: Masks) -> QuarantineDetails:
    """Return a quarantined event with its body, masked."""
    body, _ = masks.applied_to(item.record.body)
    return QuarantineDetails(item=quarantine_view(item), body=_json_or_text(body))


def destination_view(
    name: str, counters: DestinationLedger | None, pause: Pause | None
) -> DestinationView:
    """Return a destination.

    Args:
        name: Its name.
        counters: Its counters, None if nothing was ever sent to it.
        pause: Its pause, None if it is running.
    """
    counters = counters or DestinationLedger()
    return DestinationView(
        name=name,
        state=_STATES[pause.kind] if pause is not None else DestinationState.RUNNING,
        since="" if pause is None else rfc3339(pause.at),
        reason="" if pause is None else pause.reason,
        by="" if pause is None else pause.by,
        pending=counters.pending,
        delivered=counters.delivered,
        dead=counters.dead,
    )


def attempt_view(attempt: Attempt) -> AttemptView:
    """Return a failed attempt."""
    return AttemptView(
        attempt.number,
        rfc3339(attempt.at),
        attempt.seconds,
        attempt.reason,
        attempt.status,
        attempt.response,
        attempt.reached,
    )


def _json_or_text(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return body.decode("utf-8", "replace")
