"""A server of connections on a free port of loopback, one task for each."""

import asyncio
from typing import Self


class LoopbackServer:
    """Base of the servers of the tests: ``_talk`` runs for each connection until the server ends."""

    def __init__(self) -> None:
        self.connections = 0
        self.port = 0
        self._talks: set[asyncio.Task[None]] = set()
        self._is_closed = False

    async def __aenter__(self) -> Self:
        self._group = asyncio.TaskGroup()
        await self._group.__aenter__()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self._is_closed = True
        for talk in self._talks:
            talk.cancel()
        await self._group.__aexit__(None, None, None)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self._is_closed:  # a connection from just before the server was closed
            writer.transport.abort()
            return
        talk = self._group.create_task(self._talk(reader, writer))
        self._talks.add(talk)
        talk.add_done_callback(self._talks.discard)
        # A task that is cancelled before its first step closes nothing by itself.
        talk.add_done_callback(lambda _: writer.close())

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise NotImplementedError
