"""Consumers of a stream killed at random while its shards are split and merged: nothing is lost.

Figures are printed (``pytest -s``).
"""

import contextlib
import random
from collections.abc import AsyncIterator

import pytest
from support.events import event_from
from support.kinesis_server import KinesisServer, own_kinesis
from support.kinesis_shards import ShardedStream
from support.processes import RouterProcess
from support.streams import aws_environ
from support.waiting import until

from router.dev.embedded_redis import EmbeddedRedis
from router.journal import ledger
from router.journal.connection import connect

STREAM = "events"
SEED = 20_261_125


@pytest.fixture
async def kinesis() -> AsyncIterator[KinesisServer]:
    async with own_kinesis() as server:
        yield server


async def consume_with_kills(
    stream: ShardedStream,
    redis: EmbeddedRedis,
    environ: dict[str, str],
    sample: bytes,
    *,
    records: int,
    kills: int,
) -> ledger.Ledger:
    """Put ``records`` into four shards that are split and merged; kill consumers meanwhile."""
    chance = random.Random(SEED)  # noqa: S311 - repeatable
    template = event_from(sample, id="NO-NUMBER", type="com.example.unwatched").body
    consumers = [
        RouterProcess("kinesis", "--stream", STREAM, "--poll-interval", "0.2", environ=environ)
        for _ in range(3)
    ]
    connection = connect(redis.url, deadline=5.0, max_connections=2)

    async def judged() -> int:
        books = await ledger.read(connection)
        return books.filtered + books.matched + books.quarantined

    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(connection.close)
        await stack.enter_async_context(RouterProcess("worker", environ=environ))
        for consumer in consumers:
            await stack.enter_async_context(consumer)
        for part in range(kills):
            first = part * records // kills
            stream.put(
                template.replace(b"NO-NUMBER", b"NO%d" % number)
                for number in range(first, (part + 1) * records // kills)
            )
            if part % 2 == 0:
                stream.split()
            else:
                stream.merge()

            async def some(goal: int = first) -> bool:
                return await judged() >= goal

            await until(some, seconds=120)
            victim = chance.choice(consumers)
            await victim.kill()
            await victim.start()

        async def all_judged() -> bool:
            return await judged() >= records and not (await ledger.read(connection)).pending

        await until(all_judged, seconds=240)
        return await ledger.read(connection)


@pytest.mark.parametrize(
    ("records", "kills"),
    [
        (300, 2),
        pytest.param(100_000, 12, marks=[pytest.mark.slow, pytest.mark.timeout(900)]),
    ],
)
async def test_every_record_is_evaluated_once(
    records: int,
    kills: int,
    redis: EmbeddedRedis,
    kinesis: KinesisServer,
    environ: dict[str, str],
    sample: bytes,
) -> None:
    environ = {**environ, **aws_environ(kinesis.url)}
    stream = kinesis.create(STREAM, shards=4)

    books = await consume_with_kills(stream, redis, environ, sample, records=records, kills=kills)

    print(  # noqa: T201
        f"\n{records} records, {kills} consumers killed:"
        f" {books.accepted} accepted, {books.duplicate} of them repeats"
    )
    assert books.filtered == records
    assert books.accepted == records + books.duplicate
