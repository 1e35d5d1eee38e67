"""Open pages of the console: a process that logs in once and reads the event stream of many pages.

``python -m bench.consoles PORT COUNT`` says ``open`` once each page has had its first message, and reads until
its standard input ends; then it writes how many messages came.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Final
from urllib.parse import urlencode

TOKEN: Final = "token-of-the-bench"  # noqa: S105 - of a router that runs for this row only
_PATH: Final = "/console/live?topics=state,overview"


class Consoles:
    """Pages that are open."""

    messages: int = 0
    """Those that came, once the pages are closed."""


@contextlib.contextmanager
def open_consoles(port: int, count: int, cores: frozenset[int]) -> Iterator[Consoles]:
    """Open so many pages, from a process on ``cores``, until the block ends."""
    found = Consoles()
    process = subprocess.Popen(  # noqa: S603 - a program of this repository
        [sys.executable, "-m", "bench.consoles", str(port), str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    os.sched_setaffinity(process.pid, cores)
    try:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        if process.stdout.readline() != "open\n":
            raise RuntimeError("the consoles did not open")
        yield found
        output, _ = process.communicate(timeout=30)
        found.messages = int(output)
    finally:
        process.kill()
        process.wait()


def _log_in(port: int) -> str:
    """Return the cookie of a login."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/console/login", urlencode({"token": TOKEN}), form)
    cookies = connection.getresponse().headers.get_all("Set-Cookie") or []
    connection.close()
    return "; ".join(each.partition(";")[0] for each in cookies)


class _Page:
    """One event stream."""

    def __init__(self) -> None:
        self.messages = 0
        self.has_begun = asyncio.Event()

    async def read(self, port: int, cookie: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {_PATH} HTTP/1.1\r\nHost: bench\r\nCookie: {cookie}\r\n\r\n".encode())
        while piece := await reader.read(65536):
            self.messages += piece.count(b"event: ")
            if self.messages:
                self.has_begun.set()


async def _read(port: int, count: int) -> int:
    cookie = _log_in(port)
    pages = [_Page() for _ in range(count)]
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(page.read(port, cookie)) for page in pages]
    async with asyncio.timeout(30):
        for page in pages:
            await page.has_begun.wait()
    print("open", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
    return sum(page.messages for page in pages)


def main() -> None:
    print(asyncio.run(_read(int(sys.argv[1]), int(sys.argv[2]))))


if __name__ == "__main__":
    main()
