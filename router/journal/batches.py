"""A batch's life: accepted by ingress, begun by evaluate, finished once.

Between the commands, a crash costs nothing:
- before ``accept`` is acknowledged: the sender has no 2xx and sends again; if the transaction did
  happen, the second copy is a duplicate when it is claimed.
- after ``accept``: the batch stays open until ``finish``; arq runs its job, or the sweeper sees to
  it that one exists. Until somebody begins it, further commits go into the same batch.
- after ``begin``: nothing is added any more, and its events are claimed; a rerun finds the same events and
  its own claims.
- ``finish`` opens the deliveries, closes the batch and ends its job in one transaction.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from router.clock import Clock
from router.events.model import Event, Malformed, Received
from router.journal import jobs, keys
from router.journal.connection import Connection, Script
from router.journal.finish import SET_SIZE, Finish, FinishedWork, Quarantined, batch_work
from router.journal.keys import BatchId
from router.journal.rule_state import RuleState, WorkInRedis

__all__ = ["BATCH_SIZE", "EVENT_SIZE", "SET_SIZE", "Batches", "FinishedWork", "Quarantined"]

BATCH_SIZE: Final = 1000
"""Events in one batch, that is, in one arq job."""
EVENT_SIZE: Final = 4096
"""Bytes that one of them stands for: larger ones count as several, so that a bound on events bounds
memory too."""

_IDENTITIES_KEPT: Final = 86400
"""Seconds. They are made again where they are gone."""
_ACCEPT = Script("accept")
_BEGIN = Script("begin_batch")
_CLAIM = Script("claim")
_MINE: Final = ord("1")
_encode = msgspec.msgpack.encode
_decode_events = msgspec.msgpack.Decoder(list[Event]).decode


class ClaimedBatch(msgspec.Struct, frozen=True):
    """What a batch holds."""

    events: list[Event]
    claims: list[bool]
    """For each event, whether this batch is the one that may judge it."""


class Batches:
    """The journal's side of ingress and evaluate."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._new_id = clock.new_id
        self._now = clock.now
        self._state = RuleState(connection)
        self._finish = Finish(connection, clock)

    async def accept(self, group: Sequence[Received]) -> None:
        """Make the events of several requests durable, in the batch that is filling or a new one.

        Raises JournalUnavailableError; then they may or may not be durable.
        """
        batch_id = BatchId(self._new_id())
        events = [event for received in group for event in received.events]
        payload = _encode(events)
        now_ms = int(self._now() * 1000)
        malformed: list[str | bytes] = []
        for received in group:
            for item in received.malformed:
                malformed += [self._new_id(), _encode(_quarantined(item))]
        await self._connection.run(
            _ACCEPT,
            [
                keys.batch(batch_id),
                keys.BATCHES,
                keys.job(batch_id),
                keys.EVALUATE_QUEUE,
                keys.QUARANTINE,
                keys.QUARANTINE_INDEX,
                keys.LEDGER,
                keys.filling(keys.EVALUATE_QUEUE),
                keys.identities(batch_id),
            ],
            [
                batch_id,
                now_ms,
                keys.wake_channel(keys.EVALUATE_QUEUE),
                payload,
                jobs.payload(jobs.EVALUATE, now_ms),
                len(events),
                max(len(events), len(payload) // EVENT_SIZE),
                BATCH_SIZE,
                keys.batch(BatchId("")),
                keys.identities(""),
                "".join([keys.identity(event.key) for event in events]),
                _IDENTITIES_KEPT,
                *malformed,
            ],
        )

    async def begin(self, batch_id: BatchId, *, claim_seconds: int) -> ClaimedBatch | None:
        """An open batch, to which no more is added; None when it and its job are over.

        Its claims hold for so long. Idempotent. Raises JournalUnavailableError.
        """
        payloads, mine = await self._connection.run(
            _BEGIN,
            [
                keys.filling(keys.EVALUATE_QUEUE),
                keys.batch(batch_id),
                keys.identities(batch_id),
                keys.EVALUATE_QUEUE,
                *keys.job_keys(batch_id),
            ],
            [batch_id, claim_seconds, keys.seen("")],
        )
        events = [event for payload in payloads for event in _decode_events(payload)]
        if not events:
            return None
        claims = [each == _MINE for each in mine]
        if len(claims) != len(events):  # a replay's, or partly an older router's
            claims = await self._claim(batch_id, events, claim_seconds)
        return ClaimedBatch(events, claims)

    async def _claim(self, batch_id: BatchId, events: Sequence[Event], seconds: int) -> list[bool]:
        replies = await self._connection.run(
            _CLAIM,
            [keys.seen(keys.identity(event.key)) for event in events],
            [batch_id, seconds],
        )
        return [reply == 1 for reply in replies]

    def store(self, batch_id: BatchId) -> WorkInRedis:
        """Return the store on which the rules that match the batch's events are decided."""
        return self._state.open(batch_work(batch_id), int(self._now() * 1000))

    async def finish(self, batch_id: BatchId, verdict: FinishedWork) -> bool:
        """Close the batch and open its deliveries. False when somebody else already did."""
        return await self._finish(batch_work(batch_id), verdict)


def _quarantined(item: Malformed) -> Quarantined:
    return Quarantined(
        reason=item.reason, body=item.body, received_at=item.received_at, path=item.path
    )
