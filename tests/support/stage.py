"""A whole router under a load, with what a fault test breaks: processes, Redis, proxies, receivers."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from router.clock import system_clock
from router.datatypes import Secret
from router.dev.embedded_redis import EmbeddedRedis
from router.events.decode import decode_request
from router.events.model import Event, Received
from router.journal import ledger
from router.journal.batches import Batches
from router.journal.connection import Connection, connect
from support import least_rights
from support.books import Comparison
from support.processes import RouterProcess
from support.steady_load import TOKEN, SteadyLoad, Tally
from support.tcp_proxy import TcpProxy
from support.waiting import until

CONCURRENCY: Final = 4
"""Slots of a receiver in one worker: what can be in flight when the worker is killed."""
LEASE_SECONDS: Final = 1.0
_RULES: Final = """
destinations:
  alfa: {{http: {{url: "{alfa}", concurrency: {slots}, retry: {retry}, breaker: {breaker}}}}}
  bravo: {{http: {{url: "{bravo}", concurrency: {slots}, retry: {retry}, breaker: {breaker}}}}}
rules:
  - {{name: all, events: ["*"], send_to: [alfa, bravo]}}
"""


def _url_of(proxy: TcpProxy) -> str:
    return least_rights.as_router(Secret(f"redis://{proxy.address}/0")).reveal()


class Stage:
    """Redis behind one proxy for ingress and one for workers, two receivers, no process yet."""

    def __init__(self, redis: EmbeddedRedis, folder: Path, *, seed: int) -> None:
        self.redis = redis
        self._folder = folder
        self._seed = seed
        self.environ: dict[str, str] = {}

    async def open(self, enter: Any) -> None:
        """Start proxies and receivers. ``enter`` is that of an AsyncExitStack."""
        self.alfa, self.bravo = await enter(Tally()), await enter(Tally())
        self.ingress_proxy = await enter(TcpProxy(self.redis.socket, seed=self._seed))
        self.worker_proxy = await enter(TcpProxy(self.redis.socket, seed=self._seed + 1))
        rules = self._folder / "stage-rules"
        rules.mkdir()
        (rules / "rules.yaml").write_text(
            _RULES.format(
                alfa=self.alfa.url,
                bravo=self.bravo.url,
                slots=CONCURRENCY,
                retry="{first: 100ms, longest: 1s, attempts: 100}",
                breaker="{failures: 1000, attempts: 1000, open_for: 100ms, longest: 100ms}",
            )
        )
        self.environ = {
            "ROUTER_RULES": str(rules),
            "ROUTER_EVENTS_TOKEN": TOKEN.reveal(),
            "ROUTER_PORT": "0",
            "ROUTER_WORKER_PORT": "0",
            "ROUTER_JOB_LEASE": f"{LEASE_SECONDS:g}s",
        }

    def ingress(self, **environ: str) -> RouterProcess:
        """Return an ingress process, which is not started yet."""
        url = _url_of(self.ingress_proxy)
        return RouterProcess(
            "ingress", environ={**self.environ, "ROUTER_REDIS_URL": url, **environ}
        )

    def worker(self, **environ: str) -> RouterProcess:
        """Return a worker process, which is not started yet."""
        url = _url_of(self.worker_proxy)
        return RouterProcess("worker", environ={**self.environ, "ROUTER_REDIS_URL": url, **environ})

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Open a connection to Redis that no proxy disturbs."""
        connection = connect(self.redis.url, deadline=10.0, max_connections=2)
        try:
            yield connection
        finally:
            await connection.close()

    async def accept(self, count: int, *, first: int = 0) -> set[str]:
        """Make so many events durable without an ingress; return their ids."""
        now = time.time()  # noqa: TID251 - as ingress stamps them
        events = [event(number, now) for number in range(first, first + count)]
        async with self.connection() as connection:
            batches = Batches(connection, system_clock())
            for start in range(0, count, 500):
                await batches.accept([Received(events[start : start + 500], [])])
        return {each.id for each in events}

    async def books(self) -> ledger.Ledger:
        """Read the ledger."""
        async with self.connection() as connection:
            return await ledger.read(connection)

    async def drained(self, *, seconds: float = 60.0) -> float:
        """Wait until nothing is pending; return how long it took."""
        began = asyncio.get_running_loop().time()
        async with self.connection() as connection:

            async def is_over() -> bool:
                books = await ledger.read(connection)
                return bool(books.accepted) and not (
                    books.pending or any(each.pending for each in books.destinations.values())
                )

            await until(is_over, seconds=seconds)
        return asyncio.get_running_loop().time() - began

    async def some_arrived(self, count: int, *, seconds: float = 60.0) -> None:
        """Wait until both receivers have so many events."""

        async def enough() -> bool:
            return min(len(self.alfa.arrived), len(self.bravo.arrived)) >= count

        await until(enough, seconds=seconds)

    def compare(self, accepted: set[str] | dict[str, float]) -> Comparison:
        """Compare the accepted ids with those that arrived."""
        return Comparison.of(accepted, {"alfa": self.alfa.arrived, "bravo": self.bravo.arrived})


def event(number: int, now: float) -> Event:
    """Return an event of the form that SteadyLoad sends."""
    body = msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": f"E{number}",
            "source": "load",
            "type": "com.example.job",
            "data": {"k": number},
        }
    )
    return decode_request(body, received_at=now, max_events=1).events[0]


async def under_load(load: SteadyLoad, faults: Any) -> None:
    """Run ``faults`` while the load is sent; return when all is accepted."""
    async with asyncio.TaskGroup() as group:
        sending = group.create_task(load.run())
        await faults
        load.stop()
        await sending
