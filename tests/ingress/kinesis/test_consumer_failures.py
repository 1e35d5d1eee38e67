"""Calls of Kinesis fail: once, for one shard, for hours, or from the start."""

import asyncio
import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from ingress.kinesis.conftest import STREAM, Reading
from support.kinesis_reading import evaluated, events
from support.kinesis_server import KinesisServer
from support.kinesis_shards import ShardedStream
from support.running import Running, settings_for
from support.waiting import until

from router.clock import system_clock
from router.datatypes import Secret
from router.errors import ConfigurationError, only_error
from router.ingress.kinesis.stream import KinesisStream
from router.journal.connection import Connection
from router.metrics import Metrics
from router.runtime.app import App
from router.runtime.roles import Roles, StreamSource


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look more often than in earnest."""
    monkeypatch.setattr("router.ingress.kinesis.discovery._INTERVAL", 0.2)
    monkeypatch.setattr("router.ingress.kinesis.discovery._AFTER_FAILURE", 0.2)
    monkeypatch.setattr("router.ingress.kinesis.consumer._MAX_PAUSE", 0.3)
    monkeypatch.setattr("router.ingress.kinesis.reader._FIRST_BACKOFF", 0.15)


async def is_ready(router: Running) -> bool:
    return (await router.readiness())["status"] == "ready"


@pytest.mark.parametrize("code", ["ExpiredTokenException", "KMSAccessDeniedException"])
async def test_a_rejection_after_the_first_success_passes(
    code: str,
    read_from: Reading,
    kinesis: KinesisServer,
    stream: ShardedStream,
    connection: Connection,
    sample: bytes,
) -> None:
    """Case I6: it ended the process; it is retried, counted, and shown by readiness."""
    stream.put(events(sample, 4))
    async with read_from() as router:
        await evaluated(connection, 4)
        with kinesis.fault("*", code):
            stream.put(events(sample, 4, first=4))

            async def says_so() -> bool:
                return code in (await router.readiness()).get("reason", "")

            await until(says_so)

            async def falls_behind() -> bool:
                return router.metric("router_kinesis_lag_seconds") > 0.2

            await until(falls_behind)
        counts = await evaluated(connection, 8)
        await until(lambda: is_ready(router))
        assert router.metric("router_kinesis_errors_total", error=code) >= 1

    assert (counts.accepted, counts.duplicate) == (8, 0)


@pytest.mark.parametrize("code", ["ThrottlingException", "ExpiredIteratorException"])
async def test_one_throttled_call_passes_unseen(
    code: str,
    read_from: Reading,
    kinesis: KinesisServer,
    stream: ShardedStream,
    connection: Connection,
    sample: bytes,
) -> None:
    """Case I6: the first calls of all are throttled, which is no error of the configuration."""
    faults = [
        kinesis.add_fault(operation, code, times=1)
        for operation in ("GetShardIterator", "GetRecords")
    ]
    stream.put(events(sample, 4))
    async with read_from() as router:
        counts = await evaluated(connection, 4)
        assert await is_ready(router)
        assert router.metric("router_kinesis_errors_total", error=code) == 2

    assert [fault.seen for fault in faults] == [1, 1]
    assert (counts.accepted, counts.duplicate) == (4, 0)


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("DescribeStreamSummary", "UnrecognizedClientException"),
        ("ListShards", "AccessDeniedException"),
        ("GetRecords", "KMSAccessDeniedException"),
    ],
)
async def test_a_rejection_before_the_first_success_ends_the_process(
    operation: str,
    code: str,
    redis_url: Secret,
    kinesis: KinesisServer,
    stream: ShardedStream,
) -> None:
    """Case I6: a missing permission is found at start, and named."""
    kinesis.add_fault(operation, code)
    source = StreamSource(
        make=lambda: KinesisStream(stream.name, region="", fan_out="", poll_interval=0.2)
    )
    app = App(
        settings_for(redis_url, job_lease=1.0),
        Roles(port=0, stream=source),
        Metrics(),
        system_clock(),
        keepalive_grace=0.0,
    )
    with pytest.raises(BaseExceptionGroup) as raised:
        async with asyncio.timeout(60):
            await app.serve(asyncio.Event(), lambda _: None)

    error = only_error(raised.value, ConfigurationError)
    assert error is not None
    assert code in str(error)


@pytest.mark.parametrize("operation", ["DescribeStreamSummary", "ListShards"])
async def test_readers_go_on_while_shards_cannot_be_listed(
    operation: str,
    read_from: Reading,
    kinesis: KinesisServer,
    stream: ShardedStream,
    connection: Connection,
    sample: bytes,
) -> None:
    """Case I8: a list that failed for longer than a lease stopped all readers."""
    async with read_from() as router:

        async def reads_both() -> bool:
            return router.metric("router_kinesis_shards") == 2

        await until(reads_both)
        with kinesis.fault(operation, "LimitExceededException") as fault:
            loop = asyncio.get_running_loop()
            started = loop.time()
            stream.put(events(sample, 4))
            counts = await evaluated(connection, 4)

            async def outlasts_a_lease() -> bool:
                return fault.seen > 0 and loop.time() - started > 1.5

            async def says_why() -> bool:
                return "LimitExceededException" in (await router.readiness()).get("reason", "")

            await until(outlasts_a_lease)
            assert router.metric("router_kinesis_shards") == 2
            await until(says_why)
        await until(lambda: is_ready(router))

    assert (counts.accepted, counts.duplicate) == (4, 0)


def some_always(names: Iterable[str], always: set[str]) -> list[Any]:
    """Return the names as parameters, all but some of them only in the slow suite."""
    return [
        pytest.param(name, marks=() if name in always else (pytest.mark.slow,)) for name in names
    ]


RESPONSES = {
    "no response": {"cut_at": 0},
    "a part of the head": {"cut_at": 20},
    "a part of the body": {"cut_at": 90},
    "not JSON": {"reply": "<html>"},
    "another object": {"reply": {}},
    "an array": {"reply": []},
    "null": {"reply": {"Shards": None, "StreamDescriptionSummary": None, "Records": None}},
    "a proxy's 502": {"status": 502, "code": ""},
    "a proxy's 429": {"status": 429, "code": ""},
}


@pytest.mark.parametrize(
    "name", some_always(RESPONSES, {"no response", "a part of the body", "another object"})
)
async def test_an_outage_of_the_network_passes(
    name: str,
    read_from: Reading,
    kinesis: KinesisServer,
    stream: ShardedStream,
    connection: Connection,
    sample: bytes,
) -> None:
    """Case I6: whatever a response is instead of one of Kinesis, to any call."""
    async with read_from() as router:
        stream.put(events(sample, 4))
        await evaluated(connection, 4)
        before = kinesis.calls.copy()
        with kinesis.fault("*", **RESPONSES[name]):
            stream.split()
            stream.put(events(sample, 4, first=4))

            async def have_failed() -> bool:
                calls = kinesis.calls - before
                return calls["DescribeStreamSummary"] > 1 and calls["GetShardIterator"] > 0

            await until(have_failed)
        with kinesis.fault("ListShards", **RESPONSES[name]) as fault:

            async def has_failed() -> bool:
                return fault.seen > 0

            await until(has_failed)
        counts = await evaluated(connection, 8)
        await until(lambda: is_ready(router))

    assert (counts.accepted, counts.duplicate) == (8, 0)


SHARD_FAULTS = {
    "throttled": ("GetRecords", {"code": "ProvisionedThroughputExceededException"}),
    "denied": ("GetRecords", {"code": "AccessDeniedException"}),
    "no key": ("GetRecords", {"code": "KMSDisabledException"}),
    "not found": ("GetShardIterator", {"code": "ResourceNotFoundException"}),
    "rejected": ("GetShardIterator", {"code": "InvalidArgumentException"}),
    "failed": ("GetRecords", {"code": "InternalFailure", "status": 500}),
    "hangs": ("GetRecords", {"hangs": True}),
    "no iterator": ("GetShardIterator", {"reply": {}}),
    "null iterator": ("GetShardIterator", {"reply": {"ShardIterator": None}}),
    "no records": ("GetRecords", {"reply": {"NextShardIterator": "x"}}),
    "wrong type": ("GetRecords", {"reply": {"Records": [{"SequenceNumber": "1"}]}}),
    "not base64": (
        "GetRecords",
        {"reply": {"Records": [{"SequenceNumber": "1", "Data": "a", "PartitionKey": "k"}]}},
    ),
}


@pytest.mark.parametrize(
    "name",
    some_always(
        SHARD_FAULTS, {"denied", "rejected", "hangs", "null iterator", "no records", "wrong type"}
    ),
)
async def test_a_shard_that_fails_stops_no_other_one(
    name: str,
    read_from: Reading,
    kinesis: KinesisServer,
    stream: ShardedStream,
    connection: Connection,
    sample: bytes,
) -> None:
    """Cases I7 and I8: in whatever way; and one of each kind is read on when it answers again."""
    operation, how = SHARD_FAULTS[name]
    bad, good = stream.open_shards()
    with kinesis.fault(operation, shard=bad.id, **how) as fault:
        stream.put_into(good, events(sample, 4))
        stream.put_into(bad, events(sample, 4, first=4))
        async with read_from() as router:
            await evaluated(connection, 4)

            async def has_failed() -> bool:
                return fault.seen > 0

            await until(has_failed)
            assert router.metric("router_kinesis_shards") == 2
            # No loop without a pause: each retry waits longer than the one before.
            assert fault.seen <= 6
    if name not in {"denied", "rejected", "null iterator", "wrong type"}:
        return
    async with read_from():
        counts = await evaluated(connection, 8)

    assert (counts.accepted, counts.duplicate) == (8, 0)


@pytest.mark.parametrize("reply", [{}, {"ShardIterator": None}])
async def test_a_closed_shard_without_an_iterator_has_ended(
    reply: dict[str, None],
    read_from: Reading,
    kinesis: KinesisServer,
    stream: ShardedStream,
    connection: Connection,
    sample: bytes,
) -> None:
    """Case I7: local servers answer so behind the last record; the children are read then."""
    stream.put(events(sample, 6))
    async with read_from():
        await evaluated(connection, 6)
    parent = stream.open_shards()[0]
    stream.split(parent)
    stream.put(events(sample, 6, first=6))
    kinesis.add_fault("GetShardIterator", shard=parent.id, reply=reply)

    async with read_from():
        counts = await evaluated(connection, 12)

    assert (counts.accepted, counts.duplicate) == (12, 0)
    assert kinesis.calls[f"GetShardIterator {parent.id}"] == 2


async def test_new_credentials_are_read_when_the_old_ones_are_rejected(
    read_from: Reading,
    kinesis: KinesisServer,
    stream: ShardedStream,
    connection: Connection,
    sample: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Case I6: a token in AWS's file of credentials was renewed, which AWS's library reads once."""
    file = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    def write(key: str) -> None:
        file.write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = x\n")
        kinesis.access_key = key

    write("FIRST")
    async with read_from():
        stream.put(events(sample, 4))
        await evaluated(connection, 4)
        write("SECOND")
        stream.put(events(sample, 4, first=4))
        counts = await evaluated(connection, 8)

    assert (counts.accepted, counts.duplicate) == (8, 0)


