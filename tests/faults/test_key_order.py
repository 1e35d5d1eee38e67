"""Messages of one key reach one receiver in their order, whatever fails: receivers, workers, replays."""

import asyncio
import random
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from support.pager import BATCH, RULES, SINGLE, Message, Pager, event
from support.processes import RouterProcess
from support.running import post_batch, running, settings_for, worker_of
from support.waiting import until

from router.clock import system_clock
from router.datatypes import Secret
from router.dev.embedded_redis import EmbeddedRedis
from router.journal import ledger
from router.journal import pagination as pages
from router.journal.connection import Connection, connect
from router.journal.dead_letters import DeadLetterFilter, DeadLetters
from router.journal.ledger import DestinationLedger
from router.runtime.roles import Roles

SEED = 20261130
CLOCK = system_clock()


def write_rules(folder: Path, url: str, *, attempts: int = 100, form: str = SINGLE) -> Path:
    """Write a rules folder with a pager that is retried soon."""
    folder.mkdir(exist_ok=True)
    breaker = "{failures: 1000, attempts: 1000, open_for: 100ms, longest: 100ms}"
    retry = f"{{first: 100ms, longest: 400ms, attempts: {attempts}}}"
    pager = form.replace("{", f"{{url: '{url}', retry: {retry}, breaker: {breaker}, ", 1)
    (folder / "rules.yaml").write_text(f"destinations: {{pager: {{http: {pager}}}}}\n{RULES}")
    return folder


async def send(url: str, events: list[dict[str, Any]]) -> None:
    """Send events, 100 in a request, one request after the other."""
    headers = {"Content-Type": "application/cloudevents-batch+json"}
    async with aiohttp.ClientSession(headers=headers) as session:
        for start in range(0, len(events), 100):
            body = msgspec.json.encode(events[start : start + 100])
            async with session.post(f"{url}/events", data=body) as response:
                assert response.status == 202


async def settled(connection: Connection, opened: int, *, seconds: float) -> DestinationLedger:
    """Return the books of the pager once so many deliveries were opened and none is pending."""

    async def done() -> DestinationLedger | None:
        books = (await ledger.read(connection)).destinations.get("pager")
        return books if books and books.opened == opened and not books.pending else None

    return await until(done, seconds=seconds)


async def replay_all(connection: Connection) -> None:
    """As ``router dead-letters replay --all`` does."""
    letters = DeadLetters(connection, CLOCK)
    find = letters.find("pager", DeadLetterFilter(), newest_first=False)
    async for chunk in pages.iterate(find):
        await letters.replay("pager", chunk)


async def check_outage(
    connection: Connection, redis_url: Secret, folder: Path, *, seconds: float, form: str = SINGLE
) -> None:
    """Let 20 trunks go down and come up while the pager answers 503 for a time."""
    async with Pager() as pager:
        settings = settings_for(redis_url)
        roles = Roles(
            port=0,
            ingress=True,
            worker=worker_of(write_rules(folder, pager.url, form=form), settings),
        )
        async with running(settings, roles) as router:
            pager.status = 503
            down = [msgspec.json.encode(event(trunk, "down", 1)) for trunk in range(20)]
            await post_batch(router, down)
            await pager.receive(1)
            await post_batch(
                router, [msgspec.json.encode(event(trunk, "up", 2)) for trunk in range(20)]
            )
            await asyncio.sleep(seconds)
            pager.status = 200
            books = await settled(connection, 40, seconds=60)

    assert (books.delivered, books.dead, books.superseded) == (40, 0, 0)
    assert pager.ended_as(Message(1, is_resolved=True)) == 20
    assert pager.inversions == 0


@pytest.mark.fault_row(75)
@pytest.mark.parametrize("form", [SINGLE, BATCH], ids=["single", "batch"])
async def test_a_receiver_that_was_away_learns_each_end_after_its_beginning(
    connection: Connection, redis_url: Secret, tmp_path: Path, form: str
) -> None:
    """Case D2: 20 keys fire, then all resolve, while the receiver answers 503."""
    await check_outage(connection, redis_url, tmp_path / "rules", seconds=0.4, form=form)


@pytest.mark.fault_row(75)
@pytest.mark.slow
async def test_a_receiver_that_was_away_for_long_learns_each_end_after_its_beginning(
    connection: Connection, redis_url: Secret, tmp_path: Path
) -> None:
    """Case D2, in the times in which it was met."""
    await check_outage(connection, redis_url, tmp_path / "rules", seconds=8)


