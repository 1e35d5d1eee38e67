"""A stream that is deleted and made again is another stream, with its own checkpoints."""

import pytest
from ingress.kinesis.conftest import STREAM, Reading
from support.kinesis_reading import evaluated, events
from support.kinesis_server import KinesisServer
from support.kinesis_shards import ShardedStream
from support.waiting import until

from router.journal import keys, stream_keys
from router.journal.connection import Connection
from router.journal.streams import KnownStreams


@pytest.mark.parametrize("fan_out", ["", "router"])
async def test_a_stream_made_again_is_read_from_its_beginning(
    fan_out: str,
    read_from: Reading,
    kinesis: KinesisServer,
    stream: ShardedStream,
    connection: Connection,
    sample: bytes,
) -> None:
    """Case I4: its predecessor was read to its end, and its sequence numbers begin again."""
    stream.put(events(sample, 6))
    stream.split()
    async with read_from(fan_out=fan_out):
        await evaluated(connection, 6)
    kinesis.delete(STREAM)
    kinesis.create(STREAM, shards=2).put(events(sample, 6, first=6))

    async with read_from(fan_out=fan_out) as router:
        counts = await evaluated(connection, 12)

        async def reads_both_shards() -> bool:
            return router.metric("router_kinesis_shards") == 2

        await until(reads_both_shards)

    assert (counts.accepted, counts.duplicate) == (12, 0)


@pytest.mark.parametrize(("fan_out", "gap"), [("", True), ("router", False)])
async def test_a_stream_made_again_is_noticed_while_it_is_read(
    fan_out: str,
    gap: bool,  # noqa: FBT001 - a case's own
    read_from: Reading,
    kinesis: KinesisServer,
    stream: ShardedStream,
    connection: Connection,
    sample: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Case I4: the consumer reads the deleted stream, says so, and goes on with its successor."""
    monkeypatch.setattr("router.ingress.kinesis.discovery._INTERVAL", 0.2)
    monkeypatch.setattr("router.ingress.kinesis.discovery._AFTER_FAILURE", 0.2)
    monkeypatch.setattr("router.ingress.kinesis.consumer._MAX_PAUSE", 0.3)
    stream.put(events(sample, 6))
    async with read_from(fan_out=fan_out) as router:
        await evaluated(connection, 6)
        kinesis.delete(STREAM)

        async def says_so() -> bool:
            reason = (await router.readiness()).get("reason", "")
            return "ResourceNotFoundException" in reason

        async def is_ready() -> bool:
            return (await router.readiness())["status"] == "ready"

        if gap:
            await until(says_so)
        kinesis.create(STREAM, shards=3).put(events(sample, 6, first=6))
        counts = await evaluated(connection, 12)
        await until(is_ready)
        assert router.metric("router_kinesis_shards") == 3

    assert (counts.accepted - counts.duplicate, counts.matched) == (12, 12)


async def test_checkpoints_of_an_older_version_are_used(
    read_from: Reading, stream: ShardedStream, connection: Connection, sample: bytes
) -> None:
    """Case I4: they are named by the ARN alone, and nothing in them says when the stream was made."""
    stream.put(events(sample, 10))
    async with read_from():
        await evaluated(connection, 10)
    (known,) = await KnownStreams(connection).known()
    await connection.redis.hdel(stream_keys.stream_checkpoints(known.digest), "created", "start")
    await connection.redis.delete(keys.STREAMS)
    stream.put(events(sample, 5, first=10))

    async with read_from(since=4_000_000_000.0):
        counts = await evaluated(connection, 15)

    assert (counts.accepted, counts.duplicate) == (15, 0)


async def test_a_stream_without_a_creation_time_is_read(
    read_from: Reading,
    kinesis: KinesisServer,
    stream: ShardedStream,
    connection: Connection,
    sample: bytes,
) -> None:
    """Case I4: local servers do not all have one."""
    kinesis.has_creation_times = False
    stream.put(events(sample, 5))
    async with read_from():
        await evaluated(connection, 5)
    stream.put(events(sample, 5, first=5))

    async with read_from():
        counts = await evaluated(connection, 10)

    assert (counts.accepted, counts.duplicate) == (10, 0)
