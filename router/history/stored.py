"""The forms in which history stores events, and how they are read.

| entry of | msgpack array, compressed |
|---|---|
| events | form, Unix seconds of the record, generation of the rules, part of the bodies that is kept, \
``StoredEvent`` for each event |
| deliveries | form, Unix seconds of the record, ``EndedDelivery`` for each (``journal/ended_deliveries.py``) |

An entry of another form, or one that is damaged, is skipped. New fields are appended to the arrays of
events and deliveries, so that older readers read the others.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from router.alerts import AlertId, AlertKey, DeliveryId
from router.events.json_text import decode_json
from router.events.model import Event, key_of
from router.history.records import (
    DeliveryRecord,
    EventMatch,
    EventOutcome,
    EventRecord,
)
from router.journal.ended_deliveries import EndedDelivery, full_id
from router.journal.history_log import FORM, NAME_BYTES, HistoryRecord, name_digest, unpacked
from router.settings.choices import KeptBody

_UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)


class StoredEvent(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An event as it is stored. New fields are appended with defaults."""

    received_at: float
    body: bytes
    outcome: EventOutcome
    matches: tuple[EventMatch, ...] = ()
    reason: str = ""
    is_masked: bool = False


class _EventEntry(msgspec.Struct, frozen=True, array_like=True):
    form: int
    finished_at: float
    generation: str
    kept: KeptBody
    events: tuple[msgspec.Raw, ...]


class _DeliveryEntry(msgspec.Struct, frozen=True, array_like=True):
    form: int
    ended_at: float
    deliveries: tuple[msgspec.Raw, ...]


class _Attributes(msgspec.Struct, frozen=True):
    """The attributes of an event that its record shows."""

    id: str
    source: str
    type: str
    subject: str | None = None
    time: str | None = None


_encode = msgspec.msgpack.encode
_decode_events = msgspec.msgpack.Decoder(_EventEntry).decode
_decode_event = msgspec.msgpack.Decoder(StoredEvent).decode
_decode_deliveries = msgspec.msgpack.Decoder(_DeliveryEntry).decode
_decode_delivery = msgspec.msgpack.Decoder(EndedDelivery).decode
_decode_attributes = msgspec.json.Decoder(_Attributes).decode


def event_record(event: Event, stored: StoredEvent) -> HistoryRecord:
    """Return the record of an event, found by the event's key."""
    return HistoryRecord(msgspec.Raw(_encode(stored)), name_digest(event.key))


class Place(msgspec.Struct, frozen=True, order=True):
    """The position of a record; as text ``<segment>.<entry>.<record>``."""

    segment: int
    entry: int
    record: int

    def __str__(self) -> str:
        return f"{self.segment}.{self.entry}.{self.record}"

    @classmethod
    def parse(cls, text: str) -> "Place":
        """Return the place with this text. Raises ValueError if it is none."""
        parts = text.split(".")
        if len(parts) != 3 or not all(p.isascii() and p.isdigit() and len(p) < 16 for p in parts):
            raise ValueError(f"{text[:60]!r} is not a cursor: use the one of the previous page")
        return cls(*map(int, parts))


class EntryEvents:
    """The events of an entry, each decoded when it is asked for. ``read`` returns one."""

    def __init__(self, entry: _EventEntry, segment: int, at: int) -> None:
        self._entry = entry
        self._segment = segment
        self._at = at

    @classmethod
    def read(cls, content: bytes, segment: int, at: int) -> "EntryEvents | None":
        """Return the events of an entry; None if it cannot be read, or is of another form.

        Args:
            content: The entry as it is stored.
            segment: The number of its segment.
            at: Its position there.
        """
        try:
            entry = _decode_events(unpacked(content))
        except (msgspec.MsgspecError, ValueError):
            return None
        return cls(entry, segment, at) if entry.form == FORM else None

    def __len__(self) -> int:
        return len(self._entry.events)

    @property
    def finished_at(self) -> float:
        """Unix time in seconds at which they were recorded."""
        return self._entry.finished_at

    def stored(self, number: int) -> StoredEvent | None:
        """Return an event as it is stored; None if it cannot be read, or the entry has no such event."""
        try:
            return _decode_event(self._entry.events[number])
        except (msgspec.MsgspecError, IndexError):
            return None

    def record(self, number: int, stored: StoredEvent) -> EventRecord | None:
        """Return the record of an event; None if it cannot be read."""
        try:
            attributes = attributes_of(stored.body)
        except _UNREADABLE:
            return None
        key = key_of(attributes.type, attributes.source, attributes.id, stored.body)
        return EventRecord(
            position=str(Place(self._segment, self._at, number)),
            reference=name_digest(key).hex(),
            id=attributes.id,
            source=attributes.source,
            type=attributes.type,
            subject=attributes.subject or "",
            time=attributes.time or "",
            key=key,
            received_at=stored.received_at,
            finished_at=self._entry.finished_at,
            outcome=stored.outcome,
            reason=stored.reason,
            matches=stored.matches,
            generation=self._entry.generation,
            kept=self._entry.kept,
            is_masked=stored.is_masked,
            body=stored.body,
        )


def attributes_of(body: bytes) -> _Attributes:
    """Return the attributes in a body. Raises MsgspecError, ValueError or RecursionError."""
    try:
        return _decode_attributes(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return msgspec.convert(decode_json(body), _Attributes)


def delivery_records(entry: bytes, segment: int, at: int) -> Iterator[DeliveryRecord]:
    """Return the deliveries of an entry, in order. What cannot be read is left out."""
    try:
        found = _decode_deliveries(unpacked(entry))
    except (msgspec.MsgspecError, ValueError):
        return
    if found.form != FORM:
        return
    for number, raw in enumerate(found.deliveries):
        try:
            ended = _decode_delivery(raw)
        except msgspec.MsgspecError:
            continue
        yield _delivery(ended, found.ended_at, str(Place(segment, at, number)))


def _delivery(ended: EndedDelivery, ended_at: float, position: str) -> DeliveryRecord:
    alert = AlertId(full_id(ended.alert))
    return DeliveryRecord(
        position=position,
        id=DeliveryId(full_id(ended.id)),
        destination=ended.destination,
        rule=ended.rule,
        alert=alert,
        key=AlertKey(full_id(ended.key) or alert),
        status=ended.status,
        event_id=ended.event_id,
        event=ended.event.hex(),
        outcome=ended.outcome,
        raised_at=ended_at - ended.lasted_ms / 1000,
        ended_at=ended_at,
        attempts=ended.attempts,
        seconds=ended.attempt_us / 1e6,
        http_status=ended.http_status,
        failed_attempts=ended.failed_attempts,
        replay_of=full_id(ended.replay_of),
        count=ended.count,
        alerts=frozenset({name_digest(alert).hex(), *_digests(ended.members)}),
    )


def _digests(members: bytes) -> Iterator[str]:
    for at in range(0, len(members), NAME_BYTES):
        yield members[at : at + NAME_BYTES].hex()
