"""Drop deliveries that have not ended: a flood that is of no use any more, before receivers get it.

They are read page by page, first those that wait in lanes, then the sets in the order in which they are
due. A page is one transaction, which changes nothing unless all is as it was read: then the rest of the page
is tried again without what has changed. Deliveries of a set that a worker has are in flight, and are left.

The deliveries of a lane may follow one that was dropped, so that a receiver learns of an end of which it was
not told the beginning: what is selected is dropped, and no more.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha1
from typing import Final

import msgspec

from router.alerts import AlertKey, Delivery
from router.clock import Clock
from router.errors import RecordError
from router.journal import keys, ledger
from router.journal.connection import Connection
from router.journal.ended_deliveries import DeliveryOutcome, EndedDeliveries
from router.journal.history_log import (
    NONE_KEPT,
    PAUSE_RATIO,
    HistoryLimits,
    HistoryLog,
    PackedHistory,
)
from router.journal.keys import SetId
from router.journal.lanes import LaneArguments, lane_arguments, lane_of
from router.journal.memory_budget import MemoryBudget
from router.journal.pagination import PageCursor, TimeRange, following, index_page
from router.journal.script import PackedArguments, Script, ScriptCall, ScriptKeys, binary
from router.journal.stored_alerts import StoredAlerts, decode_delivery
from router.journal.unreadable import bytes_of, text_of

SCANNED: Final = 2000
"""Deliveries that one page reads at most, about."""
_AT_ONCE: Final = 100
"""Deliveries of one transaction, about; and sets that are read together."""
_WHOLE: Final = 1000
"""With this COUNT, HSCAN returns all of a hash with so few deliveries."""
_TRIES: Final = 20
"""Transactions that are tried for some deliveries while workers begin their sets one after the other."""
_LANES: Final = "lanes-"
_SETS: Final = "sets-"
_SET: Final = "set-"


class OpenFilter(msgspec.Struct, frozen=True, kw_only=True):
    """The deliveries to drop."""

    destination: str
    rule: str = ""
    """Only those of a rule; ``""`` for any."""
    times: TimeRange = TimeRange()
    """When their alerts were raised."""

    def matches(self, delivery: Delivery) -> bool:
        """Return whether a delivery is to be dropped."""
        is_of_rule = not self.rule or delivery.alert.rule == self.rule
        return is_of_rule and self.times.has(delivery.alert.raised_at)


class DiscardPage(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a page."""

    matching: int = 0
    """Deliveries that match and that no worker has."""
    discarded: int = 0
    """Those of them that were dropped; 0 if they were only counted."""
    in_flight: int = 0
    """Deliveries that match and are left, because a worker has their set."""
    after: str = ""
    """The cursor of the next page; ``""`` at the end."""


class _Found(msgspec.Struct, frozen=True):
    """A delivery as it was read."""

    set_id: SetId | None
    """None for one that waits in its lane."""
    field: bytes
    record: bytes


class _Chosen(msgspec.Struct, frozen=True):
    """A delivery that matches."""

    found: _Found
    delivery: Delivery


