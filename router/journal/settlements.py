"""How a delivery leaves its set: delivered, requeued with its next attempt, or given up."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final

import msgspec

from router.alerts import AlertKey, AlertStatus, Delivery, DeliveryId
from router.clock import Clock
from router.journal import keys, ledger
from router.journal.connection import Connection
from router.journal.ended_deliveries import DeliveryOutcome, EndedDeliveries
from router.journal.history_log import HistoryLog, PackedHistory
from router.journal.keys import SetId
from router.journal.lanes import LaneArguments, lane_arguments, lane_of, log_overtaken
from router.journal.leases import NO_TOKEN, LeaseToken
from router.journal.script import (
    PackedArguments,
    PlainArguments,
    Script,
    ScriptCall,
    ScriptKeys,
    binary,
    pack,
)
from router.journal.set_moves import OVERTAKEN, SetKeys, SetMove, move_delivery
from router.journal.stored_alerts import ReferenceRecord, ReferringDelivery, encode_delivery

_encode = msgspec.msgpack.encode


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that was given up, with all its attempts."""

    delivery: Delivery
    reason: str
    died_at: float
    """Unix time in seconds."""
    version: Annotated[int, msgspec.Meta(lt=200)] = 101
    """See ``router.journal.records``."""
    number: float = 0.0
    """Its place among the deliveries of its alert key (``lanes.py``); 0 if it has none. Scripts write
    it, so it is the last field, and a number of fixed size."""


class ReferringLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter whose alert is stored by itself."""

    delivery: ReferenceRecord
    reason: str
    died_at: float
    version: Annotated[int, msgspec.Meta(lt=200)] = 101
    number: float = 0.0


class Done(msgspec.Struct, frozen=True):
    """A delivery that its receiver has."""

    set_id: SetId
    delivery: Delivery
    seconds: float = 0.0
    """The duration of the attempt."""
    status: int | None = None
    """The HTTP status of the response."""


class Requeued(msgspec.Struct, frozen=True):
    """A delivery to attempt again. ``delivery`` is as the next attempt needs it."""

    set_id: SetId
    delivery: Delivery
    due_at: float
    """Unix time in seconds."""
    in_digest: bool = False
    """Whether it shares a set with all deliveries of its destination that are due at that time."""
    token: LeaseToken = NO_TOKEN
    """The token of the set's lease."""
    decided_at: float | None = None
    """When ``due_at`` was computed, by the same clock: the clock may be set before it is recorded.
    None for the time of the record."""


class GivenUp(msgspec.Struct, frozen=True):
    """A delivery without a further attempt. ``delivery`` contains all that were made."""

    set_id: SetId
    delivery: Delivery
    reason: str
    token: LeaseToken = NO_TOKEN
    """The token of the set's lease."""


Settlement = Done | Requeued | GivenUp


