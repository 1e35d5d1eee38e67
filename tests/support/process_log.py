"""The log of a process of the router, entry by entry."""

from asyncio import StreamReader
from collections.abc import AsyncIterator

import msgspec


async def log_entries(stream: StreamReader) -> AsyncIterator[dict[str, object]]:
    """Yield the entries of a log in JSON until the process ends; a line of another form is a message."""
    async for line in stream:
        try:
            yield msgspec.json.decode(line, type=dict[str, object])
        except msgspec.DecodeError:
            yield {"message": line.decode(errors="replace")}
