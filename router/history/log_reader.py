"""Reads a log of history, entry by entry: the newest first, by name, or what is new.

A read goes on while segments are closed, opened and evicted: numbers of segments and positions of entries
do not change, and what was evicted is left out.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Final

import msgspec

from router.history.stored import Place
from router.journal.connection import Connection
from router.journal.history_log import name_digest
from router.journal.history_segments import SEARCHED, Segment, find_entries, segments

_READ_BYTES: Final = 256 << 10
"""The bytes of entries of one reply, about, unless a single one is larger."""
_READ_ENTRIES: Final = 500
NAMES_LIMIT: Final = 100
"""Names that are looked up at once."""


class StoredEntry(msgspec.Struct, frozen=True):
    """An entry and its place."""

    segment: int
    at: int
    content: bytes
    names: tuple[int, ...] = ()
    """The numbers of the names by which it was found, the last one first."""


class LogReader:
    """Reads the entries of a log. All methods raise JournalUnavailableError.

    Args:
        connection: To Redis.
        log: ``EVENTS`` or ``DELIVERIES``.
    """

    def __init__(self, connection: Connection, log: str) -> None:
        self._connection = connection
        self._log = log

    async def segments(self) -> list[Segment]:
        """Return the segments, the newest first."""
        found = await segments(self._connection, self._log)
        return sorted(found, key=lambda segment: segment.number, reverse=True)

    async def newest_first(
        self, after: Place | None, *, first_ms: int | None = None, last_ms: int | None = None
    ) -> AsyncIterator[StoredEntry]:
        """Return the entries before a place, that of the place included, the newest first.

        Args:
            after: The place; None for all.
            first_ms: Unix ms; segments that ended before are left out.
            last_ms: Unix ms; segments that began later are left out.
        """
        for segment in await self.segments():
            if after is not None and segment.number > after.segment:
                continue
            # After a clock was set back, newer segments have earlier times.
            if last_ms is not None and segment.first_ms > last_ms:
                continue
            if first_ms is not None and segment.last_ms < first_ms:
                continue
            end = segment.entries
            if after is not None and segment.number == after.segment:
                end = min(end, after.entry + 1)
            async for entry in self._backwards(segment, end):
                yield entry

    async def _backwards(self, segment: Segment, end: int) -> AsyncIterator[StoredEntry]:
        step = _entries_at_once(segment)
        while end > 0:
            start = max(0, end - step)
            for at, content in reversed(
                list(enumerate(await self._read(segment, start, end), start))
            ):
                yield StoredEntry(segment.number, at, content)
            end = start

    async def after(self, place: Place | None, *, limit: int) -> list[StoredEntry]:
        """Return up to ``limit`` entries that begin at a place or later, the oldest first."""
        found: list[StoredEntry] = []
        for segment in reversed(await self.segments()):
            if place is not None and segment.number < place.segment:
                continue
            start = place.entry if place is not None and segment.number == place.segment else 0
            end = min(segment.entries, start + limit - len(found))
            step = _entries_at_once(segment)
            while start < end:
                read = await self._read(segment, start, min(end, start + step))
                found += [
                    StoredEntry(segment.number, at, content)
                    for at, content in enumerate(read, start)
                ]
                start += step
            if len(found) >= limit:
                break
        return found

    async def named(self, names: Sequence[str]) -> AsyncIterator[StoredEntry]:
        """Return the entries that have records with one of these names, the newest first."""
        async for entry in self.digested([name_digest(name) for name in names[:NAMES_LIMIT]]):
            yield entry

    async def digested(self, digests: Sequence[bytes]) -> AsyncIterator[StoredEntry]:
        """Return the same, given the digests of the names."""
        if not digests:
            return
        found = await self.segments()
        for first in range(0, len(found), SEARCHED):
            some = found[first : first + SEARCHED]
            places = await find_entries(self._connection, some, digests)
            for segment, entries in zip(some, places, strict=True):
                for at, numbers in entries.items():
                    for content in await self._read(segment, at, at + 1):
                        yield StoredEntry(segment.number, at, content, tuple(numbers))

    async def _read(self, segment: Segment, start: int, end: int) -> list[bytes]:
        entries: list[bytes] = await self._connection.ask(
            self._connection.redis.lrange(segment.entries_key, start, end - 1)
        )
        return entries


def _entries_at_once(segment: Segment) -> int:
    size = max(1, segment.size_bytes // max(1, segment.entries))
    return max(1, min(_READ_ENTRIES, _READ_BYTES // size))
