"""Eviction of claims: deletes those that are too old, and others before events are rejected.

An event that is rejected may be lost, because its sender stops at some time (Twilio after four hours).
A claim that is evicted may let a duplicate pass, and its receiver can still drop it by its id.
"""

import asyncio
import logging
from typing import Any, Final, NoReturn

import msgspec

from router.clock import Clock
from router.errors import JournalUnavailableError
from router.journal.claims import CLAIM_BYTES, Claims
from router.journal.connection import Connection
from router.journal.memory_budget import memory_use
from router.metrics import Metrics
from router.outage_log import OUTAGES

logger = logging.getLogger(__name__)

TIGHT_RATIO: Final = 0.5
"""Share of maxmemory above which buckets are shorter, so that less has to be evicted at once."""
EVICTION_RATIO: Final = 0.65
"""Share of maxmemory above which claims are evicted: below that of the alert and of admission."""
_WORTHWHILE: Final = 0.01
"""Share of maxmemory that a bucket must take to be evicted. Smaller ones would not help."""
_INTERVAL: Final = 5.0
_TIGHT_INTERVAL: Final = 1.0


class MemoryPressure(msgspec.Struct, frozen=True):
    """The measures for the memory in use."""

    is_tight: bool
    min_claims: int | None
    """Evict a bucket with as many claims; None to evict none."""


def pressure_of(info: dict[str, Any]) -> MemoryPressure:
    """Return what to do for Redis's INFO about its memory."""
    memory = memory_use(info)
    worthwhile = max(1, int(_WORTHWHILE * memory.limit_bytes / CLAIM_BYTES))
    return MemoryPressure(
        is_tight=memory.ratio > TIGHT_RATIO,
        min_claims=worthwhile if memory.ratio > EVICTION_RATIO else None,
    )


class ClaimEviction:
    """Watches the memory of Redis, and evicts claims.

    Args:
        connection: A connection to Redis.
        metrics: Counts the claims that are evicted.
        clock: Unix time.
    """

    def __init__(self, connection: Connection, metrics: Metrics, clock: Clock) -> None:
        self._connection = connection
        self._claims = Claims(connection, clock)
        self._metrics = metrics

    async def run(self) -> NoReturn:
        """Check the claims until cancelled."""
        while True:
            interval = _INTERVAL
            try:
                if await self.check():
                    interval = _TIGHT_INTERVAL
            except JournalUnavailableError as error:
                OUTAGES.warning("check of claims failed", extra={"reason": str(error)})
            await asyncio.sleep(interval)

    async def check(self) -> bool:
        """Delete and evict claims once; return whether memory is short.

        Raises JournalUnavailableError.
        """
        # Read before the memory, so that two workers do not both evict because of the same shortage.
        before = await self._claims.status()
        pressure = pressure_of(await self._connection.ask(self._connection.redis.info("memory")))
        evicted = await self._claims.maintain(
            is_tight=pressure.is_tight, evicted=before.evicted, min_claims=pressure.min_claims
        )
        if evicted:
            self._metrics.claims_evicted.inc(evicted)
            left = await self._claims.status()
            logger.warning(
                "claims evicted, because Redis is nearly full; older duplicates are not recognised",
                extra={"count": evicted, "window_seconds": round(left.window_seconds)},
            )
        return pressure.is_tight
