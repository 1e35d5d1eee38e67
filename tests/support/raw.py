"""Bytes over a socket: for requests that no HTTP client would send."""

import asyncio
import re
from collections.abc import Iterable
from contextlib import suppress

from router.http.server import Address


async def answer_to(address: Address, *pieces: bytes, seconds: float = 60.0) -> bytes:
    """Send the pieces one after another, and return all that the server sends until it closes.

    Raises TimeoutError if it does not close in time.
    """
    reader, writer = await asyncio.open_connection(address.host, address.port)
    received = bytearray()

    async def receive() -> None:
        with suppress(ConnectionError):  # what was received before counts
            while piece := await reader.read(1 << 16):
                received.extend(piece)

    try:
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            group.create_task(receive())
            with suppress(ConnectionError):  # closed while pieces were being sent
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
    finally:
        writer.close()
    return bytes(received)


async def one_response(reader: asyncio.StreamReader, *, seconds: float = 60.0) -> bytes:
    """Return one response with its body. Raises TimeoutError if it does not come in time."""
    async with asyncio.timeout(seconds):
        top = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"\r\nContent-Length: (\d+)\r\n", top, re.IGNORECASE)
        assert length is not None, top
        return top + await reader.readexactly(int(length[1]))


def head(path: str, headers: Iterable[tuple[str, str]], method: str = "POST") -> bytes:
    """Return a request's first line and headers, with Host."""
    lines = [f"{method} {path} HTTP/1.1", "Host: test", *(f"{n}: {v}" for n, v in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")


def statuses(answer: bytes) -> list[int]:
    """Return the status of each response in ``answer``."""
    return [int(found) for found in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answer)]
