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
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as errors:
        error = only_error(errors, JournalUnavailableError)
        if error is None:
            raise
        raise error from error.__cause__  # which tells the state of Redis
