"""Deploys: jobs of another schema, and thirty restarts in a row under load."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from support.clock import SetClock
from support.processes import RouterProcess
from support.rules_folder import RulesFolder, capture
from support.waiting import until
from support.world import World, event

from router.clock import system_clock
from router.dev.embedded_redis import EmbeddedRedis
from router.events.model import Received
from router.journal import keys, ledger
from router.journal.batches import Batches
from router.journal.connection import Connection, connect
from router.journal.sweeper import Sweeper
from router.metrics import Metrics
from router.worker.queue.queue_spec import QueueSpec
from router.worker.queue.queue_worker import QueueWorker

RULES = "rules:\n  - {name: one, events: [a], send_to: [noc]}\n"
PER_DEPLOY = 20


@pytest.mark.fault_row(20)
async def test_a_job_of_a_newer_schema_is_not_lost_with_its_batch(
    connection: Connection, time: SetClock
) -> None:
    """The mutant: a job with an unknown function ends the work that it names."""
    world = World(connection, time, RULES)
    batch = await world.accept([world.event("1")])
    newer = {"t": None, "f": "evaluate.2", "a": [], "k": {}, "et": 1}
    await connection.redis.set(keys.job(batch), msgspec.msgpack.encode(newer))

    async def run(job_id: str, *_: object) -> bool:
        raise AssertionError(job_id)

    spec = QueueSpec(
        queue=keys.EVALUATE_QUEUE, function="evaluate", run=run, max_jobs=9, limit_seconds=9
    )
    worker = QueueWorker(spec, connection, Metrics(), system_clock(), lease=1.0, poll_delay=1.0)

    async def is_dropped() -> bool:
        return not await connection.redis.exists(keys.job(batch))

    async with asyncio.TaskGroup() as group:
        polling = group.create_task(worker.main())
        await until(is_dropped)
        polling.cancel()
    time.now += 60
    assert await Sweeper(connection, list, world.clock).sweep() == 1

    await world.evaluate.run(batch)

    assert len(await world.told()) == 1
    assert (await world.ledger()).pending == 0


@pytest.fixture
async def journal(redis: EmbeddedRedis) -> AsyncIterator[Connection]:
    connection = connect(redis.url, deadline=5.0, max_connections=4)
    yield connection
    await connection.close()


@pytest.mark.fault_row(21)
@pytest.mark.parametrize(
    "deploys",
    [
        3,
        pytest.param(30, marks=[pytest.mark.slow, pytest.mark.timeout(400)]),
    ],
)
async def test_deploys_in_a_row_under_load_use_up_no_attempts(  # noqa: PLR0915 - one story
    environ: dict[str, str], tmp_path: Path, journal: Connection, deploys: int
) -> None:
    """The mutant: a drain counts as a failed attempt, or its starts as crashes."""
    folder = RulesFolder(tmp_path / "deployed")
    folder.write(places=capture("noc"), rules=RULES)
    environ = {**environ, "ROUTER_RULES": str(folder.path)}
    batches = Batches(journal, system_clock())
    sent, is_over = 0, False

    async def load() -> None:
        nonlocal sent
        while not is_over:  # and not cancelled, which may lose the count of what was just accepted
            events = [
                event(str(number), system_clock().now())
                for number in range(sent, sent + PER_DEPLOY)
            ]
            await batches.accept([Received(events, [])])
            sent += PER_DEPLOY
            await asyncio.sleep(0.05)

    async def books() -> ledger.Ledger:
        return await ledger.read(journal)

    async with asyncio.TaskGroup() as group:
        group.create_task(load())
        worker = RouterProcess("worker", environ=environ)
        await worker.start()
        for _ in range(deploys):
            before = (await books()).matched

            async def is_working(before: int = before) -> bool:
                return (await books()).matched > before

            await until(is_working)
            following = RouterProcess("worker", environ=environ)
            await following.start()
            worker.signal(signal.SIGTERM)

            async def has_ended(ending: RouterProcess = worker) -> bool:
                return ending.has_ended

            await until(has_ended)
            worker = following
        is_over = True

    async def all_delivered() -> ledger.Ledger | None:
        found = await books()
        noc = found.destinations["noc"]
        return found if (found.pending, noc.pending) == (0, 0) else None

    found = await until(all_delivered)
    await worker.kill()
    noc = found.destinations["noc"]
    print(f"\n{deploys} deploys: {sent} events, {noc.delivered} delivered, {noc.dead} dead")  # noqa: T201
    assert (found.accepted, found.quarantined) == (sent, 0)
    assert (noc.delivered, noc.dead) == (sent, 0)
    assert await journal.redis.keys("router:strikes:*") == []
