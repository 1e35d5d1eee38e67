"""``--from now`` and times, by a clock that differs from Kinesis's."""

import pytest
from ingress.kinesis.conftest import Reading
from support.kinesis_reading import evaluated, events
from support.kinesis_server import KinesisServer
from support.kinesis_shards import ShardedStream
from support.waiting import until

from router.clock import system_clock
from router.journal.connection import Connection


@pytest.mark.parametrize(
    ("ahead", "fan_out"),
    [(-3600.0, ""), (-2.0, ""), (-2.0, "router"), (-0.4, ""), (-0.4, "router"), (3600.0, "")],
)
async def test_a_consumer_can_begin_now_whatever_its_clock_shows(
    ahead: float,
    fan_out: str,
    read_from: Reading,
    kinesis: KinesisServer,
    stream: ShardedStream,
    connection: Connection,
    sample: bytes,
) -> None:
    """Case I5: a clock ahead of Kinesis's ended the process, because the start was in the future."""
    kinesis.clock_offset = ahead
    stream.put(events(sample, 5))
    stream.age(7200)  # so that it is before the start by either clock

    async with read_from(since=system_clock().now(), fan_out=fan_out) as router:

        async def reads() -> bool:
            calls = kinesis.calls["GetRecords"] + len(kinesis.subscriptions)
            return router.metric("router_kinesis_shards") == 2 and calls >= 2

        await until(reads)
        stream.put(events(sample, 5, first=5))
        counts = await evaluated(connection, 5)

    assert counts.accepted == 5


async def test_a_time_that_kinesis_rejects_is_tried_again(
    read_from: Reading,
    kinesis: KinesisServer,
    stream: ShardedStream,
    connection: Connection,
    sample: bytes,
) -> None:
    """Case I5: the clock of a shard need not be the one of the ``Date`` header."""
    kinesis.add_fault("GetShardIterator", "InvalidArgumentException", times=2)
    async with read_from(since=system_clock().now() - 60):
        stream.put(events(sample, 5))
        counts = await evaluated(connection, 5)

    assert counts.accepted == 5


async def test_a_start_that_lies_ahead_is_kinesis_s_time_and_is_reported(
    read_from: Reading,
    kinesis: KinesisServer,
    stream: ShardedStream,
    connection: Connection,
    sample: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Case I5: ``--from 2096-10-02T07:06:40Z``."""
    async with read_from(since=4_000_000_000.0):

        async def reads() -> bool:
            return kinesis.calls["GetRecords"] >= 2

        await until(reads)
        stream.put(events(sample, 5))
        await evaluated(connection, 5)

    assert "the start is in the future; Kinesis's time is used" in caplog.messages