async def test_an_iterator_that_expired_is_replaced(
    read_from: Reading,
    kinesis: KinesisServer,
    stream: ShardedStream,
    connection: Connection,
    sample: bytes,
) -> None:
    """Case I20: the process was suspended for longer than an iterator's five minutes."""
    async with read_from() as router:
        stream.put(events(sample, 4))
        await evaluated(connection, 4)
        kinesis.expire_iterators()
        stream.put(events(sample, 4, first=4))
        counts = await evaluated(connection, 8)
        assert router.metric("router_kinesis_errors_total", error="ExpiredIteratorException") >= 1

    assert (counts.accepted, counts.duplicate) == (8, 0)


async def test_a_kinesis_that_is_away_is_waited_for(
    read_from: Reading,
    kinesis: KinesisServer,
    stream: ShardedStream,
    connection: Connection,
    sample: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Case I6: at start, too, because that is no error of the configuration."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_KINESIS", "http://127.0.0.1:1")
    stream.put(events(sample, 4))
    async with read_from() as router:
        assert (await router.readiness())["status"] == "not ready"

        async def is_counted() -> bool:
            return router.metric("router_kinesis_errors_total", error="connection") >= 1

        await until(is_counted)
        monkeypatch.setenv("AWS_ENDPOINT_URL_KINESIS", kinesis.url)
        counts = await evaluated(connection, 4)
        await until(lambda: is_ready(router))

    assert counts.accepted == 4


