"""Admission: events are rejected while Redis is unsound or nearly full.

Ingress rejects events above 80 % of maxmemory, so that the workers have room for what is queued: an
event becomes several deliveries. Between two looks at Redis it counts the bytes that it writes
itself (``router.journal.memory_budget``).
"""

import asyncio
import contextlib
import logging
from typing import Final, NoReturn

from router.errors import ConfigurationError, JournalUnavailableError, OverloadedError
from router.journal import redis_health
from router.journal.connection import Connection
from router.journal.memory_budget import MemoryBudget

logger = logging.getLogger(__name__)

HIGH_WATERMARK: Final = 0.8
"""Share of maxmemory above which events are rejected."""
_POLL_INTERVAL: Final = 2.0
_OVERHEAD: Final = 4
"""Redis rounds the size of a string up, by a quarter at most (jemalloc's size classes)."""
_FULL: Final = f"Redis uses more than {HIGH_WATERMARK:.0%} of its maxmemory"


class AdmissionControl:
    """Decides from the state of Redis whether events are accepted.

    Args:
        connection: A connection to Redis.
        strict: Reject events while Redis may lose them; if False, only log it.
    """

    def __init__(self, connection: Connection, *, strict: bool) -> None:
        self._connection = connection
        self._strict = strict
        self._budget = MemoryBudget(connection, watermark=HIGH_WATERMARK)
        self._is_full = False
        self._durability_problems: tuple[str, ...] = ()
        self.draining = False
        """Whether the process is stopping. It still accepts events, and reports itself not ready."""

    async def check_store(self) -> None:
        """Check Redis once, at start. A Redis that is unavailable is no error: it may come back.

        Raises:
            ConfigurationError: Redis may lose events, and ``strict`` forbids that.
        """
        try:
            await self._refresh()
        except JournalUnavailableError as error:
            logger.warning("Redis unavailable at start", extra={"reason": str(error)})
        if self._strict and self._durability_problems:
            raise ConfigurationError(
                f"this Redis may lose events: {'; '.join(self._durability_problems)}"
                " (set ROUTER_DURABILITY=relaxed to accept that)"
            )

    async def watch(self) -> NoReturn:
        """Check Redis every two seconds, for ``check``."""
        while True:
            await asyncio.sleep(_POLL_INTERVAL)
            # Suppressed because each commit finds out for itself that Redis is unavailable.
            with contextlib.suppress(JournalUnavailableError):
                await self._refresh()

    def check(self) -> None:
        """Admit events, as of the last check of Redis.

        Raises:
            OverloadedError: Events are rejected for now.
        """
        reason = self._rejection_reason()
        if reason is not None:
            raise OverloadedError(reason)

    @property
    def batch_bytes(self) -> int:
        """The most bytes of events in one batch."""
        return self._budget.unit_bytes

    async def reserve(self, size_bytes: int) -> None:
        """Count bytes of events that are about to be written, and look at Redis if they are many.

        Raises:
            JournalUnavailableError: There is no room for them, or Redis did not answer.
        """
        size_bytes += size_bytes // _OVERHEAD
        if self._budget.needs_look(size_bytes):
            await self._budget.look()
            self._note_fullness()
            if size_bytes > self._budget.room_bytes:
                raise JournalUnavailableError(_FULL)
        self._budget.write(size_bytes)

    async def not_ready_reason(self) -> str | None:
        """Ask Redis now, and return why the process is not ready; None if it is."""
        if self.draining:
            return "the process is stopping"
        try:
            await self._refresh()
        except JournalUnavailableError as error:
            return str(error)
        return self._rejection_reason()

    def _rejection_reason(self) -> str | None:
        if self._is_full:
            return _FULL
        if self._strict and self._durability_problems:
            return f"Redis may lose events: {'; '.join(self._durability_problems)}"
        return None

    async def _refresh(self) -> None:
        info = await redis_health.redis_info(self._connection)
        self._budget.update(info)
        self._note_fullness()
        problems = tuple(redis_health.durability_problems(info))
        if problems != self._durability_problems:
            self._durability_problems = problems
            for problem in problems:
                logger.warning("Redis durability problem found", extra={"reason": problem})

    def _note_fullness(self) -> None:
        is_full = self._budget.used_ratio > HIGH_WATERMARK
        if is_full != self._is_full:
            self._is_full = is_full
            logger.warning(
                "admission stopped: Redis nearly full" if is_full else "admission resumed",
                extra={"watermark": HIGH_WATERMARK},
            )
