"""Deliveries that have ended, as history stores them: compact, without the alert.

An id that is a prefix and 24 hexadecimal digits is stored as its 12 bytes. A delivery is found by its own
id, by that of its alert and of each alert in a group, and by the alert's key.
"""

import enum
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from router.alerts import AlertStatus, Attempt, Delivery
from router.clock import Clock
from router.events.model import key_of
from router.journal.history_log import (
    DELIVERIES,
    NO_HISTORY,
    HistoryEntry,
    HistoryLog,
    HistoryRecord,
    name_digest,
)

MEMBERS_FOUND: Final = 20
"""Alerts of a group by whose id its delivery is found."""
_ID_LENGTH: Final = 24


class DeliveryOutcome(enum.StrEnum):
    """The end of a delivery. The values are stored: do not change them."""

    DELIVERED = "delivered"
    DEAD_LETTERED = "dead-lettered"
    DISCARDED = "discarded"


class EndedDelivery(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A delivery that has ended, as it is stored. New fields are appended with defaults."""

    id: Any
    destination: str
    rule: str
    alert: Any
    key: Any
    """``""`` if the alert stands alone."""
    event_id: str
    event: bytes
    """The digest of the event's key."""
    status: AlertStatus
    outcome: DeliveryOutcome
    lasted_ms: int
    """From the alert to the end."""
    attempt_us: int
    """The duration of the last attempt, in microseconds."""
    attempts: int
    http_status: int | None = None
    count: int = 1
    failed_attempts: tuple[Attempt, ...] = ()
    replay_of: Any = ""
    members: bytes = b""
    """The digests of the ids of further alerts in its group."""


_encode = msgspec.msgpack.encode


def _ended(
    delivery: Delivery,
    outcome: DeliveryOutcome,
    now: float,
    seconds: float,
    http_status: int | None,
) -> HistoryRecord:
    alert = delivery.alert
    is_alone = str(alert.key) == alert.id
    key = "" if is_alone else alert.key
    members = b"".join([name_digest(each.id) for each in alert.members[:MEMBERS_FOUND]])
    names = [delivery.id, alert.id, key] if key else [delivery.id, alert.id]
    record = EndedDelivery(
        id=compact_id(delivery.id),
        destination=delivery.destination,
        rule=alert.rule,
        alert=compact_id(alert.id),
        key=compact_id(key),
        event_id=alert.event_id,
        event=name_digest(
            key_of(alert.event_type, alert.event_source, alert.event_id, alert.event)
        ),
        status=alert.status,
        outcome=outcome,
        lasted_ms=max(0, int(1000 * (now - alert.raised_at))),
        attempt_us=int(1e6 * seconds),
        attempts=delivery.attempt,
        http_status=http_status,
        count=max(alert.count, alert.grouped),
        failed_attempts=delivery.failed_attempts,
        replay_of=compact_id(delivery.replay_of),
        members=members,
    )
    return HistoryRecord(msgspec.Raw(_encode(record)), b"".join(map(name_digest, names)) + members)


class EndedDeliveries:
    """Makes the entries of deliveries that end, for the transactions that end them.

    Args:
        log: Of history; None for no history.
        clock: The time.
    """

    def __init__(self, log: HistoryLog | None, clock: Clock) -> None:
        self._log = log
        self._now = clock.now

    def delivered(self, deliveries: Iterable[tuple[Delivery, float, int | None]]) -> HistoryEntry:
        """Return the entry of deliveries that their receiver has.

        ``deliveries`` are they, with the seconds and the HTTP status of their last attempt.
        """
        if self._log is None or not self._log.is_on:
            return NO_HISTORY
        now = self._now()
        return self._entry(
            now,
            [
                _ended(delivery, DeliveryOutcome.DELIVERED, now, seconds, status)
                for delivery, seconds, status in deliveries
            ],
        )

    def given_up(self, deliveries: Iterable[Delivery], outcome: DeliveryOutcome) -> HistoryEntry:
        """Return the entry of deliveries that end without their receiver."""
        if self._log is None or not self._log.is_on:
            return NO_HISTORY
        now = self._now()
        return self._entry(now, [_given_up(delivery, outcome, now) for delivery in deliveries])

    def _entry(self, now: float, records: Sequence[HistoryRecord]) -> HistoryEntry:
        return self._log.entry(DELIVERIES, (now,), records) if self._log else NO_HISTORY


def _given_up(delivery: Delivery, outcome: DeliveryOutcome, now: float) -> HistoryRecord:
    last = delivery.failed_attempts[-1] if delivery.failed_attempts else None
    return _ended(
        delivery, outcome, now, last.seconds if last else 0.0, last.status if last else None
    )


def compact_id(text: str) -> str | bytes:
    """Return the bytes of an id with 24 hexadecimal digits after its prefix, else the id."""
    prefix, _, digits = text.partition("_")
    if prefix in _PREFIXES and len(digits) == _ID_LENGTH:
        try:
            raw = bytes.fromhex(digits)
        except ValueError:
            return text
        if raw.hex() == digits:
            return _PREFIXES[prefix] + raw
    return text


_PREFIXES: Final = {"msg": b"m", "al": b"a", "ak": b"k"}
_WORDS: Final = {b"m": "msg_", b"a": "al_", b"k": "ak_"}


def full_id(stored: str | bytes) -> str:
    """Return the id that ``compact_id`` made compact."""
    if isinstance(stored, str):
        return stored
    return _WORDS.get(stored[:1], "") + stored[1:].hex()
