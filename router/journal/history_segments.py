"""The segments of history: which there are, which entries have a name, and which must go."""

import contextlib
import struct
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from router.clock import Clock
from router.errors import WrongTypeError
from router.journal import keys
from router.journal.connection import Connection
from router.journal.history_log import LOGS
from router.journal.script import PackedArguments, PlainArguments, Script, ScriptKeys, binary, pack

_EVICTED_AT_ONCE: Final = 32
_PAGE: Final = 500
SEARCHED: Final = 16
"""Segments that are searched by one script: two milliseconds."""


class TrimResult(msgspec.Struct, frozen=True):
    """The result of deleting the oldest segments."""

    segments: int = 0
    records: int = 0
    freed_bytes: int = 0
    left_bytes: int = 0
    early_records: int = 0
    """Those of ``records`` that were not too old: their memory was needed."""


async def trim_history(
    connection: Connection,
    clock: Clock,
    *,
    age_seconds: float,
    at_most: int,
    free_bytes: int = 0,
) -> TrimResult:
    """Delete the oldest segments, a few at a time.

    Args:
        connection: To Redis.
        clock: The clock.
        age_seconds: The age from which a segment is deleted.
        at_most: Bytes that may be left.
        free_bytes: Bytes to free in any case.

    Raises JournalUnavailableError.
    """
    result = TrimResult()
    while True:
        call = _TRIM(
            _TrimHistoryKeys(keys.HISTORY),
            _TrimHistoryArguments(
                set_ms=clock.journal_ms(),
                age_ms=int(1000 * age_seconds),
                total_bytes=at_most,
                free_bytes=max(0, free_bytes - result.freed_bytes),
                most=_EVICTED_AT_ONCE,
                logs=LOGS,
            ),
        )
        segments, records, freed, left, has_more, early = await connection.run(call)
        result = TrimResult(
            result.segments + segments,
            result.records + records,
            result.freed_bytes + freed,
            left,
            result.early_records + early,
        )
        if not has_more:
            return result


async def history_bytes(connection: Connection) -> int:
    """Return the bytes that history uses, about. Raises JournalUnavailableError."""
    closed, *newest = await connection.ask(connection.redis.hmget(keys.HISTORY, ["closed", *LOGS]))
    return _number(closed) + sum(
        segment.size_bytes for segment in map(_newest, LOGS, newest) if segment
    )


class Segment(msgspec.Struct, frozen=True):
    """A part of a log."""

    log: str
    number: int
    first_ms: int
    """Unix ms of its first entry."""
    last_ms: int
    entries: int
    records: int
    size_bytes: int

    @property
    def entries_key(self) -> str:
        """The key of its entries."""
        return f"{keys.HISTORY}:{self.log}:{self.number}"

    @property
    def names_key(self) -> str:
        """The key of the digests of its names."""
        return f"router:history-names:{self.log}:{self.number}"


class _ClosedSegment(msgspec.Struct, frozen=True, array_like=True):
    log: str
    number: int
    last_ms: float
    entries: int
    records: int
    size_bytes: float


_decode_closed = msgspec.msgpack.Decoder(_ClosedSegment, strict=False).decode
NEWEST: Final = struct.Struct(">IddIId")
"""The newest segment as ``history.lua`` stores it."""


async def segments(connection: Connection, log: str) -> list[Segment]:
    """Return the segments of a log, the newest one first. Raises JournalUnavailableError."""
    found: list[Segment] = []
    with contextlib.suppress(WrongTypeError):  # the next append, or a sweep, repairs it
        newest = _newest(log, await connection.ask(connection.redis.hget(keys.HISTORY, log)))
        found += [newest] if newest else []
        read = 0
        while True:
            page = await connection.ask(
                connection.redis.zrevrange(
                    keys.HISTORY_SEGMENTS, read, read + _PAGE - 1, withscores=True
                )
            )
            read += len(page)
            found += _closed(log, page)
            if len(page) < _PAGE:
                break
    return found


def _closed(log: str, page: Iterable[tuple[bytes, float]]) -> Iterable[Segment]:
    for member, first_ms in page:
        try:
            closed = _decode_closed(member)
        except msgspec.MsgspecError:
            continue
        if closed.log == log:
            yield Segment(
                log,
                closed.number,
                int(first_ms),
                int(closed.last_ms),
                closed.entries,
                closed.records,
                int(closed.size_bytes),
            )


def _newest(log: str, state: bytes | None) -> Segment | None:
    if state is None or len(state) != NEWEST.size:
        return None
    number, first_ms, last_ms, entries, records, size_bytes = NEWEST.unpack(state)
    return Segment(log, number, int(first_ms), int(last_ms), entries, records, int(size_bytes))


def _number(text: bytes | None) -> int:
    return int(text) if text and text.isdigit() else 0


async def find_entries(
    connection: Connection, found: Sequence[Segment], digests: Sequence[bytes]
) -> list[dict[int, list[int]]]:
    """Return for each of ``SEARCHED`` segments the entries that have one of the names.

    Each entry is its position, the newest first, with the numbers of the names within it.

    Raises JournalUnavailableError.
    """
    replies: list[list[int]] = await connection.run(
        _FIND(
            _FindHistoryKeys(tuple(segment.names_key for segment in found)),
            _FindHistoryArguments(pack([binary(digest) for digest in digests])),
        )
    )
    return [_by_position(rows) for rows in replies]


def _by_position(rows: Sequence[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for at, number in sorted(zip(rows[::2], rows[1::2], strict=True), reverse=True):
        found.setdefault(at, []).append(number)
    return found


class _FindHistoryKeys(ScriptKeys, frozen=True):
    segments: tuple[str, ...]


class _FindHistoryArguments(PlainArguments, frozen=True):
    packed: bytes
    """The digests, a list."""


class _TrimHistoryKeys(ScriptKeys, frozen=True):
    history: str


class _TrimHistoryArguments(PackedArguments, frozen=True):
    set_ms: int
    age_ms: int
    total_bytes: int
    free_bytes: int
    most: int
    logs: tuple[str, ...]


_TRIM: Final = Script("trim_history", _TrimHistoryKeys, _TrimHistoryArguments)
_FIND: Final = Script("find_history", _FindHistoryKeys, _FindHistoryArguments)
