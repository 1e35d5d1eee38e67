"""HTTP and TCP receivers on loopback that reply as scripted and record their requests."""

import asyncio
import ssl
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Self

import msgspec
from aiohttp import web

from support.loopback import LoopbackServer


class Received(msgspec.Struct, frozen=True):
    """One request as received. ``at`` is in seconds of the event loop's clock."""

    method: str
    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    at: float

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class Reply(msgspec.Struct, frozen=True):
    status: int = 200
    body: bytes = b"ok"
    headers: dict[str, str] = msgspec.field(default_factory=dict)


class HttpSink:
    """An HTTP receiver. It sends each reply of its script once, then ``otherwise``.

    ``connections`` counts the accepted connections, with or without a request, so that a test can
    assert that none was made.
    """

    def __init__(
        self, *script: Reply, otherwise: Reply | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self.requests: list[Received] = []
        self.statuses: list[int] = []
        """The status of each reply."""
        self.connections = 0
        self.script = deque(script)
        self.otherwise = otherwise or Reply()
        self.url = ""
        self.port = 0
        self._tls = tls
        self._runner: web.AppRunner | None = None
        self._changed = asyncio.Condition()

    async def __aenter__(self) -> Self:
        server = web.Server(self._receive, access_log=None)
        self._runner = web.ServerRunner(server)
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        assert self._runner.server is not None
        protocol = self._runner.server

        def accept() -> asyncio.Protocol:
            self.connections += 1
            return protocol()

        self._accept = accept
        self._listening = await loop.create_server(accept, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._listening.sockets[0].getsockname()[1]
        host, scheme = ("localhost", "https") if self._tls else ("127.0.0.1", "http")
        self.url = f"{scheme}://{host}:{self.port}/hook"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listening.close()
        assert self._runner is not None
        await self._runner.cleanup()

    async def die(self) -> None:
        """Refuse connections from now on, and close the existing ones."""
        self._listening.close()
        assert self._runner is not None
        assert self._runner.server is not None
        await self._runner.server.shutdown(0.1)  # 0 would be no timeout (aiohttp's ceil_timeout)

    async def come_back(self) -> None:
        """Listen again on the same port."""
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(
            self._accept, "127.0.0.1", self.port, ssl=self._tls
        )

    async def _receive(self, request: web.BaseRequest) -> web.Response:
        body = await request.content.read()  # request.read() has a limit
        received = Received(
            request.method,
            request.path_qs,
            {name.lower(): value for name, value in request.headers.items()},
            body,
            asyncio.get_running_loop().time(),
        )
        reply = self.script.popleft() if self.script else self.reply_to(received)
        async with self._changed:
            self.requests.append(received)
            self.statuses.append(reply.status)
            self._changed.notify_all()
        return web.Response(status=reply.status, body=reply.body, headers=reply.headers)

    def reply_to(self, _request: Received) -> Reply:
        """Return the reply after the script. Subclasses may choose it by the request."""
        return self.otherwise

    async def receive(self, count: int, *, seconds: float = 60.0) -> list[Received]:
        """Return the requests once there are ``count``; raise TimeoutError after ``seconds``."""
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(lambda: len(self.requests) >= count)
            return list(self.requests)


Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class TcpSink(LoopbackServer):
    """A receiver that runs a conversation with each connection."""

    def __init__(self, conversation: Conversation) -> None:
        super().__init__()
        self._conversation = conversation

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._conversation(reader, writer)
        except ConnectionError:
            pass  # the other side closed the connection
        finally:
            writer.transport.abort()


async def silence(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Accept a connection and send nothing."""
    await asyncio.Event().wait()


async def hang_up(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Accept a connection and reset it."""


def says(*pieces: bytes, then: Conversation = hang_up) -> Conversation:
    """Return a conversation that waits for the request's first bytes, then sends the pieces."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        await then(reader, writer)

    return talk


def greets(beginning: bytes, then: Conversation = silence) -> Conversation:
    """Return a conversation that sends ``beginning`` at once and continues with ``then``."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(beginning)
        await writer.drain()
        await then(reader, writer)

    return talk


def trickles(beginning: bytes, *, every_seconds: float = 0.01) -> Conversation:
    """Return a conversation that sends ``beginning`` at once, then single bytes without end."""

    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(beginning)
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(every_seconds)

    return talk
