"""A Redis with little memory that is filled and must drain by itself."""

import asyncio
import contextlib
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final, Self

import aiohttp
import msgspec
from redis.asyncio import Redis

from router.datatypes import Secret
from support import least_rights
from support.processes import RouterProcess
from support.waiting import until

TYPE: Final = "com.example.full"
EVENTS_TOKEN: Final = "events-token-of-the-test"
_EVENT_ID: Final = re.compile(rb'"id": ?"(full-\d+)"')
_LENGTH: Final = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_OK: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_GONE: Final = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
_REFUSED: Final = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"


class CountingReceiver:
    """Receives POSTs; the last element of the path is the destination's name."""

    def __init__(self) -> None:
        self.arrived: dict[str, Counter[str]] = {}
        self.failing: set[str] = set()
        """Destinations that answer 503."""
        self.refusing: set[str] = set()
        """Destinations that answer 400."""
        self.before_answer: Callable[[], None] = lambda: None
        """Called before each response."""
        self.url = ""

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Request(self), "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    def answer(self, name: str, body: bytes) -> bytes:
        self.before_answer()
        if name in self.failing:
            return _GONE
        if name in self.refusing:
            return _REFUSED
        found = _EVENT_ID.search(body)
        assert found is not None, body[:300]
        self.arrived.setdefault(name, Counter())[found[1].decode()] += 1
        return _OK


class _Request(asyncio.Protocol):
    def __init__(self, receiver: CountingReceiver) -> None:
        self._receiver = receiver
        self._parts: list[bytes] = []
        self._size = self._needed = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parts.append(data)
        self._size += len(data)
        if not self._needed:
            head, ended, _ = b"".join(self._parts).partition(b"\r\n\r\n")
            if not ended:
                return
            length = _LENGTH.search(head)
            assert length is not None, head
            self._needed = len(head) + 4 + int(length[1])
        if self._size >= self._needed:
            request = b"".join(self._parts)
            name = request.split(b" ", 2)[1].rsplit(b"/", 1)[1].decode()
            self._parts, self._size, self._needed = [], 0, 0
            self._transport.write(self._receiver.answer(name, request))


class Figures(msgspec.Struct, kw_only=True):
    """What a run measured."""

    accepted: int = 0
    refused: int = 0
    lost: int = 0
    repeated: int = 0
    peak: float = 0.0
    """The highest share of maxmemory that was in use."""
    clients: float = 0.0
    """The share of clients' buffers in that."""
    filled: float = 0.0
    """The share in use when the workers started."""
    drain_seconds: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.accepted} accepted, {self.refused} refused, {self.lost} lost,"
            f" {self.repeated} repeated; memory {self.filled:.0%} filled, {self.peak:.1%} at most"
            f" (clients {self.clients:.1%});"
            f" drained in {self.drain_seconds:.1f} s"
        )


class MemoryPeak:
    """Samples the memory that Redis uses."""

    def __init__(self, redis: "Redis[Any]") -> None:
        self._redis = redis
        self.peak = 0.0
        self.clients = 0.0
        """The share of the buffers of clients in it."""

    async def used(self) -> float:
        info = await self._redis.info("memory")
        ratio = float(info["used_memory"] / info["maxmemory"])
        if ratio > self.peak:
            self.peak = ratio
            self.clients = info["mem_clients_normal"] / info["maxmemory"]
        return ratio

    async def watch(self) -> None:
        while True:
            await self.used()
            await asyncio.sleep(0.01)


@asynccontextmanager
async def limited(url: Secret, maxmemory: int) -> AsyncIterator["Redis[Any]"]:
    """A client of a Redis that has ``maxmemory`` bytes from now on."""
    redis: Redis[Any] = Redis.from_url(least_rights.as_operator(url).reveal())
    try:
        await redis.config_set("maxmemory", maxmemory)
        yield redis
    finally:
        await redis.aclose()


def rules_for(folder: Path, url: str, names: Sequence[str], *, retry: str = "") -> Path:
    """Write a rules folder in which each event goes to all of these destinations."""
    places = "".join(f"  {name}: {{http: {{url: '{url}/{name}'{retry}}}}}\n" for name in names)
    (folder / "rules.yaml").write_text(
        f"destinations:\n{places}rules:\n  - name: all\n    events: [{TYPE}]\n"
        f"    send_to: [{', '.join(names)}]\n"
    )
    return folder


