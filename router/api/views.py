"""What operators see of dead letters, quarantine and destinations: the JSON of API and commands.

The journal's own records are compact arrays; here each field has its name and times are RFC 3339.
"""

from typing import Any

import msgspec

from router.alerts import Attempt
from router.destinations.rendering.summary import moment
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


class LetterView(msgspec.Struct, frozen=True, kw_only=True):
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


class LetterDetails(msgspec.Struct, frozen=True, kw_only=True):
    """One dead letter, whole."""

    letter: LetterView
    replay_of: str
    attempts: tuple[AttemptView, ...]
    event: Any
    """The CloudEvent; text where it is no JSON."""


class ItemView(msgspec.Struct, frozen=True, kw_only=True):
    """One quarantined event, in a list."""

    id: str
    reason: str
    path: str
    received_at: str
    size_bytes: int
    can_be_replayed: bool


class ItemDetails(msgspec.Struct, frozen=True, kw_only=True):
    item: ItemView
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


def letter_view(letter: DeadLetter) -> LetterView:
    delivery = letter.delivery
    alert = delivery.alert
    return LetterView(
        id=delivery.id,
        destination=delivery.destination,
        rule=alert.rule,
        severity=alert.severity,
        alert=alert.id,
        event=alert.event_id,
        event_type=alert.event_type,
        reason=letter.reason,
        died_at=moment(letter.died_at),
        attempts=len(delivery.failed_attempts),
        replays=delivery.replays,
    )


def letter_details(letter: DeadLetter) -> LetterDetails:
    return LetterDetails(
        letter=letter_view(letter),
        replay_of=letter.delivery.replay_of,
        attempts=tuple(map(_attempt_view, letter.delivery.failed_attempts)),
        event=_readable(letter.delivery.alert.event),
    )


def item_view(item: QuarantineRecord) -> ItemView:
    record = item.record
    return ItemView(
        id=item.id,
        reason=record.reason,
        path=record.path,
        received_at=moment(record.received_at),
        size_bytes=len(record.body),
        can_be_replayed=decoded(record) is not None,
    )


def item_details(item: QuarantineRecord) -> ItemDetails:
    return ItemDetails(item=item_view(item), body=_readable(item.record.body))


def destination_view(
    name: str, counts: DestinationLedger | None, hold: Pause | None
) -> DestinationView:
    counts = counts or DestinationLedger()
    return DestinationView(
        name=name,
        state="running" if hold is None else hold.kind,
        since="" if hold is None else moment(hold.at),
        reason="" if hold is None else hold.reason,
        by="" if hold is None else hold.by,
        pending=counts.pending,
        delivered=counts.delivered,
        dead=counts.dead,
    )


def _attempt_view(attempt: Attempt) -> AttemptView:
    return AttemptView(
        attempt.number,
        moment(attempt.at),
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
