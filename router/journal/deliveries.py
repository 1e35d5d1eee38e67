"""The life of a delivery: opened by ``Finish``, begun with its set, settled by itself.

A set is what one arq job delivers. A delivery leaves its set when it is delivered, requeued (in a
set of its own, with its next attempt) or given up. After a crash the next run of the job finds the
rest, so a crash repeats at most the deliveries that were sent and not yet settled.

A set is read in pages, limited by their deliveries and bytes. A set as ``finish`` opens it is one page.
That of a digest may be larger than the memory of a worker.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Annotated, Final

import msgspec

from router.alerts import Delivery, DeliveryId
from router.clock import Clock
from router.errors import NewerRecordError, RecordError
from router.journal import jobs, keys, ledger
from router.journal.connection import Connection
from router.journal.delivery_sets import SET_SIZE
from router.journal.job_queue import LOST, lease_lost
from router.journal.keys import SetId
from router.journal.leases import NO_TOKEN, LeaseToken
from router.journal.records import POSTPONE_SECONDS
from router.journal.script import (
    PackedArguments,
    PlainArguments,
    Script,
    ScriptCall,
    ScriptKeys,
    binary,
    pack,
)
from router.journal.set_aside import SetAside
from router.journal.stored_alerts import (
    LOAD_BYTES,
    ReferenceRecord,
    ReferringDelivery,
    StoredAlerts,
    decode_delivery,
    encode_delivery,
)
from router.journal.unreadable import report, text_of

logger = logging.getLogger(__name__)

_encode = msgspec.msgpack.encode


FIRST_PAGE: Final = "0"
"""The cursor of a set's first page."""
PAGE_SIZE: Final = 1000
"""The most deliveries of a page, and so of a digest's mail."""
PAGE_BYTES: Final = 4 << 20
"""The bytes of records at which a page ends."""
_FIRST_STEP: Final = 4
_STEP: Final = 100
"""Deliveries that Redis reads at once."""


class DeliveryPage(msgspec.Struct, frozen=True):
    """A part of a set."""

    deliveries: list[Delivery]
    after: str | None
    """The cursor of the next page; None at the end. A page without deliveries may have one."""


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that was given up, with all its attempts."""

    delivery: Delivery
    reason: str
    died_at: float
    """Unix time in seconds."""
    version: Annotated[int, msgspec.Meta(lt=200)] = 100
    """See ``router.journal.records``."""


class ReferringLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter whose alert is stored by itself."""

    delivery: ReferenceRecord
    reason: str
    died_at: float
    version: Annotated[int, msgspec.Meta(lt=200)] = 100


class Done(msgspec.Struct, frozen=True):
    """A delivery that its receiver has."""

    set_id: SetId
    delivery: Delivery


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