class Settlements:
    """Records how deliveries ended.

    Args:
        connection: To Redis.
        clock: The clock.
        history: Makes the entries of history; None for none.
    """

    def __init__(
        self, connection: Connection, clock: Clock, history: HistoryLog | None = None
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._ended = EndedDeliveries(history, clock)

    async def settle(self, settlements: list[Settlement]) -> list[bool]:
        """Record how deliveries ended: one round trip, a transaction for each destination or end.

        The last delivery of a set ends its job. Idempotent. A decision to requeue or to give up
        changes nothing if another worker has the set's lease, because that worker decides. Having
        been delivered is a fact, and is recorded.

        Returns:
            For each settlement whether it is recorded. False if another worker decides, or if the
            delivery has left the set: that may have been an earlier call whose reply was lost.

        Raises:
            JournalUnavailableError: Any of them may not be recorded.
        """
        by_destination: dict[str, dict[SetId, list[Delivery]]] = {}
        ended: dict[str, list[Done]] = {}
        for settlement in settlements:
            if isinstance(settlement, Done):
                destination = settlement.delivery.destination
                sets = by_destination.setdefault(destination, {})
                sets.setdefault(settlement.set_id, []).append(settlement.delivery)
                ended.setdefault(destination, []).append(settlement)
        calls = [
            self._mark_delivered(destination, sets, ended[destination])
            for destination, sets in by_destination.items()
        ]
        first_decision = len(calls)
        for settlement in settlements:
            match settlement:
                case Requeued():
                    calls.append(self._requeue(settlement))
                case GivenUp():
                    calls.append(self._give_up(settlement))
                case Done():
                    pass
        replies = await self._connection.run_all(calls)
        for destination, (_, overtaken) in zip(by_destination, replies, strict=False):
            log_overtaken(destination, overtaken)
        decisions = iter(replies[first_decision:])
        return [
            isinstance(each, Done) or _is_recorded(each, next(decisions)) for each in settlements
        ]

    def _mark_delivered(
        self,
        destination: str,
        sets: Mapping[SetId, Sequence[Delivery]],
        ended: Sequence[Done],
    ) -> ScriptCall:
        delivered = [_delivered(set_id, deliveries) for set_id, deliveries in sets.items()]
        has_lanes = any(each.laned for each in delivered)
        history = self._ended.delivered(
            [(each.delivery, each.seconds, each.status) for each in ended]
        )
        return _MARK_DELIVERED(
            _MarkDeliveredKeys(
                open_sets=keys.open_sets(destination),
                ledger=keys.LEDGER,
                queue=keys.deliver_queue(destination),
            ),
            _MarkDeliveredArguments(
                ledger.delivered(destination),
                *keys.job_keys(""),
                pack(delivered),
                self._clock.journal_ms(),
                pack(lane_arguments(destination, self._clock)) if has_lanes else b"",
                *msgspec.structs.astuple(history),
            ),
        )

    def _requeue(self, settlement: Requeued) -> ScriptCall:
        delivery = settlement.delivery
        due_ms = int(settlement.due_at * 1000)
        if settlement.in_digest:
            new_set = keys.digest_set(delivery.destination, due_ms)
            # Never the set that the delivery leaves, because the script would delete it there.
            if new_set == settlement.set_id:
                new_set = keys.digest_set(delivery.destination, due_ms + 1)
        else:
            new_set = SetId(self._clock.new_id())
        decided_at = self._clock.now() if settlement.decided_at is None else settlement.decided_at
        due_in_ms = max(0, due_ms - int(decided_at * 1000))
        move = SetMove(
            settlement.set_id,
            new_set,
            delivery.destination,
            due_in_ms,
            lane_of(delivery),
            settlement.in_digest,
        )
        return move_delivery(
            move, delivery.id, encode_delivery(delivery), settlement.token, self._clock
        )

    def _give_up(self, settlement: GivenUp) -> ScriptCall:
        delivery = settlement.delivery
        destination = delivery.destination
        now = self._clock.now()
        key = lane_of(delivery)
        letter = DeadLetter(delivery=delivery, reason=settlement.reason, died_at=now)
        return _DEAD_LETTER(
            _DeadLetterKeys(
                *keys.set_keys(settlement.set_id, destination),
                records=keys.dead_letters(destination),
                index=keys.dead_letter_index(destination),
                ledger=keys.LEDGER,
            ),
            _DeadLetterArguments(
                set_id=settlement.set_id,
                delivery_id=delivery.id,
                set_ms=self._clock.journal_ms(),
                record=binary(encode_letter(letter)),
                ledger_field=ledger.dead(destination),
                token=settlement.token,
                superseded_field=ledger.superseded(destination),
                key=key,
                lanes=lane_arguments(destination, self._clock) if key else None,
                history=self._ended.given_up([delivery], DeliveryOutcome.DEAD_LETTERED).packed(),
            ),
        )


def encode_letter(letter: DeadLetter) -> bytes:
    """Return the record of a dead letter."""
    delivery = letter.delivery
    if not isinstance(delivery, ReferringDelivery):
        return _encode(letter)
    return _encode(
        ReferringLetter(
            delivery=ReferenceRecord.of(delivery, delivery.reference),
            reason=letter.reason,
            died_at=letter.died_at,
        )
    )


def _delivered(set_id: SetId, deliveries: Sequence[Delivery]) -> "_DeliveredOfSet":
    # What was read of a digest's set may be superseded by a delivery that refers to an alert.
    may_refer = keys.is_digest_set(set_id) or any(
        isinstance(delivery, ReferringDelivery) for delivery in deliveries
    )
    once = {delivery.id: delivery for delivery in deliveries}
    laned = [
        _LanedMessage(delivery.id, key, delivery.alert.status, delivery.alert.count)
        for delivery in once.values()
        if (key := lane_of(delivery))
    ]
    for message in laned:
        del once[message.delivery]
    return _DeliveredOfSet(set_id, keys.delivery_set(set_id), list(once), may_refer, laned)


def _is_recorded(settlement: Settlement, reply: int) -> bool:
    if reply == OVERTAKEN:
        log_overtaken(settlement.delivery.destination, 1)
    return reply in (1, OVERTAKEN)


class _MarkDeliveredKeys(ScriptKeys, frozen=True):
    open_sets: str
    ledger: str
    queue: str


class _MarkDeliveredArguments(PlainArguments, frozen=True):
    ledger_field: str
    job_prefix: str
    lease_prefix: str
    starts_prefix: str
    sets: bytes
    """A ``_DeliveredOfSet`` for each set, packed."""
    set_ms: int
    lanes: bytes
    """``LaneArguments``, packed; empty if no delivery has a lane."""
    history_options: bytes
    history_entry: bytes
    history_names: bytes
    history_records: int


class _DeliveredOfSet(msgspec.Struct, frozen=True, array_like=True):
    id: SetId
    set: str
    deliveries: list[DeliveryId]
    may_refer: bool
    """Whether the alert of any of them may be stored by itself."""
    laned: "list[_LanedMessage]"
    """Those that have a lane; ``deliveries`` are the others."""


class _LanedMessage(msgspec.Struct, frozen=True, array_like=True):
    delivery: DeliveryId
    key: AlertKey
    status: AlertStatus
    count: int


class _DeadLetterKeys(SetKeys, frozen=True):
    records: str
    index: str
    ledger: str


class _DeadLetterArguments(PackedArguments, frozen=True):
    set_id: SetId
    delivery_id: str
    set_ms: int
    record: msgspec.Raw
    ledger_field: str
    token: LeaseToken
    superseded_field: str
    key: str
    lanes: LaneArguments | None
    history: PackedHistory


_MARK_DELIVERED: Final = Script("mark_delivered", _MarkDeliveredKeys, _MarkDeliveredArguments)
_DEAD_LETTER: Final = Script("dead_letter", _DeadLetterKeys, _DeadLetterArguments)
