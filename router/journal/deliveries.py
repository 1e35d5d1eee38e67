"""A delivery's life: opened by ``Batches.finish``, taken, settled one by one.

A set is what one arq job delivers. Each delivery leaves its set when it is delivered, put back
(alone, in a set of its own, with its next attempt) or given up; what a crash leaves is what the
next run sends. So a crash repeats at most what was sent and not yet settled.
"""

from collections.abc import Sequence

import msgspec

from router.alerts import Delivery
from router.clock import Clock
from router.journal import jobs, keys, ledger
from router.journal.batches import Quarantined
from router.journal.connection import BEGIN, Connection, Script, ScriptCall
from router.journal.keys import SetId

_MARK_DELIVERED = Script("mark_delivered")
_RETRY = Script("retry")
_DEAD_LETTER = Script("dead_letter")
_encode = msgspec.msgpack.encode
_decode_delivery = msgspec.msgpack.Decoder(Delivery).decode


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that was given up, with every attempt at it."""

    delivery: Delivery
    reason: str
    died_at: float
    """Unix time in seconds."""


class Done(msgspec.Struct, frozen=True):
    """The receiver has it."""

    set_id: SetId
    delivery: Delivery


class Requeued(msgspec.Struct, frozen=True):
    """To be attempted again. ``delivery`` is as the next attempt needs it."""

    set_id: SetId
    delivery: Delivery
    due_at: float
    """Unix time in seconds."""
    in_digest: bool = False
    """In one set with all of its destination that fall due at that moment, instead of its own."""


class GivenUp(msgspec.Struct, frozen=True):
    """No further attempt. ``delivery`` holds all that were made."""

    set_id: SetId
    delivery: Delivery
    reason: str


Settlement = Done | Requeued | GivenUp


class Deliveries:
    """The journal's side of deliver."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._new_id = clock.new_id
        self._now = clock.now

    async def begin(self, set_id: SetId, destination: str) -> list[Delivery]:
        """What is left of a set, to which no more is added.

        Empty when all of it is settled; then its job has ended too. A record that is no delivery is
        moved to quarantine: it must not stop its neighbours.
        """
        queue = keys.deliver_queue(destination)
        found: list[bytes] = await self._connection.run(
            BEGIN,
            [keys.filling(queue), keys.delivery_set(set_id), queue, *keys.job_keys(set_id)],
            [set_id, "HGETALL"],
        )
        deliveries = []
        for field, record in zip(found[::2], found[1::2], strict=True):
            try:
                deliveries.append(_decode_delivery(record))
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                await self._quarantine(set_id, destination, field, record, str(error))
        return deliveries

    async def settle(self, settlements: list[Settlement]) -> None:
        """Record how deliveries ended, all in one round trip, each in a transaction of its own.

        With the last of a set its job ends. Idempotent. Raises JournalUnavailableError; then any of
        them may not be recorded.
        """
        done = [settlement for settlement in settlements if isinstance(settlement, Done)]
        calls = list(self._delivered(done))
        for settlement in settlements:
            match settlement:
                case Requeued():
                    calls.append(self._put_back(settlement))
                case GivenUp():
                    calls.append(self._give_up(settlement))
                case Done():
                    pass
        await self._connection.run_all(calls)

    def _delivered(self, done: Sequence[Done]) -> list[ScriptCall]:
        by_destination: dict[str, dict[SetId, list[str]]] = {}
        for settlement in done:
            sets = by_destination.setdefault(settlement.delivery.destination, {})
            sets.setdefault(settlement.set_id, []).append(settlement.delivery.id)
        return [
            ScriptCall(
                _MARK_DELIVERED,
                [
                    keys.open_sets(destination),
                    keys.LEDGER,
                    keys.deliver_queue(destination),
                    *map(keys.delivery_set, sets),
                ],
                [
                    ledger.delivered(destination),
                    *keys.job_keys(""),
                    *(part for set_id, ids in sets.items() for part in (set_id, len(ids), *ids)),
                ],
            )
            for destination, sets in by_destination.items()
        ]

    def _put_back(self, settlement: Requeued) -> ScriptCall:
        delivery = settlement.delivery
        queue = keys.deliver_queue(delivery.destination)
        due_ms = int(settlement.due_at * 1000)
        new_set = SetId(self._new_id())
        if settlement.in_digest:
            gathered = keys.digest_set(delivery.destination, due_ms)
            # Never into the set that it is taken out of: it would be gone.
            new_set = new_set if gathered == settlement.set_id else gathered
        return ScriptCall(
            _RETRY,
            [
                keys.delivery_set(settlement.set_id),
                keys.open_sets(delivery.destination),
                keys.delivery_set(new_set),
                keys.job(new_set),
                queue,
                *keys.job_keys(settlement.set_id),
            ],
            [
                settlement.set_id,
                delivery.id,
                new_set,
                due_ms,
                jobs.payload(jobs.DELIVER, due_ms),
                _encode(delivery),
                keys.wake_channel(queue),
            ],
        )

    def _give_up(self, settlement: GivenUp) -> ScriptCall:
        delivery = settlement.delivery
        now = self._now()
        letter = DeadLetter(delivery=delivery, reason=settlement.reason, died_at=now)
        return ScriptCall(
            _DEAD_LETTER,
            [
                keys.delivery_set(settlement.set_id),
                keys.open_sets(delivery.destination),
                keys.dead_letters(delivery.destination),
                keys.dead_letter_index(delivery.destination),
                keys.LEDGER,
                keys.deliver_queue(delivery.destination),
                *keys.job_keys(settlement.set_id),
            ],
            [
                settlement.set_id,
                delivery.id,
                int(now * 1000),
                _encode(letter),
                ledger.dead(delivery.destination),
            ],
        )

    async def _quarantine(
        self, set_id: SetId, destination: str, field: bytes, record: bytes, reason: str
    ) -> None:
        now = self._now()
        kept = Quarantined(reason=f"not a delivery: {reason}", body=record, received_at=now)
        await self._connection.run(
            _DEAD_LETTER,
            [
                keys.delivery_set(set_id),
                keys.open_sets(destination),
                keys.QUARANTINE,
                keys.QUARANTINE_INDEX,
                keys.LEDGER,
                keys.deliver_queue(destination),
                *keys.job_keys(set_id),
            ],
            [set_id, field, int(now * 1000), _encode(kept), ledger.dead(destination)],
        )


async def dead_letters(
    connection: Connection, destination: str, *, newest: int
) -> list[DeadLetter]:
    """The newest dead letters of a destination, newest first."""
    ids: list[bytes] = await connection.ask(
        connection.redis.zrevrange(keys.dead_letter_index(destination), 0, newest - 1)
    )
    if not ids:
        return []
    records: list[bytes | None] = await connection.ask(
        connection.redis.hmget(keys.dead_letters(destination), ids)
    )
    decode = msgspec.msgpack.Decoder(DeadLetter).decode
    return [decode(record) for record in records if record is not None]
