"""Pages of what is kept in a hash with a sorted index: dead letters, quarantine.

A cursor is the last member that was looked at and its time, so pages go on rightly while others
are added and taken away, and a page of a million costs what a page of ten does: O(log n).
"""

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final, Generic, TypeVar

import msgspec

from router.journal.connection import Connection, Script

T = TypeVar("T")
CHUNK: Final = 100
"""Members that are read, replayed or discarded in one step."""
_PAGE = Script("read_page")


class IndexedRecords(msgspec.Struct, frozen=True):
    """Where something is kept: the hash of its records and the sorted set of their times."""

    records: str
    index: str


class PageCursor(msgspec.Struct, frozen=True):
    """A place between two members, as text ``<Unix ms>-<member>``."""

    at_ms: int
    member: str

    def __str__(self) -> str:
        return f"{self.at_ms}-{self.member}"

    @classmethod
    def parse(cls, text: str) -> "PageCursor":
        """Raise ValueError unless ``text`` is a cursor."""
        at_ms, dash, member = text.partition("-")
        if not (dash and member and at_ms.isascii() and at_ms.isdigit() and len(at_ms) <= 15):
            raise ValueError(f"{text[:60]!r} is no cursor: take the one that the last page gave")
        return cls(int(at_ms), member)


class TimeRange(msgspec.Struct, frozen=True, kw_only=True):
    """Times in Unix milliseconds, both included; None for no bound."""

    first_ms: int | None = None
    last_ms: int | None = None


class RecordPage(msgspec.Struct, frozen=True):
    """Members and their records, in order; a record that has just gone is left out."""

    items: tuple[tuple[str, bytes], ...]
    after: PageCursor | None
    """Where the next page begins; None at the end."""


async def page(
    connection: Connection,
    kept: IndexedRecords,
    span: TimeRange,
    after: PageCursor | None,
    *,
    count: int,
    newest_first: bool,
) -> RecordPage:
    """Up to ``count`` members from ``after``. Raises JournalUnavailableError."""
    low = "-inf" if span.first_ms is None else str(span.first_ms)
    high = "+inf" if span.last_ms is None else str(span.last_ms)
    found: list[bytes] = await connection.run(
        _PAGE,
        [kept.index],
        [
            "" if after is None else after.member,
            "" if after is None else after.at_ms,
            count,
            low,
            high,
            int(newest_first),
        ],
    )
    members = [member.decode() for member in found[::2]]
    times = [int(float(at)) for at in found[1::2]]
    following = PageCursor(times[-1], members[-1]) if len(members) == count else None
    return RecordPage(tuple(await records_of(connection, kept, members)), following)


async def records_of(
    connection: Connection, kept: IndexedRecords, members: Sequence[str]
) -> list[tuple[str, bytes]]:
    """The members that are there, with their records. Raises JournalUnavailableError."""
    if not members:
        return []
    found: list[Any] = await connection.ask(connection.redis.hmget(kept.records, list(members)))
    return [
        (member, record)
        for member, record in zip(members, found, strict=True)
        if record is not None
    ]


class Matches(msgspec.Struct, Generic[T], frozen=True):
    """What fits of a page, and where to look on; None at the end.

    It may hold nothing and yet not be the end: whoever wants more asks on.
    """

    items: tuple[T, ...]
    after: PageCursor | None


Finder = Callable[[PageCursor | None, int], Awaitable[Matches[T]]]
"""Looks at up to so many members from a cursor."""


async def collect(
    find: Finder[T], after: PageCursor | None, *, count: int, most: float = math.inf
) -> Matches[T]:
    """Up to ``count`` that fit, after looking at no more than about ``most`` members."""
    items: list[T] = []
    looked_at = 0
    while True:
        step = min(CHUNK, count - len(items))
        found = await find(after, step)
        items += found.items
        after = found.after
        looked_at += step
        if after is None or len(items) >= count or looked_at >= most:
            return Matches(tuple(items), after)


async def iterate(find: Finder[T]) -> AsyncIterator[tuple[T, ...]]:
    """All that fit, in chunks of at most CHUNK."""
    after: PageCursor | None = None
    while True:
        found = await find(after, CHUNK)
        for start in range(0, len(found.items), CHUNK):
            yield found.items[start : start + CHUNK]
        after = found.after
        if after is None:
            return


async def apply_to_matches(
    find: Finder[T],
    action: Callable[[Sequence[T]], Awaitable[int]],
    after: PageCursor | None,
    *,
    count: int,
    most: int,
) -> tuple[int, PageCursor | None]:
    """Do ``action`` to up to ``count`` that fit; how many it was done to, where to go on."""
    done = looked_at = 0
    while True:
        step = min(CHUNK, count - done)
        found = await find(after, step)
        for start in range(0, len(found.items), CHUNK):
            done += await action(found.items[start : start + CHUNK])
        after = found.after
        looked_at += step
        if after is None or done >= count or looked_at >= most:
            return done, after


def clip(span: TimeRange, now_ms: int) -> TimeRange:
    """``span``, and nothing later than ``now_ms``."""
    last_ms = now_ms if span.last_ms is None else min(span.last_ms, now_ms)
    return msgspec.structs.replace(span, last_ms=last_ms)
