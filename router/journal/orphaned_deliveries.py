"""Deliveries that wait for a destination that was removed from the rules.

Two processes may run different rules for a while, so a process that does not know a destination may
not decide alone that it was removed. It sets a mark. A process that delivers there deletes the
mark repeatedly. A process gives the deliveries up only if it has seen the same mark for long
enough, and the script that does so compares the mark once more.

No times of different machines are compared. Time in which Redis was unavailable does not count,
because the observation then starts again.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from router.alerts import AlertKey, Delivery
from router.clock import Clock
from router.journal import keys, ledger
from router.journal.connection import Connection
from router.journal.deliveries import FIRST_PAGE, Deliveries
from router.journal.ended_deliveries import DeliveryOutcome, EndedDeliveries
from router.journal.history_log import HistoryLog, PackedHistory
from router.journal.keys import SetId
from router.journal.lanes import LaneArguments, lane_arguments, lane_of, release_stalled
from router.journal.script import PackedArguments, Script, binary
from router.journal.set_moves import SetKeys
from router.journal.settlements import DeadLetter, encode_letter

REASON: Final = "destination removed"

_PAGE: Final = 100


class OrphanMark(msgspec.Struct, frozen=True):
    """A destination that this process does not know, and the mark on it."""

    destination: str
    mark: str


class OrphanedDeliveries:
    """Marks, claims and gives up. All methods raise JournalUnavailableError.

    Args:
        connection: To Redis.
        deliveries: Reads the deliveries that are given up.
        clock: The clock.
        history: Makes the entries of history; None for none.
    """

    def __init__(
        self,
        connection: Connection,
        deliveries: Deliveries,
        clock: Clock,
        history: HistoryLog | None = None,
    ) -> None:
        self._connection = connection
        self._deliveries = deliveries
        self._ended = EndedDeliveries(history, clock)
        self._clock = clock
        self._now = clock.now
        self._set_ms = clock.journal_ms
        self._new_id = clock.new_id

    async def claim(self, destinations: Sequence[str]) -> None:
        """Delete the marks of destinations, because this process delivers there."""
        if destinations:
            await self._connection.ask(self._connection.redis.hdel(keys.ORPHANED, *destinations))

    async def mark_unknown(self, known: frozenset[str]) -> list[OrphanMark]:
        """Mark the destinations that have pending deliveries and are not ``known``."""
        counters = await ledger.read(self._connection)
        unknown = [
            name
            for name, counts in counters.destinations.items()
            if counts.pending > 0 and name not in known
        ]
        marks = []
        for name in unknown:
            redis = self._connection.redis
            await self._connection.ask(redis.hsetnx(keys.ORPHANED, name, self._new_id()))
            mark = await self._connection.ask(redis.hget(keys.ORPHANED, name))
            if mark is not None:
                marks.append(OrphanMark(name, mark.decode()))
        return marks

    async def abandon(self, orphan: OrphanMark) -> int:
        """Move all deliveries of a destination to the dead letters, unless its mark changes.

        Returns:
            The number of deliveries moved.
        """
        total = 0
        while True:
            moved, is_claimed = await self._abandon_sets(orphan)
            total += moved
            # The next deliveries of lanes whose first one vanished are given up as well.
            if is_claimed or not (
                moved or await release_stalled(self._connection, orphan.destination, self._clock)
            ):
                return total

    async def _abandon_sets(self, orphan: OrphanMark) -> tuple[int, bool]:
        """Move what is in sets now; return the number moved, and whether the mark has changed."""
        total = 0
        skipped = 0
        while True:
            sets: list[bytes] = await self._connection.ask(
                self._connection.redis.zrange(
                    keys.open_sets(orphan.destination), skipped, skipped + _PAGE - 1
                )
            )
            for member in sets:
                moved, is_claimed = await self._abandon(orphan, SetId(member.decode()))
                total += moved
                if is_claimed:
                    return total, True
                # A set whose lease another worker has stays in the list.
                skipped += moved == 0
            if len(sets) < _PAGE:
                return total, False

    async def _abandon(self, orphan: OrphanMark, set_id: SetId) -> tuple[int, bool]:
        """Move the deliveries of a set; return their number, and whether the mark has changed."""
        total = 0
        after: str | None = FIRST_PAGE
        while after is not None:
            page = await self._deliveries.begin(set_id, orphan.destination, after=after)
            after = page.after
            if not page.deliveries and after is not None:
                continue
            moved = await self._abandon_page(orphan, set_id, page.deliveries)
            if moved < 0:
                return total, True
            total += moved
            if moved == 0:  # another worker has the lease
                break
        return total, False

    async def _abandon_page(
        self, orphan: OrphanMark, set_id: SetId, deliveries: Sequence[Delivery]
    ) -> int:
        name = orphan.destination
        now = self._now()
        letters: list[_AbandonedLetter] = []
        for delivery in deliveries:
            letter = DeadLetter(delivery=delivery, reason=REASON, died_at=now)
            record = binary(encode_letter(letter))
            letters.append(_AbandonedLetter(delivery.id, record, lane_of(delivery)))
        has_lanes = any(letter.key for letter in letters)
        call = _ABANDON(
            _AbandonKeys(
                *keys.set_keys(set_id, name),
                orphaned=keys.ORPHANED,
                dead_letters=keys.dead_letters(name),
                dead_letter_index=keys.dead_letter_index(name),
                ledger=keys.LEDGER,
            ),
            _AbandonArguments(
                destination=name,
                mark=orphan.mark,
                set_id=set_id,
                set_ms=self._set_ms(),
                dead_field=ledger.dead(name),
                superseded_field=ledger.superseded(name),
                letters=letters,
                lanes=lane_arguments(name, self._clock) if has_lanes else None,
                history=self._ended.given_up(deliveries, DeliveryOutcome.DEAD_LETTERED).packed(),
            ),
        )
        return int(await self._connection.run(call))


class _AbandonKeys(SetKeys, frozen=True):
    orphaned: str
    dead_letters: str
    dead_letter_index: str
    ledger: str


class _AbandonArguments(PackedArguments, frozen=True):
    destination: str
    mark: str
    set_id: SetId
    set_ms: int
    dead_field: str
    superseded_field: str
    letters: "list[_AbandonedLetter]"
    lanes: LaneArguments | None
    history: PackedHistory


class _AbandonedLetter(msgspec.Struct, frozen=True, array_like=True):
    id: str
    record: msgspec.Raw
    key: AlertKey


_ABANDON: Final = Script("abandon", _AbandonKeys, _AbandonArguments)
