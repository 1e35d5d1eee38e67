"""Pages of records in a hash with an index by time: dead letters, quarantine.

A cursor is the last member of a page and its time. Pages therefore continue correctly while members
are added and deleted, and a page costs O(log n) of the members. The bytes of a page are limited too: a
page of large records has fewer of them.
"""

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final, Generic, TypeVar

import msgspec

from router.journal.connection import Connection
from router.journal.script import PackedArguments, Script, ScriptKeys, binary
from router.journal.unreadable import bytes_of, text_of

T = TypeVar("T")
CHUNK: Final = 100
"""Members that are read, replayed or discarded in one step."""
PAGE_BYTES: Final = 4 << 20
"""The most bytes of a page's records, unless it is a single one."""


class IndexedRecords(msgspec.Struct, frozen=True):
    """The keys of records."""

    records: str
    """The hash: member -> record."""
    index: str
    """The sorted set: member -> Unix ms."""


class PageCursor(msgspec.Struct, frozen=True):
    """A position after a member; as text ``<Unix ms>-<member>``."""

    at_ms: int
    member: str

    def __str__(self) -> str:
        return f"{self.at_ms}-{self.member}"

    @classmethod
    def parse(cls, text: str) -> "PageCursor":
        """Return the cursor with this text. Raises ValueError if ``text`` is not a cursor."""
        at_ms, dash, member = text.partition("-")
        if not (dash and member and at_ms.isascii() and at_ms.isdigit() and len(at_ms) <= 15):
            raise ValueError(f"{text[:60]!r} is not a cursor: use the one of the previous page")
        return cls(int(at_ms), member)


class TimeRange(msgspec.Struct, frozen=True, kw_only=True):
    """Times in Unix milliseconds, both included; None if there is no limit."""

    first_ms: int | None = None
    last_ms: int | None = None

    def has(self, at: float) -> bool:
        """Return whether a time is one of them; ``at`` is Unix time in seconds."""
        at_ms = int(1000 * at)
        return (self.first_ms is None or at_ms >= self.first_ms) and (
            self.last_ms is None or at_ms <= self.last_ms
        )


class RecordPage(msgspec.Struct, frozen=True):
    """Members and their records, in order. A record that was deleted meanwhile is left out."""

    items: tuple[tuple[str, bytes], ...]
    after: PageCursor | None
    """The cursor of the next page; None at the end."""
    size: int = 0
    """The bytes of the records."""


async def page(
    connection: Connection,
    stored: IndexedRecords,
    span: TimeRange,
    after: PageCursor | None,
    *,
    count: int,
    newest_first: bool,
) -> RecordPage:
    """Return up to ``count`` members after a cursor. Raises JournalUnavailableError."""
    found = await index_page(
        connection, stored.index, span, after, count=count, newest_first=newest_first
    )
    members = [each.member for each in found]
    number, size = await _fitting(connection, stored, members)
    items = await records_of(connection, stored, members[:number])
    return RecordPage(tuple(items), following(found, number, count), size)


async def index_page(
    connection: Connection,
    index: str,
    span: TimeRange,
    after: PageCursor | None,
    *,
    count: int,
    newest_first: bool,
) -> list[PageCursor]:
    """Return up to ``count`` members of an index, with their times, after a cursor.

    Raises JournalUnavailableError.
    """
    fields: list[bytes] = await connection.run(
        _READ_PAGE(
            _ReadPageKeys(index),
            _ReadPageArguments(
                after=binary(b"" if after is None else bytes_of(after.member)),
                after_ms="" if after is None else str(after.at_ms),
                count=count,
                first="-inf" if span.first_ms is None else str(span.first_ms),
                last="+inf" if span.last_ms is None else str(span.last_ms),
                newest_first=newest_first,
            ),
        )
    )
    return [
        PageCursor(int(float(at)), text_of(member))
        for member, at in zip(fields[::2], fields[1::2], strict=True)
    ]


def following(found: Sequence[PageCursor], read: int, count: int) -> PageCursor | None:
    """Return the cursor of the next page; None at the end.

    Args:
        found: The members of a page of an index.
        read: How many of them were read.
        count: How many were asked for.
    """
    return None if read == len(found) < count else found[read - 1]


async def page_of_ids(
    connection: Connection,
    stored: IndexedRecords,
    ids: Sequence[str],
    after: PageCursor | None,
    *,
    count: int,
) -> RecordPage:
    """Return up to ``count`` of these members after a cursor. Raises JournalUnavailableError."""
    start = ids.index(after.member) + 1 if after is not None and after.member in ids else 0
    members = ids[start : start + count]
    number, size = await _fitting(connection, stored, members)
    end = start + number
    rest = PageCursor(0, ids[end - 1]) if end < len(ids) else None
    items = await records_of(connection, stored, members[:number])
    return RecordPage(tuple(items), rest, size)


