"""Counts over time, for plots: how often each thing that a counter counts has happened lately.

Each process adds the differences of its own counters (``router/worker/series.py``) to buckets that all
processes share. A series is a name in one of three resolutions, and one string in Redis: 380 bytes in
steps of 10 s, 740 in steps of a minute, 790 in steps of an hour. A series to which nothing is added for
as long as it reaches back expires.

Names come from the configuration and closed sets: the name of a metric without its prefix and ending, then
its labels, ``rule_matches/call-quality``. A ``*`` in place of a label is the sum over its values.

What is counted is no part of the ledger: a crash loses the last seconds, and no sum is built on it.
``scripts/add_series.lua`` writes them.
"""

import enum
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from router.clock import Clock
from router.journal.connection import Connection
from router.journal.script import PackedArguments, Script, ScriptKeys

ALL: Final = "*"
"""In place of a label: the sum over all its values."""
NAMES_AT_ONCE: Final = 100
"""Series that one script adds to: 3 ms, in which Redis does nothing else."""
_READ_AT_ONCE: Final = 500

_HEAD: Final = 2
"""Numbers before the counts: the latest bucket, the Unix seconds of the last addition."""
_WRITER_SECONDS: Final = 900
"""How long the number of a process's last addition is kept: longer than it may repeat one."""


class Resolution(enum.Enum):
    """The width of a bucket, and how many are kept: the seconds of one, their number."""

    TEN_SECONDS = "10s"
    MINUTE = "1m"
    HOUR = "1h"

    @property
    def seconds(self) -> int:
        """The seconds of a bucket."""
        return _BUCKETS[self][0]

    @property
    def slots(self) -> int:
        """The buckets that are kept, the one that is being filled included."""
        return _BUCKETS[self][1]


_BUCKETS: Final = {
    Resolution.TEN_SECONDS: (10, 91),
    Resolution.MINUTE: (60, 181),
    Resolution.HOUR: (3600, 193),
}


def series_key(resolution: str, name: str) -> str:
    """Return the key of a series; that of an empty name is the prefix of all of a resolution."""
    return f"router:series:{resolution}:{name}"


def writer_key(writer: str) -> str:
    """Return the key of the number of a process's last addition."""
    return f"router:series-writer:{writer}"


def series_name(metric: str, *labels: str) -> str:
    """Return the name of the series of a metric, given without prefix and ending, and its labels."""
    return "/".join((metric, *labels))


class Additions(msgspec.Struct, frozen=True):
    """Differences of a process's counters, which are added once, however often they are written."""

    number: int
    """Counts the additions of a process, from 1."""
    counts: Mapping[str, int]
    """By name; at most ``NAMES_AT_ONCE``."""


class Series:
    """The series of all processes. All methods raise JournalUnavailableError."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._now = clock.now
        self._set_ms = clock.journal_ms

    async def add(self, writer: str, additions: Sequence[Additions]) -> None:
        """Add what a process has counted, all of it now. Idempotent.

        Args:
            writer: The id of the process.
            additions: Those that may not have been added, in their order.
        """
        resolutions = [
            _KeptBuckets(series_key(each.value, ""), each.seconds, each.slots)
            for each in Resolution
        ]
        await self._connection.run_all(
            [
                _ADD_SERIES(
                    _AddSeriesKeys(writer_key(writer)),
                    _AddSeriesArguments(
                        each.number,
                        [_Addition(*item) for item in each.counts.items()],
                        resolutions,
                        _WRITER_SECONDS,
                        self._set_ms(),
                    ),
                )
                for each in additions
            ]
        )

    async def read(
        self, names: Iterable[str], resolution: Resolution, points: int
    ) -> dict[str, list[int]]:
        """Return the latest counts of series, the oldest first; zeros where nothing was counted.

        The last one is of the bucket that is being filled.

        Args:
            names: Names of series.
            resolution: The width of the buckets.
            points: How many of them; at most those that are kept.
        """
        points = min(points, resolution.slots)
        latest = int(self._now() // resolution.seconds)
        wanted = range(latest - points + 1, latest + 1)
        records = await self._records(names, resolution)
        return {name: _counts(record, resolution.slots, wanted) for name, record in records.items()}

    async def last_added(self, names: Iterable[str]) -> dict[str, float]:
        """Return when something was last added to series, in Unix seconds and up to 5 s late.

        A series without an addition within the eight days that are kept is left out.
        """
        records = await self._records(names, Resolution.HOUR)
        return {
            name: float(added_at)
            for name, record in records.items()
            if (added_at := _numbers(record, Resolution.HOUR.slots)[1])
        }

    async def _records(self, names: Iterable[str], resolution: Resolution) -> dict[str, bytes]:
        wanted = list(dict.fromkeys(names))
        found: dict[str, bytes] = {}
        for start in range(0, len(wanted), _READ_AT_ONCE):
            page = wanted[start : start + _READ_AT_ONCE]
            # MGET has no value for a key of another type.
            values: list[bytes | None] = await self._connection.ask(
                self._connection.redis.mget([series_key(resolution.value, each) for each in page])
            )
            found |= {name: value or b"" for name, value in zip(page, values, strict=True)}
        return found


def _numbers(record: bytes, slots: int) -> tuple[int, ...]:
    """Return the numbers of a record; one that is too short ends with zeros."""
    size = 4 * (_HEAD + slots)
    return struct.unpack(f">{_HEAD + slots}I", record[:size].ljust(size, b"\0"))


def _counts(record: bytes, slots: int, wanted: range) -> list[int]:
    """Return the counts of buckets; 0 of those that the record does not have."""
    latest, _, *counts = _numbers(record, slots)
    return [counts[each % slots] if latest - slots < each <= latest else 0 for each in wanted]


class _AddSeriesKeys(ScriptKeys, frozen=True):
    writer: str


class _AddSeriesArguments(PackedArguments, frozen=True):
    number: int
    additions: "list[_Addition]"
    resolutions: "list[_KeptBuckets]"
    writer_seconds: int
    set_ms: int


class _Addition(msgspec.Struct, frozen=True, array_like=True):
    name: str
    amount: int


class _KeptBuckets(msgspec.Struct, frozen=True, array_like=True):
    prefix: str
    seconds: int
    slots: int


_ADD_SERIES: Final = Script("add_series", _AddSeriesKeys, _AddSeriesArguments)
