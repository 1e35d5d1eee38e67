"""An HTTP proxy on loopback. It leads to 127.0.0.1 whatever host it is asked for."""

import asyncio
import re

import msgspec

from support.loopback import LoopbackServer


class Asked(msgspec.Struct, frozen=True):
    """One request to the proxy: ``CONNECT host:port`` or ``POST http://host:port/path``."""

    method: str
    target: str
    headers: dict[str, str]
    """Names in small letters."""


class Proxy(LoopbackServer):
    """Makes the connections that it is asked for, or gives ``refusal`` (``403 Forbidden``)."""

    def __init__(self, *, refusal: str = "") -> None:
        super().__init__()
        self.asked: list[Asked] = []
        self._refusal = refusal

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there: asyncio.StreamWriter | None = None
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            request, *lines = head.decode().rstrip().split("\r\n")
            method, target, _ = request.split(" ")
            headers = dict(line.lower().split(": ", 1) for line in lines)
            self.asked.append(Asked(method, target, headers))
            if self._refusal:
                writer.write(f"HTTP/1.1 {self._refusal}\r\nContent-Length: 0\r\n\r\n".encode())
                await writer.drain()
                return
            found = re.search(r":(\d+)", target.removeprefix("http:"))
            assert found is not None
            answers, there = await asyncio.open_connection("127.0.0.1", int(found[1]))
            if method == "CONNECT":
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                there.write(head)
            async with asyncio.TaskGroup() as group:
                group.create_task(_pass_on(reader, there))
                group.create_task(_pass_on(answers, writer))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()
            if there is not None:
                there.transport.abort()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    finally:
        writer.transport.abort()
