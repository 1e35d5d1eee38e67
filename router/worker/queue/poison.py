"""Which event, which delivery, ended the process? Poison must not do so for ever.

A job that starts again although nobody ended it was running when its process ended (arq counts the
starts). Any of its pieces may have been the cause, or none: processes are killed for other reasons
too. So its pieces are done one at a time, in the whole process, each between two marks in Redis.
The process that ends between them leaves the mark of exactly that piece.

The first crash leaves no mark, two more leave two: after three crashes the piece is known and is not
begun again. A piece that ends the process later than ``_WATCHED`` after its beginning is not found.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from router.errors import JournalUnavailableError
from router.journal.crash_counts import CrashCounter

POISON: Final = "poison: the worker process ended three times while it was at this"
_STRIKES: Final = 2
_WATCHED: Final = 0.25
"""Seconds. Rendering and connecting come first; nobody else waits for a slow receiver's answer."""


class PoisonDetector:
    """One for each process."""

    def __init__(self, strikes: CrashCounter) -> None:
        self._strikes = strikes
        self._one_at_a_time = asyncio.Lock()

    async def survives(self, job_id: str, piece: str, attempt: Callable[[], object]) -> bool:
        """Try something out, errors do not matter; False, untried, for poison.

        Raises JournalUnavailableError.
        """
        async with self._one_at_a_time:
            if await self._strikes.strike(job_id, piece) > _STRIKES:
                return False
            with contextlib.suppress(Exception):  # whoever does it in earnest deals with it
                attempt()
            await self._strikes.clear(job_id, piece)
            return True

    async def begin(
        self, job_id: str, piece: str, start: Callable[[], "asyncio.Task[None]"]
    ) -> bool:
        """Start something and watch its beginning; False, not started, for poison.

        Raises JournalUnavailableError, then it is not started.
        """
        async with self._one_at_a_time:
            if await self._strikes.strike(job_id, piece) > _STRIKES:
                return False
            await asyncio.wait([start()], timeout=_WATCHED)
            # It lives, so a mark that stays does no harm: a set is not run often.
            with contextlib.suppress(JournalUnavailableError):
                await self._strikes.clear(job_id, piece)
            return True
