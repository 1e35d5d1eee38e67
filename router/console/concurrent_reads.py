"""Reads of Redis that run at the same time, so that a page waits for the slowest of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from router.errors import JournalUnavailableError, only_error


@asynccontextmanager
async def concurrent_reads() -> AsyncIterator[asyncio.TaskGroup]:
    """Return a group of reads, which have all ended when the block ends.

    Raises:
        JournalUnavailableError: A read raised it.
    """
    task = asyncio.current_task()
    cancelled = task.cancelling() if task else 0
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as errors:
        # Python 3.11.2, that of Debian 12, counts the group's cancellation of its body for ever, so
        # that a task which goes on after an error would take each later timeout for a cancellation.
        while task and task.cancelling() > cancelled:
            task.uncancel()
        error = only_error(errors, JournalUnavailableError)
        if error is None:
            raise
        raise error from error.__cause__  # which tells the state of Redis
