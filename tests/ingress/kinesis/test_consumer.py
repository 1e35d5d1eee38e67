"""All events of a stream reach the journal, although consumers die and shards are split."""

import asyncio
import logging
import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest
from support.kinesis_reading import evaluated, events
from support.kinesis_server import KinesisServer
from support.kinesis_shards import ShardedStream
from support.recorded_spans import RecordedTraces
from support.router_program import router_program
from support.running import Running
from support.streams import aws_environ
from support.waiting import until

from router.clock import system_clock
from router.datatypes import Secret
from router.journal import ledger
from router.journal.connection import Connection
from router.journal.source_log import SourceLog

Reading = Callable[..., AbstractAsyncContextManager[Running]]


async def test_records_of_the_stream_are_evaluated(
    read_from: Reading, stream: ShardedStream, connection: Connection, sample: bytes
) -> None:
    stream.put(events(sample, 20))

    async with read_from() as router:
        await evaluated(connection, 20)
        stream.put(events(sample, 5, first=20))
        counts = await evaluated(connection, 25)

        assert (counts.accepted, counts.duplicate) == (25, 0)
        assert router.metric("router_kinesis_shards") == 2
        accepted = {"source": "kinesis", "outcome": "accepted"}
        assert router.metric("router_events_received_total", **accepted) == 25

    shown = await SourceLog(connection, system_clock()).counts(["kinesis"])
    assert shown["kinesis"].accepted == 25


async def test_records_begin_a_trace(
    read_from: Reading, stream: ShardedStream, connection: Connection, sample: bytes
) -> None:
    recorder = RecordedTraces()
    stream.put(events(sample, 3))

    async with read_from(traces=recorder.traces):
        await evaluated(connection, 3)

    arrivals = {span.trace_id: span for span in recorder.spans("receive kinesis")}
    processed = recorder.spans("process events")
    assert len(processed) == 3
    assert {span.trace_id for span in processed} == set(arrivals)
    assert sum(each.attributes["messaging.batch.message_count"] for each in arrivals.values()) == 3


async def test_reading_resumes_after_the_checkpoint(
    read_from: Reading, stream: ShardedStream, connection: Connection, sample: bytes
) -> None:
    stream.put(events(sample, 10))
    async with read_from():
        await evaluated(connection, 10)
    stream.put(events(sample, 10, first=10))

    async with read_from():
        counts = await evaluated(connection, 20)

    assert (counts.accepted, counts.duplicate) == (20, 0)


async def test_splits_and_merges_are_followed(
    read_from: Reading, stream: ShardedStream, connection: Connection, sample: bytes
) -> None:
    stream.put(events(sample, 10))
    async with read_from() as router:
        await evaluated(connection, 10)
        stream.split()
        stream.put(events(sample, 10, first=10))
        await evaluated(connection, 20)
        stream.merge()
        stream.put(events(sample, 10, first=20))
        counts = await evaluated(connection, 30)

        async def reads_both_shards() -> bool:  # the gauge is set after the readers were started
            return router.metric("router_kinesis_shards") == 2

        assert (counts.accepted, counts.duplicate) == (30, 0)
        assert await until(reads_both_shards)


async def test_two_consumers_share_the_shards_and_one_takes_over(
    read_from: Reading, stream: ShardedStream, connection: Connection, sample: bytes
) -> None:
    async with read_from() as first:

        async def reads(router: Running, shards: int) -> bool:
            return router.metric("router_kinesis_shards") == shards

        await until(lambda: reads(first, 2))
        async with read_from() as second:
            await until(lambda: reads(second, 1))
            await until(lambda: reads(first, 1))
            stream.put(events(sample, 20))
            await evaluated(connection, 20)
        await until(lambda: reads(first, 2))
        stream.put(events(sample, 20, first=20))
        counts = await evaluated(connection, 40)

    assert counts.matched == 40


async def test_a_malformed_record_is_quarantined_and_the_shard_continues(
    read_from: Reading,
    stream: ShardedStream,
    connection: Connection,
    sample: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    stream.put([b"nonsense", *events(sample, 3)], key="one shard")

    with caplog.at_level(logging.WARNING):
        async with read_from():
            counts = await evaluated(connection, 3)

    assert (counts.accepted, counts.malformed) == (3, 1)
    reasons = [vars(record).get("reason", "") for record in caplog.records]
    assert any("JSON is malformed" in str(reason) for reason in reasons)


async def test_a_stream_that_was_never_read_can_begin_now(
    read_from: Reading, stream: ShardedStream, connection: Connection, sample: bytes
) -> None:
    stream.put(events(sample, 5))
    # No record of the stream is that new.
    async with read_from(since=4_000_000_000.0) as router:

        async def reads() -> bool:
            return router.metric("router_kinesis_shards") == 2

        await until(reads)

    assert (await ledger.read(connection)).accepted == 0


async def test_enhanced_fan_out_subscribes_again_where_a_subscription_ended(
    read_from: Reading,
    kinesis: KinesisServer,
    stream: ShardedStream,
    connection: Connection,
    sample: bytes,
) -> None:
    async def subscribed_again() -> bool:
        kinds = {position["Type"] for position in kinesis.subscriptions}
        return kinds == {"TRIM_HORIZON", "AFTER_SEQUENCE_NUMBER"}

    async with read_from(fan_out="router"):
        stream.put(events(sample, 10))
        await evaluated(connection, 10)
        await until(subscribed_again)
        stream.split()
        stream.put(events(sample, 10, first=10))
        counts = await evaluated(connection, 20)

    assert (counts.accepted, counts.duplicate) == (20, 0)


async def test_a_missing_stream_is_reported_in_one_line(
    redis_url: Secret, kinesis: KinesisServer
) -> None:
    environ = {
        **os.environ,
        **aws_environ(kinesis.url),
        "ROUTER_REDIS_URL": redis_url.reveal(),
        "ROUTER_WORKER_PORT": "0",
    }
    refused = await asyncio.create_subprocess_exec(
        *(router_program(), "kinesis", "--stream", "nowhere"),
        env=environ,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        _, output = await refused.communicate()

    last_line = output.decode().splitlines()[-1]
    assert refused.returncode == 2
    assert last_line.startswith("router: Kinesis: ")
    assert "Stream nowhere" in last_line
