"""Alerts that are stored once, for all deliveries of them.

An alert contains its event, and so is large. With one destination it is part of the delivery. With
several ones, ``finish`` stores it by itself and each delivery has a reference. A hash has the alerts
of one transaction: field ``<n>`` is the alert, ``<n>#`` the number of its references, which is that of
the records that contain one. A script moves a delivery with its reference: to another set, to the dead
letters, back, to quarantine. A script that deletes or overwrites a record ends the reference in it,
and the last one deletes the alert. It takes the reference from what is stored (``end_reference`` of
prelude.lua): what a worker has read may have been superseded, and its reference was ended then.

A reference is ``<id of the hash>.<n>.<bytes>``. The bytes tell a reader how much it will load.
"""

import asyncio
from collections.abc import Collection, Sequence
from typing import Annotated, Final, Self

import msgspec

from router.alerts import Alert, Attempt, Delivery, DeliveryId
from router.errors import RecordError
from router.journal import keys
from router.journal.connection import Connection
from router.journal.records import RecordReader, version_of_array
from router.journal.script import PackedArguments, Script, ScriptKeys

REFERENCE_VERSION: Final = 200
"""The form of a delivery whose alert is stored by itself; see ``router.journal.records``."""
LOAD_BYTES: Final = 4 << 20
"""The bytes of alerts of one page of deliveries, unless one is larger."""
_REPLY_BYTES: Final = 1 << 20
"""The bytes of alerts in one reply of Redis, unless one is larger: Redis has it in memory."""

_UNSTORED_VERSION: Final = 100
"""The version of a delivery that refers to its alert. Its record has REFERENCE_VERSION instead."""

_encode = msgspec.msgpack.encode
_decode_alert = msgspec.msgpack.Decoder(Alert).decode
_ENDING: Final = _encode(REFERENCE_VERSION)


class ReferringDelivery(Delivery, frozen=True, kw_only=True, array_like=True):
    """A delivery whose alert is stored by itself."""

    reference: str = ""


class ReferenceRecord(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A ``ReferringDelivery`` as it is stored: the reference in place of the alert."""

    id: DeliveryId
    destination: str
    reference: str
    attempt: int
    failed_attempts: tuple[Attempt, ...]
    replays: int
    replay_of: str
    version: Annotated[int, msgspec.Meta(ge=REFERENCE_VERSION, lt=300)] = REFERENCE_VERSION

    @classmethod
    def of(cls, delivery: Delivery, reference: str) -> Self:
        """Return the record of a delivery."""
        return cls(
            id=delivery.id,
            destination=delivery.destination,
            reference=reference,
            attempt=delivery.attempt,
            failed_attempts=delivery.failed_attempts,
            replays=delivery.replays,
            replay_of=delivery.replay_of,
        )

    @property
    def alert_bytes(self) -> int:
        """The size of the alert; 0 if the reference does not say so."""
        _, _, size = self.reference.rpartition(".")
        return int(size) if size.isdigit() else 0

    def restore(self, alert: Alert) -> ReferringDelivery:
        """Return the delivery."""
        return ReferringDelivery(
            id=self.id,
            destination=self.destination,
            alert=alert,
            attempt=self.attempt,
            failed_attempts=self.failed_attempts,
            replays=self.replays,
            replay_of=self.replay_of,
            reference=self.reference,
            version=_UNSTORED_VERSION,
        )


_decode_reference = msgspec.msgpack.Decoder(ReferenceRecord).decode
_reader = RecordReader(
    "delivery", msgspec.msgpack.Decoder(Delivery).decode, version=version_of_array, limit=300
)


def encode_delivery(delivery: Delivery) -> bytes:
    """Return the record of a delivery."""
    if isinstance(delivery, ReferringDelivery):
        return _encode(ReferenceRecord.of(delivery, delivery.reference))
    return _encode(delivery)


def decode_delivery(record: bytes) -> Delivery | ReferenceRecord:
    """Return the delivery in a record, without its alert if that is stored by itself.

    Raises:
        NewerRecordError: A newer router wrote it.
        RecordError: It is not a delivery.
    """
    if record.endswith(_ENDING):  # its last element is its version
        try:
            return _decode_reference(record)
        except msgspec.MsgspecError:
            pass
    return _reader.read(record)


class StoredAlerts:
    """Loads alerts. Its methods raise JournalUnavailableError."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        # One reply at a time, because the jobs of all destinations load at once.
        self._loading = asyncio.Lock()

    async def restore(
        self, records: Sequence[Delivery | ReferenceRecord]
    ) -> list[Delivery | RecordError]:
        """Return the deliveries with their alerts, or why one has none."""
        referring = [each for each in records if isinstance(each, ReferenceRecord)]
        if not referring:
            return [each for each in records if isinstance(each, Delivery)]
        alerts: dict[str, Alert | RecordError] = {}
        for references in _chunks(referring):
            async with self._loading:
                alerts |= await self._load(references)
        restored: list[Delivery | RecordError] = []
        for record in records:
            if isinstance(record, Delivery):
                restored.append(record)
                continue
            alert = alerts[record.reference]
            restored.append(record.restore(alert) if isinstance(alert, Alert) else alert)
        return restored

    async def _load(self, references: Collection[str]) -> dict[str, Alert | RecordError]:
        by_key: dict[str, list[str]] = {}
        for reference in references:
            by_key.setdefault(_place(reference)[0], []).append(reference)
        fields = [[_place(each)[1] for each in group] for group in by_key.values()]
        replies: list[list[bytes | None]] = await self._connection.run(
            _READ_ALERTS(_ReadAlertsKeys(tuple(by_key)), _ReadAlertsArguments(fields))
        )
        return {
            reference: _alert(reference, stored)
            for group, found in zip(by_key.values(), replies, strict=True)
            for reference, stored in zip(group, found, strict=True)
        }


def _chunks(records: Sequence[ReferenceRecord]) -> list[list[str]]:
    """Return the references of records in lists that fit into one reply each."""
    chunks: list[list[str]] = [[]]
    size = 0
    for reference, alert_bytes in {each.reference: each.alert_bytes for each in records}.items():
        if chunks[-1] and size + alert_bytes > _REPLY_BYTES:
            chunks.append([])
            size = 0
        chunks[-1].append(reference)
        size += alert_bytes
    return chunks


def _place(reference: str) -> tuple[str, str]:
    name, _, rest = reference.partition(".")
    return keys.stored_alerts(name), rest.partition(".")[0]


def _alert(reference: str, stored: bytes | None) -> Alert | RecordError:
    if stored is None:
        return RecordError(f"a delivery whose alert is gone: nothing is stored as {reference!r}")
    try:
        return _decode_alert(stored)
    except msgspec.MsgspecError as error:
        return RecordError(f"not an alert: {error}")


class _ReadAlertsKeys(ScriptKeys, frozen=True):
    alerts: tuple[str, ...]


class _ReadAlertsArguments(PackedArguments, frozen=True):
    fields: list[list[str]]
    """The fields of each key."""


_READ_ALERTS: Final = Script("read_alerts", _ReadAlertsKeys, _ReadAlertsArguments)
