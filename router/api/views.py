"""What operators see of dead letters, quarantine and destinations: the JSON of API and commands.

The journal's own records are compact arrays; here each field has its name and times are RFC 3339.
"""

from typing import Any

import msgspec

from router.alerts import Attempt
from router.destinations.rendering.summary import rfc3339
from router.journal.deliveries import DeadLetter
from router.journal.ledger import DestinationLedger
from router.journal.pauses import Pause
from router.journal.quarantine import QuarantineRecord, decoded


class AttemptView(msgspec.Struct, frozen=True):
    """One failed attempt. ``response`` is the first KiB of what the receiver said."""

    number: int
    at: str
    seconds: float
    reason: str
    status: int | None
    response: str
    reached: tuple[str, ...]


class DeadLetterView(msgspec.Struct, frozen=True, kw_only=True):
    """One dead letter, in a list."""

    id: str
    destination: str
    rule: str
    severity: str
    alert: str
    event: str
    event_type: str
    reason: str
    died_at: str
    attempts: int
    replays: int


class DeadLetterDetails(msgspec.Struct, frozen=True, kw_only=True):
    """One dead letter, whole."""

    letter: DeadLetterView
    replay_of: str
    attempts: tuple[AttemptView, ...]
    event: Any
    """The CloudEvent; text where it is no JSON."""


class QuarantineView(msgspec.Struct, frozen=True, kw_only=True):
    """One quarantined event, in a list."""

    id: str
    reason: str
    path: str
    received_at: str
    size_bytes: int
    can_be_replayed: bool


class QuarantineDetails(msgspec.Struct, frozen=True, kw_only=True):
    item: QuarantineView
    body: Any
    """What came in; text where it is no JSON."""


class DestinationView(msgspec.Struct, frozen=True, kw_only=True):
    """One destination. ``state`` is running, paused or disabled."""

    name: str
    state: str
    since: str
    reason: str
    by: str
    pending: int
    delivered: int
    dead: int


def dead_letter_view(letter: DeadLetter) -> DeadLetterView:
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


def dead_letter_details(letter: DeadLetter) -> DeadLetterDetails:
    return DeadLetterDetails(
        letter=dead_letter_view(letter),
        replay_of=letter.delivery.replay_of,
        attempts=tuple(map(_attempt_view, letter.delivery.failed_attempts)),
        event=_readable(letter.delivery.alert.event),
    )


def quarantine_view(item: QuarantineRecord) -> QuarantineView:
    record = item.record
    return QuarantineView(
        id=item.id,
        reason=record.reason,
        path=record.path,
        received_at=rfc3339(record.received_at),
        size_bytes=len(record.body),
        can_be_replayed=decoded(record) is not None,
    )


def quarantine_details(item: QuarantineRecord) -> QuarantineDetails:
    return QuarantineDetails(item=quarantine_view(item), body=_readable(item.record.body))


def destination_view(
    name: str, counts: DestinationLedger | None, hold: Pause | None
) -> DestinationView:
    counts = counts or DestinationLedger()
    return DestinationView(
        name=name,
        state="running" if hold is None else hold.kind,
        since="" if hold is None else rfc3339(hold.at),
        reason="" if hold is None else hold.reason,
        by="" if hold is None else hold.by,
        pending=counts.pending,
        delivered=counts.delivered,
        dead=counts.dead,
    )


def _attempt_view(attempt: Attempt) -> AttemptView:
    return AttemptView(
        attempt.number,
        rfc3339(attempt.at),
        attempt.seconds,
        attempt.reason,
        attempt.status,
        attempt.response,
        attempt.reached,
    )


def _readable(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return body.decode("utf-8", "replace")