class Sender:
    """Posts events of one size in batches; a rejected batch is sent again if ``insists``."""

    def __init__(self, url: str, *, size: int, in_batch: int = 20) -> None:
        self._url = url
        self._size = size
        self._in_batch = in_batch
        self.accepted: set[str] = set()
        self.refused = 0
        self._next = 0

    @property
    def tried(self) -> int:
        """How many events have been sent, whatever the answer."""
        return self._next

    async def send(
        self,
        count: int,
        *,
        seconds: float,
        until_refused: bool = False,
        at_once: int = 2,
        rate: float = 0.0,
    ) -> None:
        """Send until ``count`` events are accepted, or one is rejected if ``until_refused``."""
        timeout = aiohttp.ClientTimeout(total=10)
        began = time.monotonic()
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            asyncio.timeout(seconds),
            asyncio.TaskGroup() as group,
        ):

            async def one_after_another() -> None:
                while self._next < count and not (until_refused and self.refused):
                    first = self._next
                    self._next += min(self._in_batch, count - first)
                    ids = [f"full-{number}" for number in range(first, self._next)]
                    if rate:
                        await asyncio.sleep(max(0.0, began + first / rate - time.monotonic()))
                    await self._insist(session, ids, once=until_refused)

            for _ in range(at_once):
                group.create_task(one_after_another())

    async def _insist(self, session: aiohttp.ClientSession, ids: list[str], *, once: bool) -> None:
        async def is_accepted() -> bool:
            return await self._post(session, ids) or once

        await until(is_accepted, seconds=600)

    async def _post(self, session: aiohttp.ClientSession, ids: list[str]) -> bool:
        events = [
            {
                "specversion": "1.0",
                "id": each,
                "source": "//example.com/full",
                "type": TYPE,
                "data": {"text": each.ljust(self._size, "x")},
            }
            for each in ids
        ]
        headers = {
            "Content-Type": "application/cloudevents-batch+json",
            "Authorization": f"Bearer {EVENTS_TOKEN}",
        }
        async with session.post(
            f"{self._url}/events", data=msgspec.json.encode(events), headers=headers
        ) as response:
            if response.status == 202:
                self.accepted |= set(ids)
                return True
            self.refused += 1
            return False


async def fill_and_drain(
    redis: "Redis[Any]",
    receiver: CountingReceiver,
    environ: dict[str, str],
    *,
    size: int,
    events: int,
    destinations: Sequence[str],
    workers: int,
    seconds: float,
    in_batch: int = 20,
    rate: float = 0.0,
) -> Figures:
    """Fill Redis by ingress until it rejects, then start workers and wait until all has arrived."""
    memory = MemoryPeak(redis)
    figures = Figures()
    watching = asyncio.get_running_loop().create_task(memory.watch())
    try:
        async with RouterProcess("ingress", environ=environ) as ingress:
            sender = Sender(ingress.url, size=size, in_batch=in_batch)
            await sender.send(events, seconds=seconds, until_refused=True, rate=rate)
        figures.filled = await memory.used()
        async with AsyncExitStack() as stack:
            started = [RouterProcess("worker", environ=environ) for _ in range(workers)]
            async with asyncio.TaskGroup() as group:
                for worker in started:
                    group.create_task(worker.start())
            for worker in started:
                stack.push_async_exit(worker)
            began = time.monotonic()

            async def arrived() -> bool:
                return all(
                    len(receiver.arrived.get(name, ())) >= len(sender.accepted)
                    for name in destinations
                )

            with contextlib.suppress(TimeoutError):  # what is lost is counted below
                await until(arrived, seconds=seconds)
            figures.drain_seconds = time.monotonic() - began
    finally:
        watching.cancel()
    figures.accepted, figures.refused = len(sender.accepted), sender.refused
    for name in destinations:
        has = receiver.arrived.get(name, Counter())
        figures.lost += len(sender.accepted - has.keys())
        figures.repeated += has.total() - len(has)
    figures.peak, figures.clients = memory.peak, memory.clients
    return figures
