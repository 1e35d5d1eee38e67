"""The silences of the journal, as this process knows them: told of changes, looking every so often."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, NoReturn

from redis.exceptions import RedisError

from router.configuration.model import (
    ActiveConfiguration,
)
from router.errors import JournalUnavailableError
from router.journal import keys
from router.journal.connection import Connection
from router.journal.silences import Silences

logger = logging.getLogger(__name__)

_FAILED: Final = (RedisError, OSError, TimeoutError, JournalUnavailableError)
_LOOK_EVERY: Final = 5.0
"""Seconds after which the journal is asked anyway: a message may be lost."""
_PAUSE: Final = 0.5


class SilenceCache:
    """Keeps ``live.journal_silences`` as the journal has it."""

    def __init__(
        self,
        silences: Silences,
        connection: Connection,
        live: ActiveConfiguration,
        chance: Callable[[], float],
    ) -> None:
        self._silences = silences
        self._connection = connection
        self._live = live
        self._chance = chance

    async def refresh(self) -> None:
        """Look once. Raises JournalUnavailableError; then what was known stays."""
        self._live.journal_silences = tuple(
            posted.compiled() for posted in await self._silences.all()
        )

    async def run(self) -> NoReturn:
        """Keep looking until cancelled."""
        while True:
            try:
                await self._follow()
            except _FAILED as error:
                logger.warning(
                    "silences may be out of date",
                    extra={"reason": f"{type(error).__name__}: {error}"},
                )
                await asyncio.sleep(_PAUSE + self._chance())

    async def _follow(self) -> NoReturn:
        async with self._connection.redis.pubsub() as subscription:
            async with asyncio.timeout(_LOOK_EVERY):
                await subscription.subscribe(keys.SILENCES_CHANGED)
            while True:
                # The first message says that the subscription stands: what came before is seen now.
                await subscription.get_message(timeout=_LOOK_EVERY)
                await self.refresh()
