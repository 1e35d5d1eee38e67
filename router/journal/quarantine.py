"""What could not be decoded or judged: looked at, replayed, discarded.

A replay goes through ingress' own decode again, and is accepted like any event that comes in; what
still cannot be decoded stays where it is.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from router.clock import Clock
from router.errors import EventError
from router.events.decode import (
    decode_strictly,
)
from router.events.model import (
    Event,
)
from router.journal import jobs, keys, ledger
from router.journal.batches import Quarantined
from router.journal.connection import Connection, Script
from router.journal.keys import BatchId
from router.journal.pagination import (
    Finder,
    IndexedRecords,
    Matches,
    PageCursor,
    TimeRange,
    page,
    records_of,
)

_REPLAY: Final = Script("replay_quarantined")
_DISCARD: Final = Script("discard")
_KEPT: Final = IndexedRecords(keys.QUARANTINE, keys.QUARANTINE_INDEX)
_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.Decoder(Quarantined).decode


class QuarantineRecord(msgspec.Struct, frozen=True):
    """One quarantined event and the id it has in quarantine."""

    id: str
    record: Quarantined


class QuarantineFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which items. Empty means any."""

    ids: tuple[str, ...] = ()
    reason: str = ""
    """Text that the reason holds, in any case of letters."""
    span: TimeRange = TimeRange()
    """When they came to quarantine."""

    def fits(self, item: QuarantineRecord) -> bool:
        return self.reason.lower() in item.record.reason.lower()


class Quarantine:
    """All calls raise JournalUnavailableError."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._new_id = clock.new_id
        self._now = clock.now

    async def get(self, item_id: str) -> QuarantineRecord | None:
        found = await records_of(self._connection, _KEPT, [item_id])
        return QuarantineRecord(item_id, _decode(found[0][1])) if found else None

    def find(
        self, wanted: QuarantineFilter, *, newest_first: bool = True
    ) -> Finder[QuarantineRecord]:
        """How to look for those that are wanted, a page at a time."""

        async def look(after: PageCursor | None, count: int) -> Matches[QuarantineRecord]:
            if wanted.ids:
                records, following = await records_of(self._connection, _KEPT, wanted.ids), None
            else:
                found = await page(
                    self._connection,
                    _KEPT,
                    wanted.span,
                    after,
                    count=count,
                    newest_first=newest_first,
                )
                records, following = list(found.items), found.after
            items = (QuarantineRecord(item_id, _decode(record)) for item_id, record in records)
            return Matches(tuple(item for item in items if wanted.fits(item)), following)

        return look

    async def replay(self, items: Sequence[QuarantineRecord]) -> int:
        """Accept up to CHUNK of them anew; how many were, the others stay in quarantine."""
        moves: list[tuple[QuarantineRecord, Event]] = []
        for item in items:
            event = decoded(item.record)
            if event is not None:
                moves.append((item, event))
        if not moves:
            return 0
        now_ms = int(self._now() * 1000)
        batch_id = BatchId(self._new_id())
        arguments: list[str | bytes] = []
        for item, event in moves:
            arguments += [item.id, item.record.claimed_by, _encode(event)]
        return int(
            await self._connection.run(
                _REPLAY,
                [
                    keys.QUARANTINE,
                    keys.QUARANTINE_INDEX,
                    keys.batch(batch_id),
                    keys.BATCHES,
                    keys.job(batch_id),
                    keys.EVALUATE_QUEUE,
                    keys.LEDGER,
                    *(keys.seen(keys.identity(event.key)) for _, event in moves),
                ],
                [
                    batch_id,
                    now_ms,
                    jobs.payload(jobs.EVALUATE, now_ms),
                    keys.wake_channel(keys.EVALUATE_QUEUE),
                    ledger.QUARANTINE_REPLAYED,
                    *arguments,
                ],
            )
        )

    async def discard(self, items: Sequence[QuarantineRecord]) -> int:
        """Drop them for good; how many were still there."""
        return int(
            await self._connection.run(
                _DISCARD,
                [keys.QUARANTINE, keys.QUARANTINE_INDEX, keys.LEDGER],
                ["", ledger.QUARANTINE_DISCARDED, *(item.id for item in items)],
            )
        )


def decoded(record: Quarantined) -> Event | None:
    """The event as ingress would take it in now, None where it still would not."""
    try:
        (event,) = decode_strictly(record.body, received_at=record.received_at, max_events=1)
    except (EventError, ValueError):
        return None
    return event
