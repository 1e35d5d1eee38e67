"""Shards end, their children go on, aged ones are forgotten: no record is left out, none is doubled.

Case I20. Seen to fail with a consumer that never reads child shards.
"""

import pytest
from ingress.kinesis.conftest import STREAM, Reading
from support.kinesis_reading import evaluated, events
from support.kinesis_server import KinesisServer
from support.kinesis_shards import ShardedStream
from support.waiting import until

from router.clock import system_clock
from router.journal import stream_keys
from router.journal.connection import Connection
from router.journal.streams import KnownStreams


async def test_the_children_of_a_split_and_of_a_merge_are_read(
    read_from: Reading, stream: ShardedStream, connection: Connection, sample: bytes
) -> None:
    """Case I20: the parent has its end, and all further records are in its children."""
    stream.put(events(sample, 10))
    async with read_from() as router:
        await evaluated(connection, 10)
        for part in range(1, 4):
            if part % 2:
                stream.split()
            else:
                stream.merge()
            stream.put(events(sample, 10, first=10 * part))
            counts = await evaluated(connection, 10 * (part + 1))

        async def reads_all_open_shards() -> bool:
            return router.metric("router_kinesis_shards") == len(stream.open_shards())

        assert await until(reads_all_open_shards)
    assert (counts.accepted, counts.duplicate) == (40, 0)


@pytest.mark.parametrize("fan_out", ["", "router"])
async def test_reshards_during_an_outage_are_read_in_their_order(
    fan_out: str,
    read_from: Reading,
    stream: ShardedStream,
    connection: Connection,
    sample: bytes,
) -> None:
    """Case I20: parents, children and grandchildren have records when the consumer comes back."""
    stream.put(events(sample, 4))
    async with read_from(fan_out=fan_out):
        await evaluated(connection, 4)
    for generation in range(1, 4):
        stream.put(events(sample, 4, first=8 * generation))
        stream.split()
        stream.put(events(sample, 4, first=8 * generation + 4))

    async with read_from(fan_out=fan_out):
        counts = await evaluated(connection, 28)

    assert (counts.accepted, counts.duplicate) == (28, 0)


async def test_the_children_of_a_forgotten_shard_are_read_from_their_beginning(
    read_from: Reading, stream: ShardedStream, connection: Connection, sample: bytes
) -> None:
    """Case I20: the parent aged out while no consumer ran, before it was read to its end."""
    stream.put(events(sample, 6))
    async with read_from():
        await evaluated(connection, 6)
    parent = stream.open_shards()[0]
    stream.split(parent)
    stream.put(events(sample, 10, first=6))
    stream.forget(parent)

    async with read_from():
        counts = await evaluated(connection, 16)

    assert (counts.accepted, counts.duplicate) == (16, 0)


async def test_a_shard_that_is_forgotten_while_it_is_read_leaves_the_process_ready(
    read_from: Reading,
    kinesis: KinesisServer,
    stream: ShardedStream,
    connection: Connection,
    sample: bytes,
) -> None:
    """Case I20: it failed for ever, and was reported for ever, for a shard that is no more."""
    parent = stream.open_shards()[0]
    stuck = kinesis.add_fault("GetRecords", "InternalFailure", shard=parent.id, status=500)
    async with read_from() as router:

        async def has_failed() -> bool:
            return stuck.seen > 0

        await until(has_failed)
        stream.split(parent)
        stream.forget(parent)
        stream.put(events(sample, 6))
        counts = await evaluated(connection, 6)

        async def is_ready() -> bool:
            return (await router.readiness())["status"] == "ready"

        assert await until(is_ready)
    assert (counts.accepted, counts.duplicate) == (6, 0)


async def test_records_that_expired_are_passed_over(
    read_from: Reading, stream: ShardedStream, connection: Connection, sample: bytes
) -> None:
    """Case I20: the checkpoint is older than the oldest record that is left."""
    stream.put(events(sample, 4), key="one shard")
    async with read_from():
        await evaluated(connection, 4)
    (shard,) = [each for each in stream.open_shards() if each.records]
    stream.put_into(shard, events(sample, 6, first=4))
    stream.trim(shard, 7)

    async with read_from():
        counts = await evaluated(connection, 7)

    assert (counts.accepted, counts.duplicate) == (7, 0)


async def test_a_start_holds_for_the_children_of_shards_that_were_closed_before(
    read_from: Reading, stream: ShardedStream, connection: Connection, sample: bytes
) -> None:
    """Case I20: ``--from now`` read a child's whole history, because its closed parent had ended."""
    stream.split()
    stream.put(events(sample, 10))
    stream.age(60)
    async with read_from(since=system_clock().now()):

        async def reads() -> bool:
            found = await KnownStreams(connection).known(STREAM)
            if not found:
                return False
            known = found[0]
            leases = [
                stream_keys.shard_lease(known.digest, each.id) for each in stream.open_shards()
            ]
            return await connection.redis.exists(*leases) == len(leases)

        await until(reads)
        stream.put(events(sample, 10, first=10))
        counts = await evaluated(connection, 10)

    assert counts.accepted == 10


async def test_a_list_of_several_pages_is_read_whole(
    read_from: Reading, kinesis: KinesisServer, connection: Connection, sample: bytes
) -> None:
    """Case I20: and begun again after a page's token has expired."""
    kinesis.page_size = 2
    kinesis.list_tokens_expire = True
    stream = kinesis.create("wide", shards=5)
    stream.put(events(sample, 20))
    async with read_from(name="wide"):

        async def has_failed() -> bool:
            return kinesis.calls["ListShards"] >= 2

        await until(has_failed)
        kinesis.list_tokens_expire = False
        counts = await evaluated(connection, 20)

    assert (counts.accepted, counts.duplicate) == (20, 0)
