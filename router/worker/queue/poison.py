"""Finds the event or delivery that ends the worker process, so that it cannot do so for ever.

A job that starts again although no process recorded its end was running when its process ended
(arq's count of starts shows it). Any of its pieces may be the cause, or none: processes are killed
for other reasons too. The pieces of such a job therefore run one at a time in the whole process,
each between two marks in Redis. A process that ends between them leaves the mark of exactly that
piece.

The first crash leaves no mark, the next two leave one each. After three crashes the piece is known
to be poison and is not begun again. A piece that ends the process later than ``_WATCH_SECONDS``
after its beginning is not found.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from router.errors import JournalUnavailableError, PoisonError
from router.journal.crash_counts import CrashCounter

T = TypeVar("T")
POISON: Final = "poison: the worker process ended three times while it was at this"
"""The reason in the quarantine record or dead letter of a poison piece."""
_MAX_MARKS: Final = 2
_WATCH_SECONDS: Final = 0.25
"""Rendering and connecting come first; other pieces do not wait for a slow receiver's answer."""


class PoisonDetector:
    """Runs the pieces of restarted jobs one at a time; one detector for each process."""

    def __init__(self, crashes: CrashCounter) -> None:
        self._crashes = crashes
        self._one_at_a_time = asyncio.Lock()

    async def probe(self, job_id: str, piece: str, attempt: Callable[[], object]) -> bool:
        """Try out a piece whose errors do not matter.

        Args:
            job_id: The job that the piece belongs to.
            piece: The identity of the piece within its job.
            attempt: Does the piece's work. Errors are ignored, because the caller runs the piece
                again and handles them.

        Returns:
            False if the piece is poison; ``attempt`` was not called.

        Raises:
            JournalUnavailableError: Redis did not record the mark.

        """
        async with self._one_at_a_time:
            if await self._crashes.begin(job_id, piece) > _MAX_MARKS:
                return False
            with contextlib.suppress(Exception):
                attempt()
            await self._crashes.end(job_id, piece)
            return True

    async def guard(self, job_id: str, piece: str, work: Callable[[], Awaitable[T]]) -> T:
        """Return the result of a piece of work that may end the process.

        Args:
            job_id: The job that the piece belongs to.
            piece: The identity of the piece within its job.
            work: Does the piece's work.

        Raises:
            PoisonError: The piece is poison; ``work`` was not called.
            JournalUnavailableError: Redis did not record the mark; ``work`` was not called.

        Raises what ``work`` raises.
        """
        async with self._one_at_a_time:
            if await self._crashes.begin(job_id, piece) > _MAX_MARKS:
                raise PoisonError(POISON)
            try:
                return await work()
            finally:
                with contextlib.suppress(JournalUnavailableError):
                    await self._crashes.end(job_id, piece)

    async def begin(
        self, job_id: str, piece: str, start: Callable[[], "asyncio.Task[None]"]
    ) -> bool:
        """Start a piece and watch its first quarter of a second.

        Args:
            job_id: The job that the piece belongs to.
            piece: The identity of the piece within its job.
            start: Starts the piece's task.

        Returns:
            False if the piece is poison; it was not started.

        Raises:
            JournalUnavailableError: Redis did not record the mark; the piece was not started.

        """
        async with self._one_at_a_time:
            if await self._crashes.begin(job_id, piece) > _MAX_MARKS:
                return False
            await asyncio.wait([start()], timeout=_WATCH_SECONDS)
            # The piece did not end the process. A mark that stays does no harm, because a delivery
            # set is run only a few times.
            with contextlib.suppress(JournalUnavailableError):
                await self._crashes.end(job_id, piece)
            return True
