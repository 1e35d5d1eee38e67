"""May events come in? Not while the store is away, unsound or nearly full.

A full Redis refuses the workers' writes too, and then nothing drains. So the door closes earlier,
at 80 % of maxmemory, and what is inside can leave.
"""

import asyncio
import contextlib
import logging
from typing import Final, NoReturn

from router.errors import ConfigurationError, JournalUnavailableError, OverloadedError
from router.journal import redis_health
from router.journal.connection import Connection

logger = logging.getLogger(__name__)

HIGH_WATERMARK: Final = 0.8
_POLL_INTERVAL: Final = 2.0


class AdmissionControl:
    """Watches the redis_health. ``strict``: one that may lose events is refused, else only logged."""

    def __init__(self, connection: Connection, *, strict: bool) -> None:
        self._connection = connection
        self._strict = strict
        self._full = False
        self._durability_problems: tuple[str, ...] = ()
        self.draining = False
        """Whether the process is about to end: what still comes is taken, but nobody is invited."""

    async def check_store(self) -> None:
        """Look once, at start. A store that is away is no error: it may come.

        Raises ConfigurationError for one that may lose events, unless that is accepted.
        """
        try:
            await self._refresh()
        except JournalUnavailableError as error:
            logger.warning("Redis is away, waiting for it", extra={"reason": str(error)})
        if self._strict and self._durability_problems:
            raise ConfigurationError(
                f"this Redis may lose events: {'; '.join(self._durability_problems)}"
                " (or set ROUTER_DURABILITY=relaxed to accept that)"
            )

    async def watch(self) -> NoReturn:
        """Look again and again, for ``check`` to act on."""
        while True:
            await asyncio.sleep(_POLL_INTERVAL)
            with contextlib.suppress(JournalUnavailableError):  # commits notice by themselves
                await self._refresh()

    def check(self) -> None:
        """Raise OverloadedError when no event may come in now."""
        reason = self._rejection_reason()
        if reason is not None:
            raise OverloadedError(reason)

    async def not_ready_reason(self) -> str | None:
        """Why the router is not ready, asked of Redis now; None when it is."""
        if self.draining:
            return "the router is stopping"
        try:
            await self._refresh()
        except JournalUnavailableError as error:
            return str(error)
        return self._rejection_reason()

    def _rejection_reason(self) -> str | None:
        if self._full:
            return f"Redis is over {HIGH_WATERMARK:.0%} of its maxmemory"
        if self._strict and self._durability_problems:
            return f"Redis may lose events: {'; '.join(self._durability_problems)}"
        return None

    async def _refresh(self) -> None:
        info = await redis_health.redis_info(self._connection)
        full = redis_health.memory_used_ratio(info) > HIGH_WATERMARK
        if full != self._full:
            self._full = full
            logger.warning("Redis memory", extra={"over_watermark": full})
        weak = tuple(redis_health.durability_problems(info))
        if weak != self._durability_problems:
            self._durability_problems = weak
            for weakness in weak:
                logger.warning("this Redis may lose events", extra={"reason": weakness})
