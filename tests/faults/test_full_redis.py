"""A Redis that is full drains by itself, and its memory stays below maxmemory.

Figures are printed (``pytest -s``).
"""

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from support.fault_rows import FigureRecorder
from support.full_redis import (
    EVENTS_TOKEN,
    CountingReceiver,
    Figures,
    Sender,
    fill_and_drain,
    limited,
    rules_for,
)
from support.processes import RouterProcess
from support.stored import agree
from support.waiting import until

from router.clock import system_clock
from router.dev.embedded_redis import EmbeddedRedis
from router.journal import ledger
from router.journal.connection import Connection, connect
from router.journal.dead_letters import DeadLetterFilter, DeadLetters

MEBI = 1 << 20


@pytest.fixture
async def receiver() -> AsyncIterator[CountingReceiver]:
    async with CountingReceiver() as receiver:
        yield receiver


def _environ(redis: EmbeddedRedis, rules: Path) -> dict[str, str]:
    return {
        "ROUTER_REDIS_URL": redis.url.reveal(),
        "ROUTER_RULES": str(rules),
        "ROUTER_EVENTS_TOKEN": EVENTS_TOKEN,
        "ROUTER_PORT": "0",
        "ROUTER_WORKER_PORT": "0",
    }


async def run(
    redis: EmbeddedRedis,
    receiver: CountingReceiver,
    folder: Path,
    *,
    maxmemory: int,
    destinations: int,
    workers: int,
    size: int,
    events: int,
    seconds: float,
    rate: float = 0.0,
    in_batch: int = 20,
) -> Figures:
    names = [f"d{number}" for number in range(destinations)]
    environ = _environ(redis, rules_for(folder, receiver.url, names))
    async with limited(redis.url, maxmemory) as client:
        figures = await fill_and_drain(
            client,
            receiver,
            environ,
            size=size,
            events=events,
            destinations=names,
            workers=workers,
            seconds=seconds,
            rate=rate,
            in_batch=in_batch,
        )
    print(f"\n{maxmemory // MEBI} MiB, {destinations} destinations, {workers} workers: {figures}")  # noqa: T201
    return figures


@pytest.mark.fault_row(12)
async def test_a_full_redis_drains_by_itself(
    redis: EmbeddedRedis,
    receiver: CountingReceiver,
    tmp_path: Path,
    fault_figures: FigureRecorder,
) -> None:
    """Mutant: ``pace_of`` returns FREE; 144 % of maxmemory are used.

    With the code before ``allow-oom`` 0 of 2,780 deliveries arrived, and none ever would have.
    """
    figures = await run(
        redis,
        receiver,
        tmp_path,
        maxmemory=48 * MEBI,
        destinations=5,
        workers=2,
        size=50_000,
        events=5000,
        seconds=80,
        in_batch=4,
    )

    fault_figures(accepted=figures.accepted, lost=figures.lost, repeated=figures.repeated)
    assert figures.accepted > 0
    assert (figures.lost, figures.repeated) == (0, 0)
    assert figures.peak < 1.0


class Operator:
    """Discards the dead letters of a destination."""

    def __init__(self, connection: Connection, destination: str) -> None:
        self._connection = connection
        self._destination = destination
        self._letters = DeadLetters(connection, system_clock())

    async def discard(self) -> bool:
        """Discard some; return whether none is left or will be."""
        found = await self._letters.find(self._destination, DeadLetterFilter())(None, 50)
        await self._letters.discard(self._destination, found.items)
        books = await ledger.read(self._connection)
        own = books.destinations[self._destination]
        return books.pending == own.pending == own.dead == 0


async def waits(worker: RouterProcess) -> bool:
    """Return whether the worker's evaluation waits for memory."""
    async with aiohttp.ClientSession() as http, http.get(f"{worker.url}/metrics") as response:
        return "router_evaluation_waiting 1.0" in await response.text()