@pytest.mark.parametrize("fan_out", ["", "router"])
async def test_two_consumers_read_all_while_calls_fail_and_shards_end(
    fan_out: str,
    read_from: Reading,
    kinesis: KinesisServer,
    stream: ShardedStream,
    connection: Connection,
    sample: bytes,
) -> None:
    """Cases I6 to I8: a handover between two consumers, with each kind of failure in it."""
    async with contextlib.AsyncExitStack() as stack:
        first = await stack.enter_async_context(read_from(fan_out=fan_out))
        stream.put(events(sample, 8))
        await evaluated(connection, 8)
        second = await stack.enter_async_context(read_from(fan_out=fan_out))

        async def share() -> bool:
            counts = [each.metric("router_kinesis_shards") for each in (first, second)]
            return min(counts) >= 1

        await until(share)
        operation = "SubscribeToShard" if fan_out else "GetRecords"
        calls = [f"{operation} {shard.id}" for shard in stream.open_shards()]
        before = [kinesis.calls[call] for call in calls]

        async def both_have_read() -> bool:  # a process that never has would end
            return all(
                kinesis.calls[call] > count + 1 for call, count in zip(calls, before, strict=True)
            )

        await until(both_have_read)
        stream.put(events(sample, 8, first=8))
        with (
            kinesis.fault(operation, "ExpiredTokenException") as reads,
            kinesis.fault("ListShards", "LimitExceededException") as lists,
        ):

            async def have_failed() -> bool:
                return reads.seen > 1 and lists.seen > 1

            stream.split()
            stream.put(events(sample, 8, first=16))
            kinesis.expire_iterators()
            await until(have_failed)
        counts = await evaluated(connection, 24)

    assert counts.matched == 24
    assert kinesis.streams[STREAM].open_shards()
