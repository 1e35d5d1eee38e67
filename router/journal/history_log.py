"""History as the journal stores it: two logs, of events and of ended deliveries, cut into segments.

A segment is a list of entries and a string by which its records are found. An entry is a msgpack array of
records that were recorded together, such as the events of a finished batch, compressed: events of a kind
are alike, so that those of a batch take a tenth of their size, and one by itself half. The string has ten bytes for
each name of a record: eight of the name's digest and two for the position of its entry. Ten bytes are
looked up by a search in a few hundred kilobytes, which is faster than it sounds: two milliseconds for a
million records.

Entries are appended by the transactions that end batches and deliveries (``scripts/history.lua``), so that
history neither misses nor invents what they did. A segment is closed when it has 8,192 records, its share
of the memory, or a twenty-fourth of the age. Then the oldest one makes room: whole segments are deleted,
never single records. Their keys expire on top of that, so that a history that is switched off disappears.

History is worth less than an event: what is not in order is deleted, and nothing waits for it.

| record of ``router:history`` | content |
|---|---|
| ``events``, ``deliveries`` | the newest segment of the log: number, Unix ms of the first and last entry, \
entries, records, bytes |
| ``last-events``, ``last-deliveries`` | the number of the segment that was closed last |
| ``closed`` | the bytes of all closed segments |
"""

import functools
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Final

import msgspec
import zstandard

from router.journal.memory_budget import MemoryBudget
from router.journal.script import binary, pack

EVENTS: Final = "events"
DELIVERIES: Final = "deliveries"
LOGS: Final = (EVENTS, DELIVERIES)
NAME_BYTES: Final = 8
"""The bytes of a name's digest."""
_ID_PREFIXES: Final = ("al_", "ak_", "msg_")
_ID_LENGTHS: Final = (27, 28)
FORM: Final = 1
"""The form of entries; a reader skips those of another one."""
PAUSE_RATIO: Final = 0.75
"""Share of maxmemory above which nothing is added to history: below that at which events are rejected."""
_LONGEST_ENTRY: Final = 64 << 20
"""Bytes: more than a batch can have."""
_COMPRESSED_FROM: Final = 600
"""Bytes: compressing fewer costs more than it saves."""
_compress: Final = zstandard.ZstdCompressor(level=1).compress
_decompress: Final = zstandard.ZstdDecompressor().decompress
_SEGMENTS: Final = 64
"""The memory of history is about that of so many segments."""
_AGES: Final = 24
_MIN_SEGMENT: Final = 64 << 10
_MAX_SEGMENT: Final = 16 << 20


def name_digest(name: str) -> bytes:
    """Return the bytes by which a record with a name is found.

    The ids of alerts and deliveries and the keys of alerts are digests, of which these are the first bytes.
    """
    if len(name) in _ID_LENGTHS and name.startswith(_ID_PREFIXES):
        try:
            return bytes.fromhex(name[-24:-8])
        except ValueError:
            pass
    return blake2b(name.encode("utf-8", "surrogatepass"), digest_size=NAME_BYTES).digest()


def _packed(entry: bytes) -> bytes:
    return entry if len(entry) < _COMPRESSED_FROM else _compress(entry)


def unpacked(entry: bytes) -> bytes:
    """Return the msgpack array of a stored entry. Raises ValueError if it cannot be read."""
    if not entry.startswith(zstandard.FRAME_HEADER):
        return entry
    try:
        if zstandard.frame_content_size(entry) > _LONGEST_ENTRY:
            raise ValueError("an entry is too long")
        return _decompress(entry)
    except zstandard.ZstdError as error:
        raise ValueError(f"not an entry: {error}") from None


class HistoryRecord(msgspec.Struct, frozen=True, gc=False):
    """A record that is to be appended, encoded, with the digests of its names."""

    content: msgspec.Raw
    names: bytes


class HistoryEntry(msgspec.Struct, frozen=True):
    """Records that are appended together, as a script takes them."""

    options: bytes = b""
    """A ``_HistoryOptions``, packed; empty if there is no history."""
    entry: bytes = b""
    names: bytes = b""
    records: int = 0

    def packed(self) -> "PackedHistory":
        """Return the same as a part of packed arguments."""
        return PackedHistory(
            binary(self.options), binary(self.entry), binary(self.names), self.records
        )


class PackedHistory(msgspec.Struct, frozen=True):
    """A ``HistoryEntry`` in packed arguments."""

    options: msgspec.Raw
    entry: msgspec.Raw
    names: msgspec.Raw
    records: int


NO_HISTORY: Final = HistoryEntry()


class _HistoryOptions(msgspec.Struct, frozen=True):
    log: str
    segment_bytes: int
    segment_ms: int
    kept_ms: int
    total_bytes: int
    """0 if it is not known."""


class HistoryLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How long history lasts, and how much memory it has."""

    age_seconds: float
    """0 for no history."""
    share: float
    """The share of Redis's memory."""


NONE_KEPT: Final = HistoryLimits(age_seconds=0, share=0)


class HistoryLog:
    """Makes the entries that this process appends.

    Args:
        limits: Of history.
        budget: The memory of Redis.
    """

    def __init__(self, limits: HistoryLimits, budget: MemoryBudget) -> None:
        self._limits = limits
        self._budget = budget

    @property
    def is_on(self) -> bool:
        """Whether history is to be recorded now."""
        return self._limits.age_seconds > 0 and self._budget.used_ratio < PAUSE_RATIO

    def entry(
        self, log: str, head: Sequence[Any], records: Sequence[HistoryRecord]
    ) -> HistoryEntry:
        """Return an entry of a log.

        Args:
            log: ``EVENTS`` or ``DELIVERIES``.
            head: Values that all its records share.
            records: The records.
        """
        if not records or not self.is_on:
            return NO_HISTORY
        return HistoryEntry(
            _options(self._limits, log, total_bytes(self._limits, self._budget)),
            _packed(pack((FORM, *head, [record.content for record in records]))),
            b"".join([record.names for record in records]),
            len(records),
        )


@functools.lru_cache(8)
def _options(limits: HistoryLimits, log: str, total: int) -> bytes:
    age_ms = int(1000 * limits.age_seconds)
    segment_ms = max(1000, age_ms // _AGES)
    return pack(
        _HistoryOptions(
            log=log,
            segment_bytes=max(_MIN_SEGMENT, min(_MAX_SEGMENT, total // _SEGMENTS)),
            segment_ms=segment_ms,
            kept_ms=age_ms + 2 * segment_ms,
            total_bytes=total,
        )
    )


def total_bytes(limits: HistoryLimits, budget: MemoryBudget) -> int:
    """Return the bytes that history may use; 0 if the memory of Redis is not known yet."""
    return int(limits.share * (budget.limit_bytes or budget.system_bytes))
