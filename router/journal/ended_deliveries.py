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
    alert_id = alert.id
    key = "" if str(alert.key) == alert_id else alert.key
    names = name_digest(delivery.id) + name_digest(alert_id)
    if key:
        names += name_digest(key)
    members = b""
    if alert.members:
        members = b"".join([name_digest(each.id) for each in alert.members[:MEMBERS_FOUND]])
    event_key = key_of(alert.event_type, alert.event_source, alert.event_id, alert.event)
    # An EndedDelivery; a tuple is encoded in half the time.
    record = (
        compact_id(delivery.id),
        delivery.destination,
        alert.rule,
        compact_id(alert_id),
        compact_id(key) if key else "",
        alert.event_id,
        name_digest(event_key),
        alert.status,
        outcome,
        max(0, int(1000 * (now - alert.raised_at))),
        int(1e6 * seconds),
        delivery.attempt,
        http_status,
        max(alert.count, alert.grouped),
        delivery.failed_attempts,
        compact_id(delivery.replay_of) if delivery.replay_of else "",
        members,
    )
    return HistoryRecord(msgspec.Raw(_encode(record)), names + members)


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
    prefix = _PREFIXES.get(text[:-_ID_LENGTH])
    if prefix is None:
        return text
    try:
        raw = bytes.fromhex(text[-_ID_LENGTH:])
    except ValueError:
        return text
    return prefix + raw if text.endswith(raw.hex()) else text


_PREFIXES: Final = {"msg_": b"m", "al_": b"a", "ak_": b"k"}
_WORDS: Final = {b"m": "msg_", b"a": "al_", b"k": "ak_"}


def full_id(stored: str | bytes) -> str:
    """Return the id that ``compact_id`` made compact."""
    if isinstance(stored, str):
        return stored
    return _WORDS.get(stored[:1], "") + stored[1:].hex()