@pytest.mark.slow
@pytest.mark.fault_row(12)
async def test_a_dead_destination_in_a_full_redis_stops_the_others_until_an_operator_acts(  # noqa: PLR0915 - one story
    redis: EmbeddedRedis, receiver: CountingReceiver, tmp_path: Path
) -> None:
    """97 % of maxmemory are used when the worker starts; one of two destinations answers 503.

    Not in the default suite: it depends on how much Redis has in buffers.
    """
    options = (
        ", retry: {first: 50ms, longest: 100ms, attempts: 100}"
        ", breaker: {open_for: 100ms, longest: 200ms}"
    )
    rules = rules_for(tmp_path, receiver.url, ["alive", "dead"], retry=options)
    environ = _environ(redis, rules)
    connection = connect(redis.url, deadline=5.0, max_connections=4)
    operator = Operator(connection, "dead")
    receiver.failing.add("dead")
    arrived = receiver.arrived.setdefault("alive", Counter())

    async def waits_for_the_dead_one() -> bool:
        books = (await ledger.read(connection)).destinations.get("alive")
        return books is not None and books.delivered > 0 == books.pending and await waits(worker)

    async def goes_on() -> bool:
        return len(arrived) > before

    async with (
        limited(redis.url, 24 * MEBI) as client,
        RouterProcess("ingress", environ=environ) as ingress,
    ):
        sender = Sender(ingress.url, size=50_000, in_batch=4)
        await sender.send(5000, seconds=20, until_refused=True)
        accepted = len(sender.accepted)
        used = (await client.info("memory"))["used_memory"]
        await client.setrange("ballast", 24 * MEBI * 97 // 100 - used, b"x")
        async with RouterProcess("worker", environ=environ) as worker:
            await until(waits_for_the_dead_one)
            before = len(arrived)
            assert 0 < before < accepted
            sender.refused = 0
            await sender.send(5000, seconds=10, until_refused=True)
            assert (sender.refused > 0, len(sender.accepted)) == (True, accepted)

            receiver.refusing.add("dead")  # what is pending becomes dead letters
            receiver.failing.clear()
            await until(goes_on)
            await until(operator.discard)

            await sender.send(sender.tried + 4, seconds=10)
            assert len(sender.accepted) == accepted + 4
            await until(operator.discard)
        await agree(connection)
        assert await client.keys("router:alerts:*") == []
    await connection.close()
    assert set(arrived) == sender.accepted
    print(f"\n{before} of {accepted} events were evaluated before the operator acted")  # noqa: T201


@pytest.mark.slow
@pytest.mark.fault_row(12)
@pytest.mark.timeout(1200)
async def test_128_mib_of_3_kb_events_drain(
    redis: EmbeddedRedis, receiver: CountingReceiver, tmp_path: Path
) -> None:
    figures = await run(
        redis,
        receiver,
        tmp_path,
        maxmemory=128 * MEBI,
        destinations=10,
        workers=1,
        size=2800,
        events=100_000,
        seconds=300,
        rate=2000,
    )
    assert (figures.lost, figures.repeated) == (0, 0)
    assert figures.peak < 1.0


@pytest.mark.slow
@pytest.mark.fault_row(12)
@pytest.mark.timeout(1800)
async def test_a_gibibyte_drains_to_ten_destinations(
    redis: EmbeddedRedis,
    receiver: CountingReceiver,
    tmp_path: Path,
    fault_figures: FigureRecorder,
) -> None:
    """Two workers; Redis is filled by ingress until it rejects."""
    figures = await run(
        redis,
        receiver,
        tmp_path,
        maxmemory=1024 * MEBI,
        destinations=10,
        workers=2,
        size=100_000,
        events=100_000,
        seconds=900,
        in_batch=8,
    )

    fault_figures(
        accepted=figures.accepted,
        lost=figures.lost,
        repeated=figures.repeated,
        drain_seconds=figures.drain_seconds,
        note=f"{figures.peak:.0%} of maxmemory",
    )
    assert (figures.lost, figures.repeated) == (0, 0)
    assert figures.peak < 1.0
