"""Bytes over a socket: for requests that no HTTP client would send."""

import asyncio
import re
from collections.abc import Iterable

from router.http.server import Address


async def answer_to(address: Address, *pieces: bytes, seconds: float = 10.0) -> bytes:
    """Send the pieces one after another and read until the far side closes.

    Raises TimeoutError when it does not close in time.
    """
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        async with asyncio.timeout(seconds):
            try:
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                return await reader.read()
            except ConnectionError:  # closed while we were sending: what it said before counts
                return bytes(reader._buffer)  # type: ignore[attr-defined]
    finally:
        writer.close()


def head(path: str, headers: Iterable[tuple[str, str]], method: str = "POST") -> bytes:
    """A request's first line and headers, with Host."""
    lines = [f"{method} {path} HTTP/1.1", "Host: test", *(f"{n}: {v}" for n, v in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")


def statuses(answer: bytes) -> list[int]:
    """The status of each response in ``answer``."""
    return [int(found) for found in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answer)]
