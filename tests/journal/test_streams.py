"""Streams by their ARN and creation time."""

from hashlib import blake2b

import pytest

from router.journal import keys, stream_keys
from router.journal.connection import Connection
from router.journal.shards import Checkpoint, ConsumerId, ShardId, Shards
from router.journal.streams import KnownStreams, StreamIdentity

ARN = "arn:aws:kinesis:eu-west-1:1:stream/events"
FIRST, SECOND, THIRD = (StreamIdentity(ARN, created_ms) for created_ms in (1000, 2000, 3000))


@pytest.fixture
def streams(connection: Connection) -> KnownStreams:
    return KnownStreams(connection)


async def test_each_creation_has_keys_of_its_own(streams: KnownStreams) -> None:
    """Case I4: and keeps them, whichever was opened in between."""
    digests = [await streams.note(each, now_ms=1) for each in (FIRST, SECOND, THIRD)]

    assert len(set(digests)) == 3
    assert [await streams.note(each, now_ms=2) for each in (THIRD, FIRST, SECOND)] == [
        digests[2],
        digests[0],
        digests[1],
    ]


async def test_the_first_stream_has_the_keys_of_its_arn(
    streams: KnownStreams, connection: Connection
) -> None:
    """Case I4: an older version has written checkpoints there, and may still run."""
    by_arn = blake2b(ARN.encode(), digest_size=8).hexdigest()
    await connection.redis.hset(f"router:stream:{by_arn}:checkpoints", "shard", "7")

    digest = await streams.note(FIRST, now_ms=1)
    shards = Shards(connection, digest, ConsumerId("me"), lease=30)

    assert digest == by_arn
    assert await shards.acquire(ShardId("shard"), 50.0) == Checkpoint(after="7")


async def test_a_reset_leaves_the_keys_to_the_stream_that_has_them(
    streams: KnownStreams, connection: Connection
) -> None:
    """Case I4: else the second stream took the keys of the first one over, and began again."""
    shard = ShardId("shard")
    for identity in (FIRST, SECOND):
        digest = await streams.note(identity, now_ms=identity.created_ms)
        shards = Shards(connection, digest, ConsumerId("me"), lease=30)
        await shards.acquire(shard, 50.0)
        await shards.checkpoint(shard, Checkpoint(after="7"))
    second, first = await streams.known()
    assert await streams.reset(first) == 1
    await streams.forget(first)

    assert await streams.note(SECOND, now_ms=9) == second.digest
    assert [each.identity for each in await streams.known()] == [SECOND]
    assert await shards.acquire(shard, None) == Checkpoint(after="7", since=50.0)


async def test_many_shards_are_listed_and_reset_in_pages(
    streams: KnownStreams, connection: Connection
) -> None:
    digest = await streams.note(FIRST, now_ms=1)
    positions = {f"shard-{number:04d}": f"{number}" for number in range(1000)}
    await connection.redis.hset(stream_keys.stream_checkpoints(digest), mapping=positions)
    (known,) = await streams.known("events")

    assert [each.shard for each in await streams.positions(known)] == sorted(positions)
    assert await streams.reset(known) == 1000
    assert await streams.positions(known) == []


async def test_what_is_no_stream_is_passed_over(
    streams: KnownStreams, connection: Connection
) -> None:
    await connection.redis.hset(keys.STREAMS, mapping={"x": b"\xff", "y": "{}", "z": "[1"})
    await streams.note(FIRST, now_ms=1)

    assert [each.identity for each in await streams.known()] == [FIRST]
