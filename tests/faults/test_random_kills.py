"""kill -9 of the worker at random moments under load: nothing is lost, little is repeated."""

import asyncio
import random

import pytest
from support.processes import RouterProcess
from support.receivers import Receivers
from support.sender import Sender
from support.waiting import until

from router.dev.embedded_redis import EmbeddedRedis
from router.journal import ledger
from router.journal.connection import connect

SEED = 20261125
PER_KILL = 60
"""Events sent for each kill."""
CONCURRENCY = 20
"""Slots of a destination: what can be in flight when its worker is killed."""


async def check(
    redis: EmbeddedRedis,
    receivers: Receivers,
    environ: dict[str, str],
    sample: bytes,
    *,
    kills: int,
) -> None:
    chance = random.Random(SEED)  # noqa: S311 - moments, not secrets
    sender = Sender(sample, seconds=1500)
    ids = [f"NO{number}" for number in range(kills * PER_KILL)]
    worker = RouterProcess("worker", environ=environ)
    async with RouterProcess("ingress", environ=environ) as ingress, worker:
        async with asyncio.TaskGroup() as group:
            group.create_task(sender.send(ingress.url, ids, at_once=8))
            for _ in range(kills):
                goal = receivers.counts()["tickets"] + chance.randint(1, PER_KILL)

                async def enough(goal: int = goal) -> bool:
                    return receivers.counts()["tickets"] >= min(goal, len(ids))

                await until(enough, seconds=120)
                await worker.kill()
                await worker.start()
        delivered = await receivers.have_all(sender.accepted, seconds=900)
        connection = connect(redis.url, deadline=5.0, max_connections=1)

        async def settled() -> ledger.Ledger | None:
            books = await ledger.read(connection)
            pending = [books.pending, *(each.pending for each in books.destinations.values())]
            return None if any(pending) else books

        books = await until(settled)
        await connection.close()
    repeated = {name: has.total() - len(has) for name, has in delivered.items()}
    print(  # noqa: T201 - the figures
        f"\n{kills} kills of the worker (seed {SEED}), {len(sender.accepted)} events accepted:"
        f" none lost; repeated {repeated}, at most {kills * CONCURRENCY} each"
    )
    assert sender.accepted == set(ids)
    assert max(repeated.values()) <= kills * CONCURRENCY
    for counts in books.destinations.values():
        assert (counts.opened, counts.delivered, counts.dead) == (len(ids), len(ids), 0)


@pytest.mark.fault_row(1)
async def test_two_kills_lose_nothing(
    redis: EmbeddedRedis, receivers: Receivers, environ: dict[str, str], sample: bytes
) -> None:
    """Mutant: a set is deleted when it is read."""
    await check(redis, receivers, environ, sample, kills=2)


@pytest.mark.fault_row(1)
@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_fifty_kills_lose_nothing(
    redis: EmbeddedRedis, receivers: Receivers, environ: dict[str, str], sample: bytes
) -> None:
    """Mutant: a set is deleted when it is read."""
    await check(redis, receivers, environ, sample, kills=50)
