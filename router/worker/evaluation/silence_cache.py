"""The silences of the journal in this process: read upon each change, and every few seconds."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, NoReturn

from redis.exceptions import RedisError

from router.configuration.model import ActiveConfiguration
from router.errors import JournalUnavailableError
from router.journal import keys
from router.journal.connection import Connection, unavailable
from router.journal.silences import Silences
from router.outage_log import OUTAGES
from router.rules.suppression.silences import Silence

_FAILED: Final = (RedisError, OSError, TimeoutError, JournalUnavailableError)
_REFRESH_EVERY: Final = 5.0
"""Seconds between two reads without a message, because a message may be lost."""
_PAUSE: Final = 0.5
"""Seconds between two attempts, at least."""


class SilenceCache:
    """Updates ``live.journal_silences`` from the journal."""

    def __init__(
        self,
        silences: Silences,
        connection: Connection,
        live: ActiveConfiguration,
        chance: Callable[[], float],
        on_change: Callable[[Sequence[Silence], Sequence[Silence]], None],
    ) -> None:
        self._on_change = on_change
        self._silences = silences
        self._connection = connection
        self._live = live
        self._chance = chance

    async def refresh(self) -> None:
        """Read the silences once.

        Raises JournalUnavailableError; then the previous silences stay active.
        """
        before = self._live.journal_silences
        after = tuple(stored.compiled() for stored in await self._silences.all())
        self._live.journal_silences = after
        self._on_change(before, after)

    async def run(self) -> NoReturn:
        """Refresh until cancelled."""
        while True:
            try:
                await self._follow()
            except _FAILED as error:
                OUTAGES.warning(
                    "silences not refreshed",
                    extra={"reason": str(unavailable(error))},
                )
                await asyncio.sleep(_PAUSE + self._chance())

    async def _follow(self) -> NoReturn:
        async with self._connection.subscription() as subscription:
            async with asyncio.timeout(_REFRESH_EVERY):
                await subscription.subscribe(keys.SILENCES_CHANGED)
            while True:
                # The first message confirms the subscription, so that no later change is missed.
                await subscription.get_message(timeout=_REFRESH_EVERY)
                await self.refresh()
