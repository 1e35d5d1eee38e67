"""How much of Redis's memory is in use: as of the last INFO, plus this process's own writes.

INFO costs a round trip, so that it is not sent before each write. A process counts the bytes that
it has written since, and asks again before they use up its share of the room. A share is a
sixteenth: sixteen processes that ask at the same moment cannot overrun a watermark together. More
processes overrun it by a sixteenth of the room for each further one.
"""

import math
from typing import Any, Final

import msgspec

from router.journal.connection import Connection

UNIT_BYTES: Final = 4 << 20
"""The most bytes of a batch, and of a transaction that finishes a part of one. Less if Redis has less
than 256 MiB, because several processes read and write as much at once."""
_SHARE: Final = 16
_UNITS: Final = 64
_MIN_UNIT_BYTES: Final = 64 << 10


class MemoryUse(msgspec.Struct, frozen=True):
    """The memory of a Redis, in bytes."""

    used_bytes: int
    limit_bytes: int
    """Its maxmemory; 0 if it has none."""
    system_bytes: int = 0
    """The memory of its machine; 0 if it does not tell."""

    @property
    def ratio(self) -> float:
        """The share of maxmemory in use; 0.0 if there is no limit."""
        return self.used_bytes / self.limit_bytes if self.limit_bytes else 0.0


def memory_use(info: dict[str, Any]) -> MemoryUse:
    """Return the memory that Redis's INFO tells of."""
    return MemoryUse(
        int(info.get("used_memory", 0)),
        int(info.get("maxmemory", 0)),
        int(info.get("total_system_memory", 0)),
    )


class MemoryBudget:
    """The memory of the Redis of a connection.

    Args:
        connection: To Redis.
        watermark: The share of maxmemory up to which this process writes.
    """

    def __init__(self, connection: Connection, *, watermark: float) -> None:
        self._connection = connection
        self._watermark = watermark
        self._used = 0
        self._limit = 0
        self._system = 0
        self._written = 0
        self._allowed: float = 0
        self._reclaimable = 0

    async def refresh(self) -> None:
        """Ask Redis for INFO. Raises JournalUnavailableError."""
        self.update(await self._connection.ask(self._connection.redis.info("memory")))

    def update(self, info: dict[str, Any]) -> None:
        """Take the used memory and its limit from Redis's INFO."""
        use = memory_use(info)
        self._used, self._limit, self._system = use.used_bytes, use.limit_bytes, use.system_bytes
        self._written = 0
        self._reclaimable = 0
        self._allowed = self.room_bytes / _SHARE

    def reclaim(self, size_bytes: int) -> None:
        """Count bytes as free, until the next INFO, because they make room when they are needed."""
        self._reclaimable = size_bytes
        self._allowed = self.room_bytes / _SHARE

    def write(self, size_bytes: int) -> None:
        """Count bytes that this process writes."""
        self._written += size_bytes

    @property
    def used_bytes(self) -> int:
        """The bytes in use."""
        return self._used + self._written

    @property
    def limit_bytes(self) -> int:
        """Redis's maxmemory; 0 if it has none, or before the first INFO."""
        return self._limit

    @property
    def system_bytes(self) -> int:
        """The memory of Redis's machine; 0 if it is not known."""
        return self._system

    @property
    def used_ratio(self) -> float:
        """The share of maxmemory in use; 0.0 if it has none."""
        return MemoryUse(self.used_bytes, self._limit).ratio

    @property
    def needed_ratio(self) -> float:
        """The same without the bytes that make room."""
        return MemoryUse(self.used_bytes - self._reclaimable, self._limit).ratio

    @property
    def room_bytes(self) -> float:
        """The bytes up to the watermark; infinity if there is no limit."""
        if not self._limit:
            return math.inf
        return max(0.0, self._watermark * self._limit - self.used_bytes + self._reclaimable)

    @property
    def unit_bytes(self) -> int:
        """The most bytes of a batch or a part now; see ``UNIT_BYTES``."""
        if not self._limit:
            return UNIT_BYTES
        return min(UNIT_BYTES, max(_MIN_UNIT_BYTES, self._limit // _UNITS))

    def needs_refresh(self, size_bytes: int) -> bool:
        """Return whether to refresh before so many bytes are written."""
        return self._written + size_bytes > self._allowed
