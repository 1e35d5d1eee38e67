"""The receiver: a process that takes POSTs, answers as its path says, and remembers.

``python -m bench.sink PORT``. ``/ok`` answers 200, ``/slow`` after a second, ``/429`` with that and a
Retry-After, ``/dead`` by closing the connection. ``GET /report`` gives, per path, how many requests
there were, how many different events, and when each event came first (seconds of the system's
monotonic clock, which all processes share). ``GET /reset`` forgets.
"""

import asyncio
import re
import sys
import time
import urllib.request
from typing import Final, Self, cast

import msgspec
import uvloop

from bench.processes import BESIDE, Process, free_port, python

_EVENT_ID: Final = re.compile(rb'"(?:id|event_id)": ?"((?:bench|probe)[^"]*)"')
_SLOW_SECONDS: Final = 1.0
_ANSWERS: Final = {
    "/429": b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
}
_OK: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class PathReport(msgspec.Struct):
    requests: int = 0
    events: int = 0
    first: float = 0.0
    last: float = 0.0
    times: dict[str, float] = {}


class Sink:
    """The receiver as a process."""

    def __init__(self, cores: frozenset[int] = BESIDE) -> None:
        self.port = free_port()
        self._process = Process(python("bench.sink", str(self.port)), cores=cores, port=self.port)

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stop()

    def url(self, path: str = "/ok") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def report(self, path: str = "/ok", *, times: bool = False) -> PathReport:
        url = self.url(f"/report{'?times' if times else ''}")
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - our own URL
            reports = msgspec.json.decode(answer.read(), type=dict[str, PathReport])
        return reports.get(path, PathReport())

    def reset(self) -> None:
        urllib.request.urlopen(self.url("/reset"), timeout=30).close()  # noqa: S310 - our own URL

    def wait_for(self, events: int, *, path: str = "/ok", seconds: float) -> PathReport:
        """Return when so many different events have come, or as many as came in time."""
        deadline = time.monotonic() + seconds
        while True:
            report = self.report(path)
            if report.events >= events or time.monotonic() > deadline:
                return report
            time.sleep(0.1)


class _Seen:
    def __init__(self) -> None:
        self.paths: dict[str, PathReport] = {}

    def note(self, path: str, body: bytes) -> None:
        report = self.paths.get(path)
        if report is None:
            report = self.paths[path] = PathReport(times={})
        now = time.monotonic()
        report.requests += 1
        report.first = report.first or now
        report.last = now
        for found in _EVENT_ID.finditer(body):
            report.times.setdefault(found[1].decode(), now)

    def as_json(self, *, times: bool) -> bytes:
        for report in self.paths.values():
            report.events = len(report.times)
        if times:
            return msgspec.json.encode(self.paths)
        return msgspec.json.encode(
            {
                path: PathReport(each.requests, each.events, each.first, each.last)
                for path, each in self.paths.items()
            }
        )


class _Receiver(asyncio.Protocol):
    def __init__(self, seen: _Seen) -> None:
        self._seen = seen
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's classes, whatever they can do.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        while True:
            head = self._buffer.find(b"\r\n\r\n")
            if head < 0:
                return
            headers = self._buffer[:head].lower()
            at = headers.find(b"content-length:")
            length = int(headers[at + 15 :].split(b"\r", 1)[0]) if at >= 0 else 0
            if len(self._buffer) < head + 4 + length:
                return
            target = self._buffer[: self._buffer.find(b" HTTP/")].split(b" ", 1)[1].decode()
            body = self._buffer[head + 4 : head + 4 + length]
            self._buffer = self._buffer[head + 4 + length :]
            self._answer(target, body)

    def _answer(self, target: str, body: bytes) -> None:
        assert self._transport is not None  # noqa: S101 - data comes after the connection
        path, _, query = target.partition("?")
        if path == "/report":
            text = self._seen.as_json(times=query == "times")
            self._transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text)
            )
            return
        if path == "/reset":
            self._seen.paths.clear()
            self._transport.write(_OK)
            return
        self._seen.note(path, body)
        if path == "/dead":
            self._transport.close()
        elif path == "/slow":
            loop = asyncio.get_running_loop()
            loop.call_later(_SLOW_SECONDS, self._transport.write, _OK)
        else:
            self._transport.write(_ANSWERS.get(path, _OK))


async def _serve(port: int) -> None:
    seen = _Seen()
    server = await asyncio.get_running_loop().create_server(
        lambda: _Receiver(seen), "127.0.0.1", port
    )
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
