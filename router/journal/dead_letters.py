"""Deliveries that were given up: looked at, replayed, discarded.

A replay moves a dead letter back into its destination's queue under a new id: the operator asks
for it to be done again, and a receiver that had kept the old id, and then failed, would drop it as
a repeat. What the attempts reached (recipients of a mail) goes along, so that nobody who has it
gets it again.

A crash between two pages of a replay leaves the rest where it was; the next replay goes on.
"""

import logging
from collections.abc import Sequence
from typing import Final

import msgspec

from router.alerts import replayed
from router.clock import Clock
from router.journal import jobs, keys, ledger
from router.journal.connection import Connection, Script
from router.journal.deliveries import DeadLetter
from router.journal.keys import SetId
from router.journal.pagination import (
    Finder,
    IndexedRecords,
    Matches,
    PageCursor,
    TimeRange,
    page,
    records_of,
)

logger = logging.getLogger(__name__)

_REPLAY: Final = Script("replay")
_DISCARD: Final = Script("discard")
_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.Decoder(DeadLetter).decode


class DeadLetterFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which dead letters of a destination. Empty means any."""

    ids: tuple[str, ...] = ()
    rule: str = ""
    reason: str = ""
    """Text that the reason holds, in any case of letters."""
    span: TimeRange = TimeRange()
    """When they died."""

    def fits(self, letter: DeadLetter) -> bool:
        return (not self.rule or letter.delivery.alert.rule == self.rule) and (
            self.reason.lower() in letter.reason.lower()
        )


class DeadLetters:
    """The dead letters of all destinations. All calls raise JournalUnavailableError."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._new_id = clock.new_id
        self._now = clock.now

    async def destinations(self) -> list[str]:
        """Those that have dead letters, by name."""
        books = await ledger.read(self._connection)
        return sorted(name for name, counts in books.destinations.items() if counts.dead > 0)

    async def get(self, destination: str, delivery_id: str) -> DeadLetter | None:
        found = await records_of(self._connection, _kept(destination), [delivery_id])
        return _readable(*found[0]) if found else None

    def find(
        self, destination: str, wanted: DeadLetterFilter, *, newest_first: bool = True
    ) -> Finder[DeadLetter]:
        """How to look for those of a destination that are wanted, a page at a time."""
        kept = _kept(destination)

        async def look(after: PageCursor | None, count: int) -> Matches[DeadLetter]:
            if wanted.ids:
                records, following = await records_of(self._connection, kept, wanted.ids), None
            else:
                found = await page(
                    self._connection,
                    kept,
                    wanted.span,
                    after,
                    count=count,
                    newest_first=newest_first,
                )
                records, following = list(found.items), found.after
            letters = (_readable(*item) for item in records)
            fitting = (letter for letter in letters if letter and wanted.fits(letter))
            return Matches(tuple(fitting), following)

        return look

    async def replay(self, destination: str, letters: Sequence[DeadLetter]) -> int:
        """Put up to CHUNK of them back into the queue; how many were still there."""
        now_ms = int(self._now() * 1000)
        set_id = SetId(self._new_id())
        queue = keys.deliver_queue(destination)
        moves: list[str | bytes] = []
        for letter in letters:
            again = replayed(letter.delivery)
            moves += [letter.delivery.id, again.id, _encode(again)]
        return int(
            await self._connection.run(
                _REPLAY,
                [
                    keys.dead_letters(destination),
                    keys.dead_letter_index(destination),
                    keys.delivery_set(set_id),
                    keys.open_sets(destination),
                    keys.job(set_id),
                    queue,
                    keys.LEDGER,
                ],
                [
                    set_id,
                    now_ms,
                    jobs.payload(jobs.DELIVER, now_ms),
                    keys.wake_channel(queue),
                    ledger.dead(destination),
                    ledger.replayed(destination),
                    *moves,
                ],
            )
        )

    async def discard(self, destination: str, letters: Sequence[DeadLetter]) -> int:
        """Drop them for good; how many were still there."""
        return int(
            await self._connection.run(
                _DISCARD,
                [
                    keys.dead_letters(destination),
                    keys.dead_letter_index(destination),
                    keys.LEDGER,
                ],
                [
                    ledger.dead(destination),
                    ledger.discarded(destination),
                    *(letter.delivery.id for letter in letters),
                ],
            )
        )


def _readable(delivery_id: str, record: bytes) -> DeadLetter | None:
    """The dead letter; None, with a line in the log, for a record that is none."""
    try:
        return _decode(record)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        logger.warning(
            "dead letter cannot be read, it is left out",
            extra={"delivery": delivery_id, "reason": str(error)},
        )
        return None


def _kept(destination: str) -> IndexedRecords:
    return IndexedRecords(keys.dead_letters(destination), keys.dead_letter_index(destination))
