"""May events come in? Not while the store is away, unsound or nearly full.

A full Redis refuses the workers' writes too, and then nothing drains. So the door closes earlier,
at 80 % of maxmemory, and what is inside can leave.
"""

import asyncio
import contextlib
import logging
from typing import Final, NoReturn

from router.errors import ConfigurationError, JournalUnavailableError, OverloadedError
from router.journal import redis_health as store
from router.journal.connection import Connection

logger = logging.getLogger(__name__)

_WATERMARK: Final = 0.8
_LOOK_EVERY: Final = 2.0


class AdmissionControl:
    """Watches the store. ``strict``: one that may lose events is refused, else only logged."""

    def __init__(self, connection: Connection, *, strict: bool) -> None:
        self._connection = connection
        self._strict = strict
        self._full = False
        self._weak: tuple[str, ...] = ()
        self.leaving = False
        """Whether the process is about to end: what still comes is taken, but nobody is invited."""

    async def check_store(self) -> None:
        """Look once, at start. A store that is away is no error: it may come.

        Raises ConfigurationError for one that may lose events, unless that is accepted.
        """
        try:
            await self._look()
        except JournalUnavailableError as error:
            logger.warning("Redis is away, waiting for it", extra={"reason": str(error)})
        if self._strict and self._weak:
            raise ConfigurationError(
                f"this Redis may lose events: {'; '.join(self._weak)}"
                " (or set ROUTER_DURABILITY=relaxed to accept that)"
            )

    async def watch(self) -> NoReturn:
        """Look again and again, for ``enter`` to act on."""
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            with contextlib.suppress(JournalUnavailableError):  # commits notice by themselves
                await self._look()

    def enter(self) -> None:
        """Raise OverloadedError when no event may come in now."""
        reason = self._closed()
        if reason is not None:
            raise OverloadedError(reason)

    async def obstacle(self) -> str | None:
        """Why the router is not ready, asked of Redis now; None when it is."""
        if self.leaving:
            return "the router is stopping"
        try:
            await self._look()
        except JournalUnavailableError as error:
            return str(error)
        return self._closed()

    def _closed(self) -> str | None:
        if self._full:
            return f"Redis is over {_WATERMARK:.0%} of its maxmemory"
        if self._strict and self._weak:
            return f"Redis may lose events: {'; '.join(self._weak)}"
        return None

    async def _look(self) -> None:
        info = await store.redis_info(self._connection)
        full = store.memory_used_ratio(info) > _WATERMARK
        if full != self._full:
            self._full = full
            logger.warning("Redis memory", extra={"over_watermark": full})
        weak = tuple(store.durability_problems(info))
        if weak != self._weak:
            self._weak = weak
            for weakness in weak:
                logger.warning("this Redis may lose events", extra={"reason": weakness})
