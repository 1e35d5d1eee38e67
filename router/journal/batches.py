"""A batch's life: accepted by ingress, loaded and claimed by evaluate, finished once.

Between the commands, a crash costs nothing:
- before ``accept`` is acknowledged: the sender has no 2xx and sends again; if the transaction did
  happen, the second copy is a duplicate when it is claimed.
- after ``accept``: the batch stays open until ``finish``; arq runs its job, or the sweeper sees to
  it that one exists.
- after ``claim``: a rerun of the batch finds its own claims.
- ``finish`` opens the deliveries and closes the batch in one transaction.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from router.alerts import Delivery
from router.clock import Clock
from router.events import Event, Malformed, Received
from router.journal import jobs, keys, ledger
from router.journal.connection import Connection, Script
from router.journal.keys import BatchId, SetId

SET_SIZE: Final = 100
"""Deliveries in one set, that is, in one arq job."""

_ACCEPT = Script("accept")
_CLAIM = Script("claim")
_FINISH = Script("finish")
_encode = msgspec.msgpack.encode
_decode_events = msgspec.msgpack.Decoder(list[Event]).decode


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """What could not be decoded or judged, kept until somebody looks at it."""

    reason: str
    body: bytes
    received_at: float
    """Unix time in seconds."""
    path: str = ""
    claimed_by: str = ""
    """The batch whose claim on the event stands; a replay lifts it. ``""`` where there is none."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a batch. Every event of it is in exactly one of the four counts."""

    duplicate: int
    filtered: int
    matched: int
    quarantined: tuple[Quarantined, ...]
    deliveries: tuple[Delivery, ...]


class Batches:
    """The journal's side of ingress and evaluate."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._new_id = clock.new_id
        self._now = clock.now

    async def accept(self, group: Sequence[Received]) -> int:
        """Make the events of several requests durable as one batch, one arq job.

        Returns how many such jobs there are, those that run included. Raises JournalUnavailableError; then they may or may not be durable.
        """
        batch_id = BatchId(self._new_id())
        events = [event for received in group for event in received.events]
        now_ms = int(self._now() * 1000)
        malformed: list[str | bytes] = []
        for received in group:
            for item in received.malformed:
                malformed += [self._new_id(), _encode(_quarantined(item))]
        jobs_waiting: int = await self._connection.run(
            _ACCEPT,
            [
                keys.batch(batch_id),
                keys.BATCHES,
                keys.job(batch_id),
                keys.EVALUATE_QUEUE,
                keys.QUARANTINE,
                keys.QUARANTINE_INDEX,
                keys.LEDGER,
            ],
            [
                batch_id,
                now_ms,
                keys.wake_channel(keys.EVALUATE_QUEUE),
                _encode(events),
                jobs.payload(jobs.EVALUATE, now_ms),
                len(events),
                *malformed,
            ],
        )
        return jobs_waiting

    async def load(self, batch_id: BatchId) -> list[Event] | None:
        """The events of an open batch; None when it is finished."""
        payload = await self._connection.ask(self._connection.redis.get(keys.batch(batch_id)))
        return None if payload is None else _decode_events(payload)

    async def claim(
        self, batch_id: BatchId, events: Sequence[Event], *, for_seconds: int
    ) -> list[bool]:
        """For each event, whether this batch is the one that may judge it."""
        replies = await self._connection.run(
            _CLAIM, [keys.seen(event.key) for event in events], [batch_id, for_seconds]
        )
        return [reply == 1 for reply in replies]

    async def finish(self, batch_id: BatchId, verdict: Verdict) -> bool:
        """Close the batch and open its deliveries. False when somebody else already did."""
        now_ms = int(self._now() * 1000)
        counts = _counts(verdict)
        quarantined: list[str | bytes] = []
        for item in verdict.quarantined:
            claimed = msgspec.structs.replace(item, claimed_by=batch_id)
            quarantined += [self._new_id(), _encode(claimed)]
        set_keys: list[str] = []
        set_arguments: list[str | int | bytes] = []
        for destination, records in _sets(verdict.deliveries):
            set_id = SetId(self._new_id())
            queue = keys.deliver_queue(destination)
            open_sets = keys.open_sets(destination)
            set_keys += [keys.delivery_set(set_id), open_sets, keys.job(set_id), queue]
            set_arguments += [set_id, jobs.payload(jobs.DELIVER, now_ms), keys.wake_channel(queue)]
            set_arguments += [ledger.opened(destination), len(records) // 2, *records]
        sizes = (len(counts) // 2, len(quarantined) // 2, len(set_keys) // 4)
        won = await self._connection.run(
            _FINISH,
            [
                keys.batch(batch_id),
                keys.BATCHES,
                keys.QUARANTINE,
                keys.QUARANTINE_INDEX,
                keys.LEDGER,
                *set_keys,
            ],
            [batch_id, now_ms, *sizes, *counts, *quarantined, *set_arguments],
        )
        return bool(won)


def _counts(verdict: Verdict) -> list[str | int]:
    """The ledger's fields and what to add to each."""
    amounts = (
        (ledger.DUPLICATE, verdict.duplicate),
        (ledger.FILTERED, verdict.filtered),
        (ledger.MATCHED, verdict.matched),
        (ledger.QUARANTINED, len(verdict.quarantined)),
    )
    return [part for field, amount in amounts if amount for part in (field, amount)]


def _quarantined(item: Malformed) -> Quarantined:
    return Quarantined(
        reason=item.reason, body=item.body, received_at=item.received_at, path=item.path
    )


def _sets(deliveries: Iterable[Delivery]) -> Iterable[tuple[str, list[str | bytes]]]:
    """Cut into one-destination sets of at most SET_SIZE: (destination, [id, record, ...])."""
    records: dict[str, list[str | bytes]] = {}
    encoded: dict[str, msgspec.Raw] = {}
    for delivery in deliveries:
        alert = encoded.get(delivery.alert.id)
        if alert is None:  # an alert goes to several destinations, it is encoded once
            alert = encoded[delivery.alert.id] = msgspec.Raw(_encode(delivery.alert))
        fields = (delivery.id, delivery.destination, alert, delivery.attempt, ())
        records.setdefault(delivery.destination, []).extend((delivery.id, _encode(fields)))
    for destination, all_records in records.items():
        for start in range(0, len(all_records), 2 * SET_SIZE):
            yield destination, all_records[start : start + 2 * SET_SIZE]
