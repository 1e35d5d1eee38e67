"""``router kinesis status`` and ``reset``; reading a stream is tested in tests/ingress/kinesis."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest
from click.testing import Result

from router.datatypes import Secret
from router.journal.connection import Connection, connect
from router.journal.shards import Checkpoint, ConsumerId, ShardId, Shards
from router.journal.streams import KnownStreams, StreamIdentity

Router = Callable[..., Result]
ARN = "arn:aws:kinesis:eu-west-1:1:stream/events"
ELSEWHERE = "arn:aws:kinesis:us-east-1:1:stream/events"
ONE, TWO = ShardId("shardId-000000000000"), ShardId("shardId-000000000001")


@pytest.fixture
def with_connection(redis_url: Secret) -> Callable[[Callable[[Connection], Awaitable[None]]], None]:
    def run(work: Callable[[Connection], Awaitable[None]]) -> None:
        async def connected() -> None:
            connection = connect(redis_url, deadline=5.0, max_connections=2)
            try:
                await work(connection)
            finally:
                await connection.close()

        asyncio.run(connected())

    return run


async def read(
    connection: Connection, arn: str, created_ms: int, now_ms: int, *, releases: bool = True
) -> None:
    """Read the first shard to its end and some of the second one."""
    digest = await KnownStreams(connection).note(StreamIdentity(arn, created_ms), now_ms=now_ms)
    shards = Shards(connection, digest, ConsumerId("me"), lease=30.0)
    await shards.heartbeat([])
    for shard, checkpoint in ((ONE, Checkpoint(ended=True)), (TWO, Checkpoint(after="42"))):
        await shards.acquire(shard, None)
        await shards.checkpoint(shard, checkpoint)
    if releases:
        await shards.release([ONE, TWO])
        await shards.deregister()


@pytest.fixture
def read_stream(with_connection: Callable[..., None]) -> None:
    with_connection(lambda connection: read(connection, ARN, 1_700_000_000_000, 1_800_000_000_000))


def streams(result: Result) -> list[dict[str, object]]:
    assert result.exit_code == 0, result.output
    return msgspec.json.decode(result.stdout, type=dict[str, list[dict[str, object]]])["streams"]


@pytest.mark.usefixtures("read_stream")
def test_the_checkpoints_are_listed_for_people_and_for_programs(router: Router) -> None:
    """Case I4: checkpoints can be listed by a command."""
    shown = router("kinesis", "status")

    assert shown.exit_code == 0
    assert shown.stdout.splitlines() == [
        f"events  {ARN}",
        "created 2023-11-14T22:13:20.000Z, opened last 2027-01-15T08:00:00.000Z, 0 consumers now",
        "SHARD                 CONSUMER  READ TO",
        "shardId-000000000000  -         its end",
        "shardId-000000000001  -         42",
        "",
    ]
    (view,) = streams(router("kinesis", "status", "--stream", "events", "--json"))
    assert view == {
        "stream": "events",
        "arn": ARN,
        "created_at": "2023-11-14T22:13:20.000Z",
        "opened_at": "2027-01-15T08:00:00.000Z",
        "consumers": 0,
        "shards": [
            {"shard": ONE, "after": "", "ended": True, "consumer": ""},
            {"shard": TWO, "after": "42", "ended": False, "consumer": ""},
        ],
    }
    assert streams(router("kinesis", "status", "--stream", ARN, "--json")) == [view]
    assert streams(router("kinesis", "--stream", "events", "status", "--json")) == [view]
    assert streams(router("kinesis", "status", "--stream", "other", "--json")) == []


def test_an_empty_redis_has_no_streams(router: Router) -> None:
    assert router("kinesis", "status").stdout == "no stream was read\n"
    assert router("kinesis", "status", "--stream", "x").stdout == "no stream x was read\n"
    unknown = router("kinesis", "reset", "--stream", "x", "--yes")
    assert (unknown.exit_code, unknown.stderr) == (
        1,
        "router: no stream x was read; router kinesis status lists them\n",
    )


@pytest.mark.usefixtures("read_stream")
def test_checkpoints_are_reset_after_a_confirmation(router: Router) -> None:
    """Case I4: checkpoints can be reset by a command."""
    assert router("kinesis", "reset", "--stream", "events", typed="n\n").exit_code == 1
    (view,) = streams(router("kinesis", "status", "--json"))
    assert len(view["shards"]) == 2  # type: ignore[arg-type]

    one = router("kinesis", "reset", "--stream", "events", "--shard", TWO, "--yes")
    assert one.stdout == "events: 1 checkpoints deleted\n"
    again = router("kinesis", "reset", "--stream", "events", "--shard", TWO, "--yes")
    assert (again.exit_code, again.stdout) == (1, "events: 0 checkpoints deleted\n")
    rest = router("kinesis", "--stream", "events", "reset", "--yes", "--json")
    assert msgspec.json.decode(rest.stdout) == {"arn": ARN, "deleted": 1}
    (view,) = streams(router("kinesis", "status", "--json"))
    assert view["shards"] == []


@pytest.mark.usefixtures("read_stream")
def test_a_predecessor_is_listed_and_forgotten_by_a_reset(
    router: Router, with_connection: Callable[..., None]
) -> None:
    """Case I4: the successor's checkpoints are others, also after a reset."""
    with_connection(lambda connection: read(connection, ARN, 1_750_000_000_000, 1_900_000_000_000))
    found = streams(router("kinesis", "status", "--json"))
    assert [view["created_at"] for view in found] == [
        "2025-06-15T15:06:40.000Z",
        "2023-11-14T22:13:20.000Z",
    ]

    assert "4 checkpoints" in router("kinesis", "reset", "--stream", ARN, "--yes").stdout
    (view,) = streams(router("kinesis", "status", "--json"))
    assert (view["created_at"], view["shards"]) == ("2025-06-15T15:06:40.000Z", [])