async def kill_in_turn(
    workers: list[RouterProcess], kills: int, pager: Pager, connection: Connection, opened: int
) -> None:
    """Kill a worker and start it again, each after some requests, or once nothing is pending."""
    chance = random.Random(SEED)  # noqa: S311 - moments, not secrets
    for kill in range(kills):
        goal = len(pager.requests) + chance.randint(1, opened // 3)

        async def enough(goal: int = goal) -> bool:
            books = (await ledger.read(connection)).destinations.get("pager")
            is_over = books and books.opened == opened and not books.pending
            return bool(is_over) or len(pager.requests) >= goal

        await until(enough)
        worker = workers[kill % len(workers)]
        await worker.kill()
        await worker.start()


async def check_kills(
    redis: EmbeddedRedis, folder: Path, *, keys: int, workers: int, kills: int, attempts: int
) -> None:
    """Let trunks go down twice and come up, with failures, while workers are killed.

    With few attempts, deliveries become dead letters, which are replayed until none is left.
    """
    opened = 3 * keys
    async with AsyncExitStack() as stack:
        pager = await stack.enter_async_context(Pager(fails=0.3, seed=SEED))
        connection = connect(redis.url, deadline=5.0, max_connections=2)
        stack.push_async_callback(connection.close)
        environ = {
            "ROUTER_REDIS_URL": redis.url.reveal(),
            "ROUTER_RULES": str(write_rules(folder, pager.url, attempts=attempts)),
            "ROUTER_PORT": "0",
            "ROUTER_WORKER_PORT": "0",
            # Longer than a starved process stands still: an attempt that outlives its lease may
            # arrive after the next one of its key, which no sender can prevent.
            "ROUTER_JOB_LEASE": "3s",
        }
        ingress = RouterProcess("ingress", environ=environ)
        running_workers = [RouterProcess("worker", environ=environ) for _ in range(workers)]
        async with asyncio.TaskGroup() as group:
            for process in (ingress, *running_workers):
                group.create_task(stack.enter_async_context(process))
        steps = (("down", 1), ("down", 2), ("up", 3))
        events = [event(trunk, *step) for step in steps for trunk in range(keys)]
        async with asyncio.TaskGroup() as group:
            group.create_task(send(ingress.url, events))
            await kill_in_turn(running_workers, kills, pager, connection, opened)
        books = await settled(connection, opened, seconds=300)
        while books.dead:
            await replay_all(connection)
            books = await settled(connection, opened, seconds=300)
    assert len(pager.told) == keys
    assert pager.ended_as(Message(2, is_resolved=True)) == keys
    assert pager.inversions == 0
    assert books.delivered + books.superseded == books.opened


@pytest.mark.fault_row(75)
async def test_kills_of_workers_and_failures_invert_nothing(
    redis: EmbeddedRedis, tmp_path: Path
) -> None:
    """Case D2."""
    await check_kills(redis, tmp_path / "rules", keys=60, workers=2, kills=1, attempts=100)


@pytest.mark.fault_row(75)
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("attempts", [100, 1], ids=["retried", "replayed"])
async def test_many_kills_of_three_workers_invert_nothing(
    redis: EmbeddedRedis, tmp_path: Path, attempts: int
) -> None:
    """Case D2: 1,000 keys, 30 % failures; by retries, and by replays of dead letters."""
    await check_kills(redis, tmp_path / "rules", keys=1000, workers=3, kills=12, attempts=attempts)


@pytest.mark.fault_row(75)
async def test_replays_of_dead_letters_invert_nothing(
    connection: Connection, redis_url: Secret, tmp_path: Path
) -> None:
    """Case D2: each failure is a dead letter, and all are replayed until none is left."""
    async with Pager(fails=0.4, seed=SEED) as pager:
        settings = settings_for(redis_url)
        folder = write_rules(tmp_path / "rules", pager.url, attempts=1)
        async with running(
            settings, Roles(port=0, ingress=True, worker=worker_of(folder, settings))
        ) as router:
            for kind, number in (("down", 1), ("down", 2), ("up", 3)):
                await post_batch(
                    router,
                    [msgspec.json.encode(event(trunk, kind, number)) for trunk in range(50)],
                )
            books = await settled(connection, 150, seconds=60)
            assert books.dead > 0
            while books.dead:
                await replay_all(connection)
                books = await settled(connection, 150, seconds=60)

    assert pager.ended_as(Message(2, is_resolved=True)) == 50
    assert pager.inversions == 0
    assert books.overtaken > 0
    assert books.delivered + books.superseded == books.opened
