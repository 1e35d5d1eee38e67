"""A connection is given back to its pool however its use ends."""

import asyncio

import pytest

from router.journal.connection import Connection

STEPS = 300
"""Turns of the loop after which a use is cut off; each use takes fewer."""


async def watch(connection: Connection) -> None:
    """As arq looks at a job: a transaction that watches a key, and is given up."""
    async with connection.redis.pipeline(transaction=True) as pipeline:
        await pipeline.watch("a")
        await pipeline.exists("a")


async def several(connection: Connection) -> None:
    async with connection.redis.pipeline(transaction=False) as pipeline:
        for _ in range(3):
            pipeline.exists("a")
        await pipeline.execute()


async def ask(connection: Connection) -> None:
    await connection.redis.exists("a")


@pytest.mark.parametrize("use", [watch, several, ask])
async def test_a_use_that_is_cut_off_at_any_moment_leaves_no_connection_behind(
    connection: Connection, use: object
) -> None:
    pool = connection.redis.connection_pool
    loop = asyncio.get_running_loop()
    for steps in range(STEPS):
        task = loop.create_task(use(connection))  # type: ignore[operator]
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert not pool._in_use_connections, f"after {steps} steps"
        # What is given back is usable, and answers what it is asked.
        assert await connection.redis.echo(f"{steps}") == f"{steps}".encode()