@pytest.mark.usefixtures("read_stream")
def test_a_name_of_two_streams_must_be_an_arn(
    router: Router, with_connection: Callable[..., None]
) -> None:
    with_connection(lambda connection: read(connection, ELSEWHERE, 1, 1))

    refused = router("kinesis", "reset", "--stream", "events", "--yes")
    assert (refused.exit_code, refused.stderr) == (
        2,
        f"router: several streams are named events: give one of {ARN}, {ELSEWHERE}\n",
    )
    assert router("kinesis", "reset", "--stream", ELSEWHERE, "--yes").exit_code == 0
    left = {each["arn"]: each["shards"] for each in streams(router("kinesis", "status", "--json"))}
    assert left[ELSEWHERE] == []
    assert left[ARN] != []


def test_a_consumer_that_runs_finds_its_lease_lost(
    router: Router, with_connection: Callable[..., None]
) -> None:
    """Case I4: it begins the shard again, rather than move the old checkpoint on."""
    with_connection(lambda connection: read(connection, ARN, 1, 1, releases=False))
    (view,) = streams(router("kinesis", "status", "--json"))
    assert view["consumers"] == 1
    assert [each["consumer"] for each in view["shards"]] == ["me", "me"]  # type: ignore[attr-defined]
    router("kinesis", "reset", "--stream", "events", "--yes")

    async def checkpoint_is_refused(connection: Connection) -> None:
        digest = await KnownStreams(connection).note(StreamIdentity(ARN, 1), now_ms=1)
        me = Shards(connection, digest, ConsumerId("me"), lease=30.0)
        assert not await me.checkpoint(TWO, Checkpoint(after="43"))
        assert await me.renew([ONE, TWO]) == set()
        assert await me.acquire(TWO, None) == Checkpoint()

    with_connection(checkpoint_is_refused)


@pytest.mark.parametrize("arguments", [["kinesis"], ["kinesis", "reset", "--yes"]])
def test_a_stream_is_required(router: Router, arguments: list[str]) -> None:
    refused = router(*arguments)

    assert refused.exit_code == 2
    assert "give the stream: --stream NAME" in refused.stderr
