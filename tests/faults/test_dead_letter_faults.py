"""Dead letters that cannot be written, and dead letters that fill Redis. Figures are printed."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from support.fault_rows import FigureRecorder
from support.full_redis import (
    EVENTS_TOKEN,
    CountingReceiver,
    MemoryPeak,
    Sender,
    limited,
    rules_for,
)
from support.processes import RouterProcess
from support.waiting import until

from router.clock import system_clock
from router.dev.embedded_redis import EmbeddedRedis
from router.journal import ledger
from router.journal.connection import Connection, connect
from router.journal.dead_letters import DeadLetterFilter, DeadLetters

MEBI = 1 << 20


@pytest.fixture
async def receiver() -> AsyncIterator[CountingReceiver]:
    """A receiver that rejects every delivery."""
    async with CountingReceiver() as receiver:
        receiver.refusing.add("d0")
        yield receiver


@pytest.fixture
def environ(redis: EmbeddedRedis, receiver: CountingReceiver, tmp_path: Path) -> dict[str, str]:
    return {
        "ROUTER_REDIS_URL": redis.url.reveal(),
        "ROUTER_RULES": str(rules_for(tmp_path, receiver.url, ["d0"])),
        "ROUTER_EVENTS_TOKEN": EVENTS_TOKEN,
        "ROUTER_PORT": "0",
        "ROUTER_WORKER_PORT": "0",
        "ROUTER_JOB_LEASE": "1s",
    }


@pytest.fixture
async def journal(redis: EmbeddedRedis) -> AsyncIterator[Connection]:
    connection = connect(redis.url, deadline=5.0, max_connections=2)
    yield connection
    await connection.close()


@pytest.mark.fault_row(65)
async def test_a_dead_letter_that_is_not_written_stays_a_delivery(
    redis: EmbeddedRedis,
    receiver: CountingReceiver,
    environ: dict[str, str],
    journal: Connection,
    fault_figures: FigureRecorder,
) -> None:
    """Redis is killed between the response of the receiver and the dead letter.

    Mutant: ``dead_letter.lua`` without its first ``HSET``. A settler that does not retry is no mutant:
    the delivery stays in its set, and the next run of the job attempts it again.
    """
    answered = 0

    def kill_redis() -> None:
        nonlocal answered
        answered += 1
        if answered == 1:
            redis.kill()

    receiver.before_answer = kill_redis
    async with RouterProcess("ingress", environ=environ) as ingress:
        sender = Sender(ingress.url, size=100, in_batch=1)
        await sender.send(1, seconds=10)
    async with RouterProcess("worker", environ=environ) as worker:

        async def fails() -> bool:
            # Which part of the process says so is chance: one line in an interval is logged.
            return answered > 0 and any(
                each.get("logger") == "router.outages" for each in worker.log
            )

        await until(fails)
        redis.start()

        async def is_dead() -> ledger.DestinationLedger | None:
            counts = (await ledger.read(journal)).destinations.get("d0")
            return counts if counts is not None and counts.dead else None

        counts = await until(is_dead)

    letters = await DeadLetters(journal, system_clock()).find("d0", DeadLetterFilter())(None, 9)
    fault_figures(accepted=1, lost=counts.pending, repeated=answered - 1)
    print(f"\ndead letter not written: 1 accepted, {len(letters.items)} dead, {answered} attempts")  # noqa: T201
    assert [letter.reason for letter in letters.items] == ["HTTP 400 Bad Request"]
    assert (counts.opened, counts.dead, counts.pending) == (1, 1, 0)


@pytest.mark.fault_row(66)
async def test_dead_letters_that_fill_redis_stop_ingress_and_not_silently(
    redis: EmbeddedRedis,
    environ: dict[str, str],
    journal: Connection,
    fault_figures: FigureRecorder,
) -> None:
    """An operator discards them, and events are accepted again.

    Mutant: the watermark of ingress is 2.0; events are accepted until Redis rejects writes.
    """
    async with (
        limited(redis.url, 24 * MEBI) as client,
        RouterProcess("ingress", environ=environ) as ingress,
        RouterProcess("worker", environ=environ) as worker,
    ):
        memory = MemoryPeak(client)
        watching = asyncio.get_running_loop().create_task(memory.watch())
        sender = Sender(ingress.url, size=50_000, in_batch=4)
        await sender.send(2000, seconds=30, until_refused=True)

        async def all_dead() -> ledger.Ledger | None:
            books = await ledger.read(journal)
            counts = books.destinations.get("d0")
            return books if counts and not books.pending and not counts.pending else None

        books = await until(all_dead)
        dead = books.destinations["d0"].dead
        shown = await metrics_of(worker.url)
        accepted = len(sender.accepted)
        refused = sender.refused

        await discard_all(journal)
        await Sender(ingress.url, size=50_000, in_batch=1).send(1, seconds=10)
        watching.cancel()

    lost = accepted - dead - books.duplicate
    fault_figures(accepted=accepted, lost=lost, repeated=0, note=f"{memory.peak:.0%} of memory")
    print(  # noqa: T201
        f"\ndead letters fill Redis: {accepted} accepted, {refused} requests rejected, {dead} dead,"
        f" {memory.peak:.1%} of memory at most"
    )
    assert (lost, refused > 0) == (0, True)
    assert memory.peak < 1.0
    assert f'router_dead_letters{{destination="d0"}} {float(dead)}' in shown
    ratio = float(shown.split("\nrouter_redis_memory_used_ratio ")[1].split("\n")[0])
    assert ratio > 0.5


async def metrics_of(url: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as response:
        return await response.text()


async def discard_all(journal: Connection) -> None:
    letters = DeadLetters(journal, system_clock())
    find = letters.find("d0", DeadLetterFilter())
    while found := (await find(None, 50)).items:
        await letters.discard("d0", found)
