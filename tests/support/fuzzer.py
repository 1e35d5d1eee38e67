"""Sends malformed requests over sockets, and counts the answers."""

import asyncio
from collections import Counter
from typing import Final, Protocol

from support.fuzz import responses

AT_ONCE: Final = 8
PIPELINED: Final = 50
PATIENCE: Final = 5.0
LAST: Final = 0.5


class FuzzedRequests(Protocol):
    """Makes requests."""

    def well_framed(self) -> bytes:
        """Return a request whose length is right, whatever it contains."""

    def badly_framed(self) -> bytes:
        """Return a request with an error in its first line, its headers or its length."""


class Fuzzer:
    """Sends so many requests over a few connections. ``answers`` counts statuses."""

    def __init__(self, host: str, port: int, requests: FuzzedRequests) -> None:
        self._host = host
        self._port = port
        self._requests = requests
        self.answers: Counter[int] = Counter()
        self.unanswered = 0
        """Requests that ended their connection without an answer, as far as can be told."""
        self.dropped: list[bytes] = []
        """Those of them that were well framed, so that HTTP has an answer for each."""
        self.left = 0
        self._connections = 0
        self._broken: set[bytes] = set()

    async def run(self, count: int) -> None:
        self.left = count
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._one_connection_after_another())

    async def _one_connection_after_another(self) -> None:
        waiting: list[bytes] = []
        while self.left > 0 or waiting:
            if not waiting:
                waiting = self._some()
                self.left -= len(waiting)
            answered = await self._send(waiting)
            if not answered:
                self.unanswered += 1
                await self._send_again(waiting[0])
            self._broken.discard(waiting[0])
            waiting = waiting[max(answered, 1) :]

    async def _send_again(self, request: bytes) -> None:
        """Send a well framed request alone: what followed may have reset the connection."""
        if request not in self._broken and not await self._send([request], patience=PATIENCE):
            self.dropped.append(request)

    def _some(self) -> list[bytes]:
        """Requests for one connection: many that are well framed, or one that is not."""
        self._connections += 1
        if self._connections % 4 == 0:
            request = self._requests.badly_framed()
            self._broken.add(request)
            return [request]
        return [self._requests.well_framed() for _ in range(min(PIPELINED, self.left))]

    async def _send(self, waiting: list[bytes], *, patience: float | None = None) -> int:
        """How many were answered before the connection came to its end, on either side."""
        reader, writer = await asyncio.open_connection(self._host, self._port)
        received = b""
        answered = 0
        try:
            writer.write(b"".join(waiting))
            while answered < len(waiting):
                # A broken one may leave the far side waiting for more: then we go.
                async with asyncio.timeout(patience or (PATIENCE if len(waiting) > 1 else LAST)):
                    chunk = await reader.read(1 << 18)
                if not chunk:
                    break
                received += chunk
                end = 0
                for status, end in responses(received):  # noqa: B007 - the last end counts
                    if status != 100:  # that is a word on the way to the answer
                        self.answers[status] += 1
                        answered += 1
                received = received[end:]
        except (ConnectionError, TimeoutError):
            pass
        finally:
            writer.transport.abort()
        return answered