class Deliveries:
    """Begins and settles deliveries."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._alerts = StoredAlerts(connection)
        self._clock = clock
        self._new_id = clock.new_id
        self._now = clock.now
        self._set_ms = clock.journal_ms

    async def begin(
        self,
        set_id: SetId,
        destination: str,
        token: LeaseToken = NO_TOKEN,
        after: str = FIRST_PAGE,
    ) -> DeliveryPage:
        """Seal a set and return a page of the deliveries that are left in it.

        A record that is not a delivery is moved to quarantine, and one of a newer version is
        requeued by itself, so that they do not stop the others.

        Args:
            set_id: The set.
            destination: Its destination.
            token: The token of the set's lease.
            after: The cursor of the page before. All deliveries of that page must have left the
                set, because this page may begin where that one began.

        Returns:
            A page without deliveries and cursor if all of the set is settled; its job has then ended.

        Raises:
            JournalUnavailableError: Redis did not answer in time.
            LeaseLostError: The lease with this token has expired.
        """
        fields: list[bytes] | int = []
        if after == FIRST_PAGE:
            fields = await self._connection.run(_begin_set(set_id, destination, token))
            if fields == LOST:
                raise lease_lost(set_id)
        following: str | None = None
        if isinstance(fields, int) or after != FIRST_PAGE:
            fields, following = await self._scan(set_id, after)
        leased = _LeasedSet(set_id, destination, token)
        found: list[Delivery | ReferenceRecord] = []
        records: dict[str, bytes] = {}
        size = 0
        for field, record in zip(fields[::2], fields[1::2], strict=True):
            try:
                delivery = _decode(field, record)
            except RecordError as error:
                await self._set_aside(leased, field, record, error)
                continue
            if isinstance(delivery, ReferenceRecord):
                size += delivery.alert_bytes
                if size > LOAD_BYTES and found:  # this page ends here, the next one begins as it
                    following = after
                    break
            found.append(delivery)
            records[delivery.id] = record
        deliveries = await self._restored(leased, found, records)
        return DeliveryPage(deliveries, following)

    async def _restored(
        self,
        leased: "_LeasedSet",
        found: Sequence[Delivery | ReferenceRecord],
        records: Mapping[str, bytes],
    ) -> list[Delivery]:
        """Return deliveries with their alerts; those without one are set aside."""
        deliveries = []
        for one, restored in zip(found, await self._alerts.restore(found), strict=True):
            if isinstance(restored, Delivery):
                deliveries.append(restored)
            else:
                await self._set_aside(leased, one.id.encode(), records[one.id], restored)
        return deliveries

    async def _scan(self, set_id: SetId, after: str) -> tuple[list[bytes], str | None]:
        """Return ids and records of a page of a large set, and the cursor of the next page.

        The set is scanned in small steps, because Redis runs nothing else meanwhile.
        """
        page: dict[bytes, bytes] = {}
        size = 0
        step = _FIRST_STEP
        while True:
            following, records = await self._connection.ask(
                self._connection.redis.hscan(keys.delivery_set(set_id), after, count=step)
            )
            surplus = len(page.keys() | records.keys()) - PAGE_SIZE
            kept = list(records.items())[: len(records) - max(0, surplus)]
            page.update(kept)
            size += sum(len(record) for _, record in kept)
            if surplus > 0:  # the next page begins at this step, of which these will have left
                break
            after = str(following)
            if after == FIRST_PAGE or len(page) == PAGE_SIZE or size >= PAGE_BYTES:
                break
            # Nothing was found where deliveries have left the set.
            fitting = (PAGE_BYTES - size) * len(page) // size if page else 2 * step
            step = max(1, min(_STEP, fitting))
        fields = [part for item in page.items() for part in item]
        return fields, None if after == FIRST_PAGE and surplus <= 0 else after

    async def begin_unread(
        self, set_id: SetId, destination: str, token: LeaseToken = NO_TOKEN
    ) -> list[str]:
        """Seal a set and return the ids of some of its deliveries, without reading them.

        Returns:
            All ids, or at least SET_SIZE of them. An empty list if all of the set is settled; its
            job has then ended.

        Raises:
            JournalUnavailableError: Redis did not answer in time.
            LeaseLostError: The lease with this token has expired.
        """
        queue = keys.deliver_queue(destination)
        ids: list[bytes] | int = await self._connection.run(
            _BEGIN_UNREAD(
                _BeginUnreadKeys(
                    keys.filling(queue), keys.delivery_set(set_id), queue, *keys.job_keys(set_id)
                ),
                _BeginUnreadArguments(set_id, token, SET_SIZE),
            )
        )
        if isinstance(ids, int):
            raise lease_lost(set_id)
        return [each.decode("utf-8", "surrogateescape") for each in ids]

    async def read(
        self, set_id: SetId, destination: str, delivery_id: str, token: LeaseToken = NO_TOKEN
    ) -> Delivery | None:
        """Return one delivery of a set; None if it has left it, or leaves it as in ``begin``.

        Raises:
            JournalUnavailableError: Redis did not answer in time.
        """
        leased = _LeasedSet(set_id, destination, token)
        field = delivery_id.encode("utf-8", "surrogateescape")
        record: bytes | None = await self._connection.ask(
            self._connection.redis.hget(keys.delivery_set(set_id), field)
        )
        if record is None:
            return None
        try:
            found = _decode(field, record)
        except RecordError as error:
            await self._set_aside(leased, field, record, error)
            return None
        deliveries = await self._restored(leased, [found], {found.id: record})
        return deliveries[0] if deliveries else None

    async def quarantine_unread(
        self,
        set_id: SetId,
        destination: str,
        delivery_id: str,
        reason: str,
        token: LeaseToken = NO_TOKEN,
    ) -> None:
        """Move a delivery to quarantine without reading it. Idempotent.

        Nothing changes if another worker has the set's lease.

        Raises:
            JournalUnavailableError: It may still be in its set.
        """
        field = delivery_id.encode("utf-8", "surrogateescape")
        await self._quarantine(_LeasedSet(set_id, destination, token), field, reason)

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
        done = [settlement for settlement in settlements if isinstance(settlement, Done)]
        calls = self._mark_delivered(done)
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
        decisions = iter(replies[first_decision:])
        return [isinstance(each, Done) or next(decisions) == 1 for each in settlements]

    def _mark_delivered(self, done: Sequence[Done]) -> list[ScriptCall]:
        by_destination: dict[str, dict[SetId, list[Delivery]]] = {}
        for settlement in done:
            sets = by_destination.setdefault(settlement.delivery.destination, {})
            sets.setdefault(settlement.set_id, []).append(settlement.delivery)
        job_prefixes = keys.job_keys("")
        return [
            _MARK_DELIVERED(
                _MarkDeliveredKeys(
                    open_sets=keys.open_sets(destination),
                    ledger=keys.LEDGER,
                    queue=keys.deliver_queue(destination),
                ),
                _MarkDeliveredArguments(
                    ledger.delivered(destination),
                    *job_prefixes,
                    pack([_delivered(set_id, deliveries) for set_id, deliveries in sets.items()]),
                ),
            )
            for destination, sets in by_destination.items()
        ]

    def _requeue(self, settlement: Requeued) -> ScriptCall:
        delivery = settlement.delivery
        due_ms = int(settlement.due_at * 1000)
        new_set = SetId(self._new_id())
        if settlement.in_digest:
            digest = keys.digest_set(delivery.destination, due_ms)
            # Never the set that the delivery leaves, because the script would delete it there.
            new_set = new_set if digest == settlement.set_id else digest
        decided_at = self._now() if settlement.decided_at is None else settlement.decided_at
        due_in_ms = max(0, due_ms - int(decided_at * 1000))
        move = _SetMove(settlement.set_id, new_set, delivery.destination, due_in_ms)
        return self._retry(move, delivery.id, encode_delivery(delivery), settlement.token)

    def _give_up(self, settlement: GivenUp) -> ScriptCall:
        delivery = settlement.delivery
        destination = delivery.destination
        now = self._now()
        letter = DeadLetter(delivery=delivery, reason=settlement.reason, died_at=now)
        return _DEAD_LETTER(
            _DeadLetterKeys(
                keys.delivery_set(settlement.set_id),
                keys.open_sets(destination),
                keys.deliver_queue(destination),
                *keys.job_keys(settlement.set_id),
                records=keys.dead_letters(destination),
                index=keys.dead_letter_index(destination),
                ledger=keys.LEDGER,
            ),
            _DeadLetterArguments(
                set_id=settlement.set_id,
                delivery_id=delivery.id,
                set_ms=self._set_ms(),
                record=binary(encode_letter(letter)),
                ledger_field=ledger.dead(destination),
                token=settlement.token,
                superseded_field=ledger.superseded(destination),
            ),
        )

    async def _set_aside(
        self, leased: "_LeasedSet", field: bytes, record: bytes, error: RecordError
    ) -> None:
        """Move a record that cannot be read out of its set, unless another worker has the lease."""
        if isinstance(error, NewerRecordError) and text_of(field).encode() == field:
            await self._postpone(leased, field, record, str(error))
        else:
            report("delivery", text_of(field), str(error))
            await self._quarantine(leased, field, str(error), only=record)

    async def set_aside(self, set_id: SetId, destination: str) -> bool:
        """Move a set whose key has another type to quarantine; return False if it has none.

        Raises JournalUnavailableError.
        """
        return await SetAside(self._connection, self._clock).delivery_set(set_id, destination)

    async def _postpone(
        self, leased: "_LeasedSet", field: bytes, record: bytes, reason: str
    ) -> None:
        """Requeue a record as it is, for a worker that can read it."""
        logger.warning(
            "delivery of a newer version postponed",
            extra={"destination": leased.destination, "delivery": field.decode(), "reason": reason},
        )
        due_in_ms = int(POSTPONE_SECONDS * 1000)
        move = _SetMove(leased.set_id, SetId(self._new_id()), leased.destination, due_in_ms)
        await self._connection.run(self._retry(move, field.decode(), record, leased.token))

    def _retry(
        self, move: "_SetMove", delivery_id: str, record: bytes, token: LeaseToken
    ) -> ScriptCall:
        queue = keys.deliver_queue(move.destination)
        due_ms = int(self._now() * 1000) + move.due_in_ms
        return _RETRY(
            _RetryKeys(
                keys.delivery_set(move.set_id),
                keys.open_sets(move.destination),
                queue,
                *keys.job_keys(move.set_id),
                new_set=keys.delivery_set(move.new_set),
                new_job=keys.job(move.new_set),
                ledger=keys.LEDGER,
            ),
            _RetryArguments(
                set_id=move.set_id,
                delivery_id=delivery_id,
                new_set_id=move.new_set,
                set_ms=self._set_ms(),
                due_in_ms=move.due_in_ms,
                job_record=binary(jobs.payload(jobs.DELIVER, due_ms)),
                record=binary(record),
                wake_channel=keys.wake_channel(queue),
                token=token,
                superseded_field=ledger.superseded(move.destination),
            ),
        )

    async def _quarantine(
        self, leased: "_LeasedSet", field: bytes, reason: str, *, only: bytes | None = None
    ) -> None:
        """Move a delivery to quarantine, if ``only`` is its record or None."""
        set_id, destination = leased.set_id, leased.destination
        await self._connection.run(
            _QUARANTINE_UNREAD(
                _QuarantineUnreadKeys(
                    keys.delivery_set(set_id),
                    keys.open_sets(destination),
                    keys.deliver_queue(destination),
                    *keys.job_keys(set_id),
                    quarantine=keys.QUARANTINE,
                    quarantine_index=keys.QUARANTINE_INDEX,
                    ledger=keys.LEDGER,
                ),
                _QuarantineUnreadArguments(
                    set_id=set_id,
                    delivery_id=binary(field),
                    only=None if only is None else binary(only),
                    set_ms=self._set_ms(),
                    item=binary(_open_item(reason, self._now())),
                    ledger_field=ledger.undecodable(destination),
                    superseded_field=ledger.superseded(destination),
                    token=leased.token,
                ),
            )
        )


def _begin_set(set_id: SetId, destination: str, token: LeaseToken) -> ScriptCall:
    queue = keys.deliver_queue(destination)
    return _BEGIN_SET(
        _BeginSetKeys(
            keys.filling(queue), keys.delivery_set(set_id), queue, *keys.job_keys(set_id)
        ),
        # The bytes of other sets are limited by finish; deliveries of any size join a digest's.
        _BeginSetArguments(set_id, token, 0 if keys.is_digest_set(set_id) else SET_SIZE),
    )


def _delivered(set_id: SetId, deliveries: Sequence[Delivery]) -> "_DeliveredOfSet":
    # What was read of a digest's set may be superseded by a delivery that refers to an alert.
    may_refer = keys.is_digest_set(set_id) or any(
        isinstance(delivery, ReferringDelivery) for delivery in deliveries
    )
    ids = list(dict.fromkeys([delivery.id for delivery in deliveries]))
    return _DeliveredOfSet(set_id, keys.delivery_set(set_id), ids, may_refer)


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


def _decode(field: bytes, record: bytes) -> Delivery | ReferenceRecord:
    delivery = decode_delivery(record)
    if delivery.id.encode() != field:  # it could not be settled, and would be sent again and again
        raise RecordError(f"not a delivery of its field: its id is {delivery.id!r}")
    return delivery


def _open_item(reason: str, now: float) -> bytes:
    """Return the fields of a quarantined item without the value of its body, the last one."""
    whole = {"reason": reason, "received_at": now, "version": 100, "body": None}
    return _encode(whole)[1:-1]


class _LeasedSet(msgspec.Struct, frozen=True):
    """A set, and the token of its lease."""

    set_id: SetId
    destination: str
    token: LeaseToken


class _SetMove(msgspec.Struct, frozen=True):
    """From one set of a destination to another one, which is due in some ms."""

    set_id: SetId
    new_set: SetId
    destination: str
    due_in_ms: int


class _BeginSetKeys(ScriptKeys, frozen=True):
    filling: str
    set: str
    queue: str
    job: str
    lease: str
    starts: str


class _BeginSetArguments(PlainArguments, frozen=True):
    id: SetId
    token: LeaseToken
    usual: int
    """The most deliveries of a set that is read by this script."""


class _BeginUnreadKeys(_BeginSetKeys, frozen=True):
    pass


class _BeginUnreadArguments(PackedArguments, frozen=True):
    id: SetId
    token: LeaseToken
    count: int


class _QuarantineUnreadKeys(ScriptKeys, frozen=True):
    set: str
    open_sets: str
    queue: str
    job: str
    lease: str
    starts: str
    quarantine: str
    quarantine_index: str
    ledger: str


class _QuarantineUnreadArguments(PackedArguments, frozen=True):
    set_id: SetId
    delivery_id: msgspec.Raw
    only: msgspec.Raw | None
    set_ms: int
    item: msgspec.Raw
    """The fields of a ``Quarantined`` up to the value of its body."""
    ledger_field: str
    superseded_field: str
    token: LeaseToken


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


class _DeliveredOfSet(msgspec.Struct, frozen=True, array_like=True):
    id: SetId
    set: str
    deliveries: list[DeliveryId]
    may_refer: bool
    """Whether the alert of any of them may be stored by itself."""


class _RetryKeys(ScriptKeys, frozen=True):
    set: str
    open_sets: str
    queue: str
    job: str
    lease: str
    starts: str
    new_set: str
    new_job: str
    ledger: str


class _RetryArguments(PackedArguments, frozen=True):
    set_id: SetId
    delivery_id: str
    new_set_id: SetId
    set_ms: int
    due_in_ms: int
    job_record: msgspec.Raw
    record: msgspec.Raw
    wake_channel: str
    token: LeaseToken
    superseded_field: str


class _DeadLetterKeys(ScriptKeys, frozen=True):
    set: str
    open_sets: str
    queue: str
    job: str
    lease: str
    starts: str
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


_BEGIN_SET: Final = Script("begin_set", _BeginSetKeys, _BeginSetArguments)
_BEGIN_UNREAD: Final = Script("begin_unread", _BeginUnreadKeys, _BeginUnreadArguments)
_QUARANTINE_UNREAD: Final = Script(
    "quarantine_unread", _QuarantineUnreadKeys, _QuarantineUnreadArguments
)
_MARK_DELIVERED: Final = Script("mark_delivered", _MarkDeliveredKeys, _MarkDeliveredArguments)
_RETRY: Final = Script("retry", _RetryKeys, _RetryArguments)
_DEAD_LETTER: Final = Script("dead_letter", _DeadLetterKeys, _DeadLetterArguments)
