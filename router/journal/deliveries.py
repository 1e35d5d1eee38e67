"""Sets of deliveries as their jobs use them: opened by ``Finish``, begun as a whole, settled one by one.

A set is what one arq job delivers. A delivery leaves its set when it is delivered, requeued (in a
set of its own, with its next attempt) or given up. After a crash the next run of the job finds the
rest, so a crash repeats at most the deliveries that were sent and not yet settled.

A set is read in pages, limited by their deliveries and bytes. A set as ``finish`` opens it is one page.
That of a digest may be larger than the memory of a worker.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from router.alerts import AlertStatus, Delivery
from router.clock import Clock
from router.errors import RecordError
from router.journal import keys
from router.journal.connection import Connection
from router.journal.delivery_sets import SET_SIZE
from router.journal.history_log import HistoryLog
from router.journal.job_queue import LOST, lease_lost
from router.journal.keys import SetId
from router.journal.lanes import follow, lane_of
from router.journal.leases import NO_TOKEN, LeaseToken
from router.journal.script import (
    PackedArguments,
    PlainArguments,
    Script,
    ScriptCall,
    ScriptKeys,
)
from router.journal.set_aside import SetAside
from router.journal.settlements import Settlement, Settlements
from router.journal.stored_alerts import (
    LOAD_BYTES,
    ReferenceRecord,
    StoredAlerts,
    decode_delivery,
)
from router.journal.unreadable_deliveries import LeasedSet, UnreadableDeliveries

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


class Deliveries:
    """The deliveries of a job: reads them, and records what becomes of each.

    Args:
        connection: To Redis.
        clock: The clock.
        history: Makes the entries of history; None for none.
    """

    def __init__(
        self, connection: Connection, clock: Clock, history: HistoryLog | None = None
    ) -> None:
        self._connection = connection
        self._alerts = StoredAlerts(connection)
        self._clock = clock
        self._settlements = Settlements(connection, clock, history)
        self._unreadable = UnreadableDeliveries(connection, clock)

    async def begin(
        self,
        set_id: SetId,
        destination: str,
        token: LeaseToken = NO_TOKEN,
        after: str = FIRST_PAGE,
        *,
        in_digest: bool = True,
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
            in_digest: Whether the destination sends what is in a digest's set together. If it has
                ceased to, only one delivery of each alert key is in the page.

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
        leased = LeasedSet(set_id, destination, token)
        deliveries, is_cut = await self._readable(leased, fields)
        if keys.is_digest_set(set_id):
            deliveries, is_too_large = await self._with_followers(
                leased, deliveries, in_digest=in_digest
            )
            is_cut = is_cut or is_too_large
        # If this page ends early, the next one begins as it.
        return DeliveryPage(deliveries, after if is_cut else following)

    async def _readable(
        self, leased: LeasedSet, fields: Sequence[bytes]
    ) -> tuple[list[Delivery], bool]:
        """Return the deliveries in ids and records, and whether some are left out as too large.

        What cannot be read is set aside.
        """
        found: list[Delivery | ReferenceRecord] = []
        records: dict[str, bytes] = {}
        size = 0
        is_cut = False
        for field, record in zip(fields[::2], fields[1::2], strict=True):
            try:
                delivery = _decode(field, record)
            except RecordError as error:
                await self._unreadable.set_aside(leased, field, record, error)
                continue
            if isinstance(delivery, ReferenceRecord):
                size += delivery.alert_bytes
                if size > LOAD_BYTES and found:
                    is_cut = True
                    break
            found.append(delivery)
            records[delivery.id] = record
        return await self._restored(leased, found, records), is_cut

    async def _with_followers(
        self, leased: LeasedSet, deliveries: Sequence[Delivery], *, in_digest: bool
    ) -> tuple[list[Delivery], bool]:
        """Return the deliveries of a digest with those that join them, as ``_readable`` does."""
        alert_keys = {key for delivery in deliveries if (key := lane_of(delivery))}
        if not alert_keys:
            return list(deliveries), False
        followers = await follow(
            self._connection,
            leased.set_id,
            leased.destination,
            alert_keys,
            self._clock,
            room=max(0, PAGE_SIZE - len(deliveries)) if in_digest else None,
        )
        added, is_cut = await self._readable(leased, followers.added)
        left = [each for each in deliveries if each.id.encode() not in followers.left]
        # Those of one key in their order, also after a crash: a hash has none.
        return sorted([*left, *added], key=_age), is_cut

    async def _restored(
        self,
        leased: LeasedSet,
        found: Sequence[Delivery | ReferenceRecord],
        records: Mapping[str, bytes],
    ) -> list[Delivery]:
        """Return deliveries with their alerts; those without one are set aside."""
        deliveries = []
        for one, restored in zip(found, await self._alerts.restore(found), strict=True):
            if isinstance(restored, Delivery):
                deliveries.append(restored)
            else:
                await self._unreadable.set_aside(leased, one.id.encode(), records[one.id], restored)
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
        self,
        set_id: SetId,
        destination: str,
        delivery_id: str,
        token: LeaseToken = NO_TOKEN,
        *,
        in_digest: bool = True,
    ) -> Delivery | None:
        """Return one delivery of a set; None if it has left it, or leaves it as in ``begin``.

        Raises:
            JournalUnavailableError: Redis did not answer in time.
        """
        leased = LeasedSet(set_id, destination, token)
        field = delivery_id.encode("utf-8", "surrogateescape")
        record: bytes | None = await self._connection.ask(
            self._connection.redis.hget(keys.delivery_set(set_id), field)
        )
        if record is None:
            return None
        try:
            found = _decode(field, record)
        except RecordError as error:
            await self._unreadable.set_aside(leased, field, record, error)
            return None
        deliveries = await self._restored(leased, [found], {found.id: record})
        if keys.is_digest_set(set_id) and not in_digest:
            deliveries, _ = await self._with_followers(leased, deliveries, in_digest=False)
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
        await self._unreadable.quarantine(LeasedSet(set_id, destination, token), field, reason)

    async def settle(self, settlements: list[Settlement]) -> list[bool]:
        """Record how deliveries ended, as ``Settlements.settle`` does.

        Raises JournalUnavailableError.
        """
        return await self._settlements.settle(settlements)

    async def set_aside(self, set_id: SetId, destination: str) -> bool:
        """Move a set whose key has another type to quarantine; return False if it has none.

        Raises JournalUnavailableError.
        """
        return await SetAside(self._connection, self._clock).delivery_set(set_id, destination)


def _age(delivery: Delivery) -> tuple[float, bool]:
    alert = delivery.alert
    return alert.raised_at, alert.status is AlertStatus.RESOLVED


def _begin_set(set_id: SetId, destination: str, token: LeaseToken) -> ScriptCall:
    queue = keys.deliver_queue(destination)
    return _BEGIN_SET(
        _BeginSetKeys(
            keys.filling(queue), keys.delivery_set(set_id), queue, *keys.job_keys(set_id)
        ),
        # The bytes of other sets are limited by finish; deliveries of any size join a digest's.
        _BeginSetArguments(set_id, token, 0 if keys.is_digest_set(set_id) else SET_SIZE),
    )


def _decode(field: bytes, record: bytes) -> Delivery | ReferenceRecord:
    delivery = decode_delivery(record)
    if delivery.id.encode() != field:  # it could not be settled, and would be sent again and again
        raise RecordError(f"not a delivery of its field: its id is {delivery.id!r}")
    return delivery


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


_BEGIN_SET: Final = Script("begin_set", _BeginSetKeys, _BeginSetArguments)
_BEGIN_UNREAD: Final = Script("begin_unread", _BeginUnreadKeys, _BeginUnreadArguments)
