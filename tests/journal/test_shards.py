"""Leases and checkpoints of shards."""

import pytest
from support.waiting import until

from router.journal import stream_keys
from router.journal.connection import Connection
from router.journal.shards import Checkpoint, ConsumerId, ShardId, Shards, StreamDigest

STREAM = StreamDigest("stream")
ONE, OTHER = ShardId("shard-1"), ShardId("shard-2")


@pytest.fixture
def x(connection: Connection) -> Shards:
    return Shards(connection, STREAM, ConsumerId("x"), lease=30)


@pytest.fixture
def y(connection: Connection) -> Shards:
    return Shards(connection, STREAM, ConsumerId("y"), lease=30)


async def test_a_shard_has_one_reader(x: Shards, y: Shards) -> None:
    assert await x.acquire(ONE, None) == Checkpoint()
    assert await y.acquire(ONE, None) is None
    assert await x.acquire(ONE, None) == Checkpoint()


async def test_a_successor_goes_on_where_the_checkpoint_is(x: Shards, y: Shards) -> None:
    await x.acquire(ONE, None)
    assert await x.checkpoint(ONE, Checkpoint(after="42"))
    await x.release([ONE])

    assert await y.acquire(ONE, None) == Checkpoint(after="42")


async def test_whoever_lost_the_lease_moves_no_checkpoint(x: Shards, y: Shards) -> None:
    await x.acquire(ONE, None)
    await x.release([ONE])
    await y.acquire(ONE, None)
    await y.checkpoint(ONE, Checkpoint(after="50"))

    assert not await x.checkpoint(ONE, Checkpoint(after="42"))

    await y.release([ONE])
    assert await x.acquire(ONE, None) == Checkpoint(after="50")


async def test_only_leases_that_are_mine_are_renewed(x: Shards, y: Shards) -> None:
    await x.acquire(ONE, None)
    await y.acquire(OTHER, None)

    assert await x.renew([ONE, OTHER]) == {ONE}


async def test_a_lease_ends_by_itself(connection: Connection, y: Shards) -> None:
    dying = Shards(connection, STREAM, ConsumerId("x"), lease=0.05)
    await dying.acquire(ONE, None)

    assert await until(lambda: y.acquire(ONE, None)) == Checkpoint()


async def test_everybody_sees_everybody(x: Shards, y: Shards) -> None:
    await x.acquire(ONE, None)
    await x.checkpoint(ONE, Checkpoint(ended=True))
    await y.acquire(OTHER, None)
    await x.heartbeat([ONE, OTHER])

    view = await y.heartbeat([ONE, OTHER])

    assert set(view.consumers) == {"x", "y"}
    assert view.holders == {ONE: "x", OTHER: "y"}
    assert view.ended == {ONE}


async def test_a_silent_consumer_is_forgotten(connection: Connection, y: Shards) -> None:
    await Shards(connection, STREAM, ConsumerId("x"), lease=0.05).heartbeat([])

    async def alone() -> bool:
        return (await y.heartbeat([])).consumers == ("y",)

    assert await until(alone)


@pytest.mark.parametrize(
    ("stored", "first", "later", "expected"),
    [
        ({}, 100.0, 200.0, 100.0),
        ({}, 100.0, None, 100.0),
        # It was read from its oldest record: a shard that is new to it is not read from now.
        ({}, None, 200.0, None),
        # As an older version left it: with positions and no start, or with a start.
        ({"shard-9": "7"}, 100.0, 200.0, None),
        ({"shard-9": "7", "start": "50.5"}, 100.0, 200.0, 50.5),
        ({"created": "1"}, 100.0, 200.0, 100.0),
        # Damaged: what is read twice is dropped, what is left out is lost.
        ({"start": b"\xff"}, 100.0, 200.0, None),
        ({"start": "nan"}, 100.0, 200.0, None),
        ({"start": "inf"}, 100.0, 200.0, None),
    ],
)
async def test_a_stream_keeps_its_first_start(
    x: Shards,
    y: Shards,
    connection: Connection,
    stored: dict[str, str | bytes],
    first: float | None,
    later: float | None,
    expected: float | None,
) -> None:
    if stored:
        await connection.redis.hset(stream_keys.stream_checkpoints(STREAM), mapping=stored)

    assert await x.acquire(ONE, first) == Checkpoint(since=expected)
    assert await y.acquire(OTHER, later) == Checkpoint(since=expected)


async def test_consumers_and_leases_of_before_a_step_of_the_clock_end_in_time(
    connection: Connection,
) -> None:
    """Redis's clock was set back by an hour: what was to expire then would last for an hour.

    Seen to fail without the second ZREMRANGEBYSCORE and without the PEXPIRE.
    """
    shards = Shards(connection, STREAM, ConsumerId("me"), lease=1.0)
    await shards.heartbeat([])
    (consumers,) = await connection.redis.keys("router:stream:*:consumers")
    stream = consumers.decode().split(":")[2]
    seconds, _ = await connection.redis.time()
    await connection.redis.zadd(consumers, {"dead": (seconds + 3600) * 1000})
    await connection.redis.set(stream_keys.shard_lease(stream, "s"), "dead", px=3_600_000)

    group = await shards.heartbeat([ShardId("s")])
    assert await shards.acquire(ShardId("s"), None) is None

    assert group.consumers == ("me",)
    assert await connection.redis.pttl(stream_keys.shard_lease(stream, "s")) <= 1000