async def _fitting(
    connection: Connection, stored: IndexedRecords, members: Sequence[str]
) -> tuple[int, int]:
    """Return how many of the members fit into a page, at least one, and the bytes of these."""
    pipeline = connection.redis.pipeline(transaction=False)
    for member in members:
        pipeline.hstrlen(stored.records, member)
    return fitting(await connection.ask(pipeline.execute()))


def fitting(sizes: Sequence[int]) -> tuple[int, int]:
    """Return how many records of these sizes fit into a page, at least one, and their bytes."""
    total = 0
    for number, size in enumerate(sizes):
        if number and total + size > PAGE_BYTES:
            return number, total
        total += size
    return len(sizes), total


async def records_of(
    connection: Connection, stored: IndexedRecords, members: Sequence[str]
) -> list[tuple[str, bytes]]:
    """Return the members that exist, with their records. Raises JournalUnavailableError."""
    if not members:
        return []
    fields = list(map(bytes_of, members))
    records: list[Any] = await connection.ask(connection.redis.hmget(stored.records, fields))
    return [
        (member, record)
        for member, record in zip(members, records, strict=True)
        if record is not None
    ]


class Matches(msgspec.Struct, Generic[T], frozen=True):
    """The matches of a page, and the cursor after it; None at the end.

    A page without matches is not the end: only a cursor of None is.
    """

    items: tuple[T, ...]
    after: PageCursor | None
    size: int = 0
    """The bytes of the records that were read for it."""


Finder = Callable[[PageCursor | None, int], Awaitable[Matches[T]]]
"""Returns the matches among this many members after a cursor."""


async def collect(
    find: Finder[T], after: PageCursor | None, *, count: int, max_scanned: float = math.inf
) -> Matches[T]:
    """Return up to ``count`` matches after scanning about ``max_scanned`` members at most.

    Fewer are returned if their records have more than PAGE_BYTES. Raises what ``find`` raises.
    """
    items: list[T] = []
    scanned = size = 0
    while True:
        step = min(CHUNK, count - len(items))
        matches = await find(after, step)
        items += matches.items
        after = matches.after
        scanned += step
        size += matches.size
        is_full = len(items) >= count or size >= PAGE_BYTES
        if after is None or is_full or scanned >= max_scanned:
            return Matches(tuple(items), after, size)


async def iterate(find: Finder[T]) -> AsyncIterator[tuple[T, ...]]:
    """Yield all matches, in chunks of at most CHUNK. Raises what ``find`` raises."""
    after: PageCursor | None = None
    while True:
        matches = await find(after, CHUNK)
        for start in range(0, len(matches.items), CHUNK):
            yield matches.items[start : start + CHUNK]
        after = matches.after
        if after is None:
            return


async def apply_to_matches(
    find: Finder[T],
    action: Callable[[Sequence[T]], Awaitable[int]],
    after: PageCursor | None,
    *,
    count: int,
    max_scanned: int,
) -> tuple[int, PageCursor | None]:
    """Apply ``action`` to up to ``count`` matches, in chunks of at most CHUNK.

    Returns:
        The sum of what ``action`` returned, and the cursor to continue from; None at the end.

    Raises what ``find`` and ``action`` raise.
    """
    done = scanned = 0
    while True:
        step = min(CHUNK, count - done)
        matches = await find(after, step)
        for start in range(0, len(matches.items), CHUNK):
            done += await action(matches.items[start : start + CHUNK])
        after = matches.after
        scanned += step
        if after is None or done >= count or scanned >= max_scanned:
            return done, after


def clip(span: TimeRange, now_ms: int) -> TimeRange:
    """Return ``span`` without times later than ``now_ms``."""
    last_ms = now_ms if span.last_ms is None else min(span.last_ms, now_ms)
    return msgspec.structs.replace(span, last_ms=last_ms)


class _ReadPageKeys(ScriptKeys, frozen=True):
    index: str


class _ReadPageArguments(PackedArguments, frozen=True):
    after: msgspec.Raw
    """A member; empty for the first page."""
    after_ms: str
    count: int
    first: str
    """A time, or ``-inf``."""
    last: str
    """A time, or ``+inf``."""
    newest_first: bool


_READ_PAGE: Final = Script("read_page", _ReadPageKeys, _ReadPageArguments)