class DiscardOpen:
    """Counts and drops deliveries that have not ended. All methods raise JournalUnavailableError.

    Args:
        connection: To Redis.
        clock: Time and ids.
        limits: How long history lasts, and how much memory it has.
    """

    def __init__(
        self, connection: Connection, clock: Clock, limits: HistoryLimits = NONE_KEPT
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._alerts = StoredAlerts(connection)
        self._budget = MemoryBudget(connection, watermark=PAUSE_RATIO)
        self._ended = EndedDeliveries(HistoryLog(limits, self._budget), clock)

    async def count(self, wanted: OpenFilter, after: str, *, limit: int) -> DiscardPage:
        """Count the deliveries of a page that match, and change nothing.

        Args:
            wanted: The deliveries.
            after: The cursor of the page before; ``""`` for the first one.
            limit: The page ends after so many, about.

        Raises:
            ValueError: ``after`` is no cursor.
        """
        return await self._page(wanted, after, limit, is_count=True)

    async def discard(self, wanted: OpenFilter, after: str, *, limit: int) -> DiscardPage:
        """Drop the deliveries of a page that match; the arguments are those of ``count``."""
        await self._budget.refresh()  # history has a share of the memory
        return await self._page(wanted, after, limit, is_count=False)

    async def _page(
        self, wanted: OpenFilter, after: str, limit: int, *, is_count: bool
    ) -> DiscardPage:
        cursor = after or f"{_LANES}0"
        scanned = matching = discarded = in_flight = 0
        while cursor and scanned < SCANNED and matching < limit:
            found, cursor = await self._read(wanted.destination, cursor)
            scanned += max(1, len(found))
            chosen = await self._chosen(found, wanted)
            if is_count:
                waiting = len(await self._without_leased(chosen))
                done, busy = 0, len(chosen) - waiting
            else:
                done, busy = await self._drop(wanted.destination, chosen)
                waiting = done
            matching, discarded, in_flight = matching + waiting, discarded + done, in_flight + busy
        return DiscardPage(
            matching=matching, discarded=discarded, in_flight=in_flight, after=cursor
        )

    async def _chosen(self, found: Sequence[_Found], wanted: OpenFilter) -> list[_Chosen]:
        """Return those that match, each once. What cannot be read is left to the worker that reads it."""
        decoded = []
        for each in {each.field: each for each in found}.values():
            try:
                record = decode_delivery(each.record)
            except RecordError:
                continue
            if record.id.encode() == each.field:
                decoded.append((each, record))
        restored = await self._alerts.restore([record for _, record in decoded])
        return [
            _Chosen(each, delivery)
            for (each, _), delivery in zip(decoded, restored, strict=True)
            if isinstance(delivery, Delivery) and wanted.matches(delivery)
        ]

    async def _read(self, destination: str, cursor: str) -> tuple[list[_Found], str]:
        """Return some deliveries after a cursor, and the next cursor. Raises ValueError."""
        if cursor.startswith(_LANES):
            waiting = keys.waiting_deliveries(destination)
            found, left = await self._scan(None, waiting, cursor.removeprefix(_LANES))
            return found, f"{_LANES}{left}" if left else _SETS
        if cursor.startswith(_SET):  # one of a digest, which has no limit
            position, _, place = cursor.removeprefix(_SET).partition("-")
            at = PageCursor.parse(place)
            set_id = SetId(at.member)
            found, left = await self._scan(set_id, keys.delivery_set(set_id), position)
            return found, f"{_SET}{left}-{at}" if left else f"{_SETS}{at}"
        if not cursor.startswith(_SETS):
            raise _no_cursor(cursor)
        place = cursor.removeprefix(_SETS)
        return await self._read_sets(destination, PageCursor.parse(place) if place else None)

    async def _scan(
        self, set_id: SetId | None, key: str, position: str
    ) -> tuple[list[_Found], int]:
        if not (position.isascii() and position.isdigit() and len(position) <= 20):
            raise _no_cursor(position)
        reply = self._connection.redis.hscan(key, int(position), count=_AT_ONCE)
        left, records = await self._connection.ask(reply)
        return [_Found(set_id, *each) for each in records.items()], int(left)

    async def _read_sets(
        self, destination: str, after: PageCursor | None
    ) -> tuple[list[_Found], str]:
        """Return the deliveries of the next sets that are about ``_AT_ONCE`` together."""
        places = await index_page(
            self._connection,
            keys.open_sets(destination),
            TimeRange(),
            after,
            count=_AT_ONCE,
            newest_first=False,
        )
        sizes = self._connection.redis.pipeline(transaction=False)
        for place in places:
            sizes.hlen(keys.delivery_set(SetId(place.member)))
        lengths: list[int] = await self._connection.ask(sizes.execute())
        number = _fitting(lengths)
        if places and lengths[0] > _AT_ONCE:
            return [], f"{_SET}0-{places[0]}"
        records = self._connection.redis.pipeline(transaction=False)
        for place in places[:number]:
            records.hscan(keys.delivery_set(SetId(place.member)), 0, count=_WHOLE)
        replies = await self._connection.ask(records.execute())
        found = [
            _Found(SetId(place.member), *each)
            for place, (_, content) in zip(places, replies, strict=False)
            for each in content.items()
        ]
        last = following(places, number, _AT_ONCE)
        return found, f"{_SETS}{last}" if last else ""

    async def _without_leased(self, chosen: Sequence[_Chosen]) -> list[_Chosen]:
        """Return those whose set no worker has."""
        sets = sorted({each.found.set_id for each in chosen if each.found.set_id is not None})
        pipeline = self._connection.redis.pipeline(transaction=False)
        for set_id in sets:
            pipeline.exists(keys.lease(set_id))
        replies = await self._connection.ask(pipeline.execute())
        leased = {set_id for set_id, is_leased in zip(sets, replies, strict=True) if is_leased}
        return [each for each in chosen if each.found.set_id not in leased]

    async def _drop(self, destination: str, chosen: Sequence[_Chosen]) -> tuple[int, int]:
        """Drop deliveries; return how many were, and how many a worker has."""
        left, in_flight = list(chosen), 0
        for _ in range(_TRIES):
            if not left:
                break
            dropped, changed, leased = await self._connection.run(self._call(destination, left))
            if not changed and not leased:
                return dropped, in_flight
            gone, busy = set(changed), {text_of(each) for each in leased}
            in_flight += sum(each.found.set_id in busy for each in left)
            left = [
                each
                for each in left
                if each.found.set_id not in busy and each.found.field not in gone
            ]
        return 0, in_flight + len(left)

    def _call(self, destination: str, chosen: Sequence[_Chosen]) -> ScriptCall:
        history = self._ended.given_up(
            [each.delivery for each in chosen], DeliveryOutcome.DISCARDED
        )
        job, lease, starts = keys.job_keys("")
        return _DISCARD_OPEN(
            _DiscardOpenKeys(
                keys.open_sets(destination),
                keys.deliver_queue(destination),
                keys.waiting_deliveries(destination),
                keys.lanes(destination),
                keys.LEDGER,
            ),
            _DiscardOpenArguments(
                set_ms=self._clock.journal_ms(),
                sets=list(_by_set(chosen)),
                waiting=[_of(each) for each in chosen if each.found.set_id is None],
                set_prefix=keys.delivery_set(SetId("")),
                job_prefix=job,
                lease_prefix=lease,
                starts_prefix=starts,
                discarded_field=ledger.discarded(destination),
                lanes=lane_arguments(destination, self._clock),
                history=history.packed(),
            ),
        )


def _no_cursor(text: str) -> ValueError:
    return ValueError(f"{text[:60]!r} is not a cursor: use the one of the previous page")


def _fitting(lengths: Sequence[int]) -> int:
    """Return how many of the first sets have ``_AT_ONCE`` deliveries together; at least one."""
    total = 0
    for number, length in enumerate(lengths):
        total += length
        if number and total > _AT_ONCE:
            return number
    return len(lengths)


def _of(chosen: _Chosen) -> "_OpenDelivery":
    found = chosen.found
    # Redis has no other digest; it protects nothing.
    digest = sha1(found.record, usedforsecurity=False).hexdigest()
    return _OpenDelivery(binary(found.field), digest, lane_of(chosen.delivery))


def _by_set(chosen: Sequence[_Chosen]) -> "Iterator[_OpenSet]":
    sets: dict[SetId, list[_OpenDelivery]] = {}
    for each in chosen:
        if each.found.set_id is not None:
            sets.setdefault(each.found.set_id, []).append(_of(each))
    for set_id, deliveries in sets.items():
        yield _OpenSet(binary(bytes_of(set_id)), deliveries)


class _DiscardOpenKeys(ScriptKeys, frozen=True):
    open_sets: str
    queue: str
    waiting: str
    waiting_lanes: str
    ledger: str


class _DiscardOpenArguments(PackedArguments, frozen=True):
    set_ms: int
    sets: "list[_OpenSet]"
    waiting: "list[_OpenDelivery]"
    set_prefix: str
    job_prefix: str
    lease_prefix: str
    starts_prefix: str
    discarded_field: str
    lanes: LaneArguments
    history: PackedHistory


class _OpenSet(msgspec.Struct, frozen=True, array_like=True):
    set_id: msgspec.Raw
    deliveries: "list[_OpenDelivery]"


class _OpenDelivery(msgspec.Struct, frozen=True, array_like=True):
    id: msgspec.Raw
    digest: str
    key: AlertKey


_DISCARD_OPEN: Final = Script("discard_open", _DiscardOpenKeys, _DiscardOpenArguments)
