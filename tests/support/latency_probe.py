"""How long Redis answers nothing: a process of its own, so that nothing else delays it.

``python -m support.latency_probe SOCKET`` sends PING again and again until its stdin ends, and then
prints the longest round trip in milliseconds.
"""

import asyncio
import os
import select
import socket
import sys
import time
from pathlib import Path
from typing import Self


class LatencyProbe:
    """The process; ``longest_ms`` is known when the context has been left."""

    def __init__(self, server: Path) -> None:
        self._server = server
        self.longest_ms = 0.0

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "support.latency_probe", str(self._server)),
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        async with asyncio.timeout(60):
            printed, _ = await self._process.communicate(b"")
        self.longest_ms = float(printed)


def longest(server: str) -> float:
    worst = 0.0
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(server)
        while not select.select([sys.stdin], [], [], 0.001)[0]:
            began = time.monotonic()
            connection.sendall(b"PING\r\n")
            connection.recv(64)
            worst = max(worst, time.monotonic() - began)
    return worst


if __name__ == "__main__":
    sys.stdout.write(str(1000 * longest(sys.argv[1])))
