"""A server on an aiohttp with other internal names, in a process of its own for each line it reads.

A line is a JSON object of patterns and replacements. The server listens, answers requests until it
has served some on each path, and prints log records and answers as a line of JSON. All is imported
once but aiohttp and the modules that import it: a server is a fork of a process that has not yet.
"""

import asyncio
import importlib
import logging
import os
import sys
from typing import Final

import msgspec

from support.renamed import rename

_IMPORTED: Final = (
    "ssl",
    "yarl",
    "multidict",
    "http.cookies",
    "router.metrics",
    "router.settings.model",
)
"""What a server needs besides aiohttp, as far as it takes long to import."""


class _Records(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[dict[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        fields = {name: str(value) for name, value in vars(record).items()}
        self.records.append({"message": record.getMessage(), "missing": fields.get("missing", "")})


async def _answers(port: int, *pieces: bytes) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0.01)
    async with asyncio.timeout(60):
        text = (await reader.read()).decode()
    writer.close()
    return text


async def _serve() -> dict[str, object]:
    from aiohttp import web

    from router.http.connection import ListenAddress
    from router.http.server import listen
    from router.metrics import Metrics
    from router.settings.model import Settings

    async def echo(request: web.BaseRequest) -> web.Response:
        return web.Response(body=await request.content.read())

    server = await listen(
        [web.post("/fast", echo), web.post("/slow", echo)],
        Settings(),
        ListenAddress("127.0.0.1", 0),
        Metrics(),
        fast_paths=["/fast"],
        keepalive_grace=0.1,
    )
    port = server.address.port
    request = "POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n{}\r\n"
    first = request.format("/fast", "").encode()
    last = request.format("/slow", "Connection: close\r\n").encode()
    served = await _answers(port, first + b"hello", last[:20], last[20:], b"wor", b"ld")
    malformed = await _answers(port, b"NO HTTP\r\n\r\n")
    await server.stop_accepting()
    await server.drain()
    return {"served": served, "malformed": malformed}


def _serve_with(names: dict[str, str]) -> None:
    """Serve, and print what was answered and logged."""
    records = _Records()
    logging.getLogger("router").addHandler(records)
    rename("aiohttp", names)
    shown = asyncio.run(_serve())
    sys.stdout.write(msgspec.json.encode({**shown, "log": records.records}).decode() + "\n")
    sys.stdout.flush()


def main() -> None:
    """Serve once for each line, in a fork; end with the first that fails."""
    for name in _IMPORTED:
        importlib.import_module(name)
    assert "aiohttp" not in sys.modules
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            _serve_with(msgspec.json.decode(line, type=dict[str, str]))
            return
        if status := os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
            sys.exit(status)


if __name__ == "__main__":
    main()
