"""The load generator: a process that sends prepared requests and says how it went.

``python -m bench.load`` reads a Plan as JSON from standard input and writes a Report to standard
output. Requests are made and signed before the clock starts and sent over kept connections by
hand-written HTTP, so that the generator costs a fraction of what it measures.
"""

import asyncio
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from typing import Final, cast

import msgspec
import uvloop

from bench.measuring import percentile
from bench.messages import Shape, requests

_SETTLE_SECONDS: Final = 5.0


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to send, to whom, how fast."""

    port: int
    shape: Shape
    connections: int
    seconds: float = 0.0
    """How long, after the warm-up; 0 for as long as there are requests that were not sent."""
    warmup: float = 0.0
    """Seconds that do not count."""
    rate: float = 0.0
    """Requests a second; 0 for as fast as answers come."""
    at_most_seconds: float = 0.0
    """When to give up on requests that are due and not sent; 0 for never."""
    keep_times: bool = False
    """Whether to report when each request was due."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    answered: int
    """Requests with a 2xx, the warm-up's left out."""
    refused: int
    """Other answers."""
    seconds: float
    p50_ms: float
    p99_ms: float
    sent_at: list[float] = []
    """Seconds of the system's monotonic clock, request by request."""

    @property
    def per_second(self) -> float:
        return self.answered / self.seconds


def run(plan: Plan, cores: frozenset[int]) -> Report:
    """Run the generator in a process on ``cores``."""
    return start(plan, cores).finish()


class Running:
    """A generator that is at work."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def finish(self) -> Report:
        """Its report, once it is done."""
        output, _ = self._process.communicate(timeout=1800)
        if self._process.returncode != 0:
            raise RuntimeError("the load generator failed")
        return msgspec.json.decode(output, type=Report)


def start(plan: Plan, cores: frozenset[int]) -> Running:
    import os

    process = subprocess.Popen(
        [sys.executable, "-m", "bench.load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    os.sched_setaffinity(process.pid, cores)
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    process.stdin.write(msgspec.json.encode(plan))
    process.stdin.close()
    process.stdin = None
    return Running(process)


class _Connection(asyncio.Protocol):
    """One kept connection: one request at a time."""

    def __init__(self, load: "_Load") -> None:
        self._load = load
        self._transport: asyncio.Transport | None = None
        self._answer = b""
        self._since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's classes, whatever they can do.
        self._transport = cast(asyncio.Transport, transport)
        self._load.idle(self)

    def send(self, request: bytes, since: float) -> None:
        assert self._transport is not None  # noqa: S101 - idle() came from connection_made
        self._since = since
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._answer = self._answer + data if self._answer else data
        head = self._answer.find(b"\r\n\r\n")
        if head < 0 or len(self._answer) < head + 4 + _length(self._answer[:head]):
            return
        is_good = self._answer[9:10] == b"2"
        self._answer = b""
        self._load.answered(self._since, is_good=is_good)
        self._load.idle(self)

    def connection_lost(self, _error: Exception | None) -> None:
        self._load.lost()


class _Load:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._prepared = list(requests(plan.shape, plan.port))
        self._left: Iterator[bytes] = iter(self._prepared)
        self._idle: deque[_Connection] = deque()
        self._due: deque[float] = deque()
        self._times: list[float] = []
        self._sent_at: list[float] = []
        self._refused = 0
        self._under_way = 0
        self._done = asyncio.Event()
        self._counts_from = self._ends = 0.0
        self._last = 0.0
        self._error = ""

    async def run(self) -> Report:
        loop = asyncio.get_running_loop()
        plan = self._plan
        self._counts_from = time.monotonic() + plan.warmup
        limit = plan.seconds or plan.at_most_seconds
        self._ends = self._counts_from + limit if limit else float("inf")
        for _ in range(plan.connections):
            await loop.create_connection(lambda: _Connection(self), "127.0.0.1", plan.port)
        if plan.rate:
            await self._pace()
        await self._done.wait()
        if self._error:
            raise RuntimeError(self._error)
        seconds = (plan.seconds or self._last - self._counts_from) or 1e-9
        times = self._times or [0.0]
        return Report(
            answered=len(self._times),
            refused=self._refused,
            seconds=seconds,
            p50_ms=percentile(times, 50) * 1000,
            p99_ms=percentile(times, 99) * 1000,
            sent_at=self._sent_at,
        )

    async def _pace(self) -> None:
        """Make requests due at their times, whether or not the receiver keeps up."""
        gap = 1 / self._plan.rate
        due = time.monotonic()
        last = self._ends if self._plan.seconds else due + gap * (len(self._prepared) - 0.5)
        while due < last and not self._done.is_set():
            now = time.monotonic()
            while due <= now and due < last:
                self._due.append(due)
                due += gap
            while self._idle and self._due:
                self._send(self._idle.popleft(), self._due.popleft())
            # uvloop counts in whole milliseconds: less would be none, and take the core from others.
            await asyncio.sleep(max(0.001, due - time.monotonic()))
        self._end_if_idle()

    def idle(self, connection: _Connection) -> None:
        """A connection has nothing to do: give it the next request, if one is due."""
        if not self._plan.rate:
            self._send(connection, time.monotonic())
        elif self._due:
            self._send(connection, self._due.popleft())
        else:
            self._idle.append(connection)
            self._end_if_idle()

    def _send(self, connection: _Connection, since: float) -> None:
        request = next(self._left, None)
        if request is None and self._plan.seconds and time.monotonic() < self._ends:
            self._left = iter(self._prepared)  # the receiver need not tell them apart
            request = next(self._left)
        if request is None or time.monotonic() >= self._ends:
            self._idle.append(connection)
            self._end_if_idle()
            return
        self._under_way += 1
        if self._plan.keep_times:
            self._sent_at.append(since)
        connection.send(request, since)

    def answered(self, since: float, *, is_good: bool) -> None:
        self._under_way -= 1
        self._last = now = time.monotonic()
        if now < self._counts_from or (self._plan.seconds and now > self._ends):
            return
        if is_good:
            self._times.append(now - since)
        else:
            self._refused += 1

    def lost(self) -> None:
        if not self._done.is_set():
            self._error = "the receiver closed a connection"
            self._done.set()

    def _end_if_idle(self) -> None:
        ended = time.monotonic() >= self._ends or (
            not self._plan.seconds and self._left.__length_hint__() == 0  # type: ignore[attr-defined]
        )
        if ended and self._under_way == 0 and len(self._idle) == self._plan.connections:
            self._done.set()


def _length(head: bytes) -> int:
    at = head.lower().find(b"content-length:")
    if at < 0:
        return 0
    end = head.find(b"\r", at)
    return int(head[at + 15 : end if end >= 0 else None])


def main() -> None:
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    report = uvloop.run(_Load(plan).run())
    sys.stdout.buffer.write(msgspec.json.encode(report))


if __name__ == "__main__":
    main()
