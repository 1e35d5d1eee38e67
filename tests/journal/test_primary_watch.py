"""Connections follow what sentinels publish, before any server replies that it was demoted."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from support import least_rights
from support.redis_servers import RedisServer
from support.scripted_sentinel import SERVICE, ScriptedSentinel
from support.waiting import until

from router.datatypes import Secret
from router.errors import JournalUnavailableError
from router.journal.connection import Connection, connect, locator_of, pair
from router.journal.primary_locator import PrimaryLocator
from router.journal.primary_watch import PrimaryWatch
from router.journal.script import PlainArguments, Script, ScriptKeys

ASKS_AS_ROUTER = True
"""See ``support.least_rights``: what these tests ask goes through the connection that they are about."""

FAILOVER = "+failover-state-select-slave"


class _Keys(ScriptKeys, frozen=True):
    key: str


class _Arguments(PlainArguments, frozen=True):
    value: str


WRITE = Script("write", _Keys, _Arguments, "return redis.call('SET', KEYS[1], ARGV[1])")


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[RedisServer, RedisServer]]:
    """Two that both take writes, as the primary and its successor do for seconds."""
    with RedisServer(tmp_path / "one") as one, RedisServer(tmp_path / "other") as other:
        yield one, other


@pytest.fixture
async def sentinels(
    servers: tuple[RedisServer, RedisServer],
) -> AsyncIterator[list[ScriptedSentinel]]:
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(ScriptedSentinel(servers[0].port, epoch=1))
            for _ in range(2)
        ]


@pytest.fixture
def url(sentinels: list[ScriptedSentinel]) -> Secret:
    nodes = ",".join(each.address for each in sentinels)
    return least_rights.as_router(Secret(f"redis+sentinel://{nodes}/{SERVICE}"))


@pytest.fixture
def locator(url: Secret) -> PrimaryLocator:
    locator = locator_of(url)
    assert locator is not None
    return locator


@pytest.fixture
async def connections(
    url: Secret, locator: PrimaryLocator, sentinels: list[ScriptedSentinel]
) -> AsyncIterator[tuple[Connection, Connection]]:
    """Two pools of a process that is listening to both sentinels."""
    one, other = (connect(url, deadline=1.0, max_connections=4, locator=locator) for _ in range(2))
    pair(one, other)
    for each in (one, other):
        await each.ask(each.redis.ping())
    watching = asyncio.get_running_loop().create_task(PrimaryWatch(locator, one, lambda: 0.0).run())
    await until(lambda: all_listened_to(sentinels))
    yield one, other
    watching.cancel()
    await asyncio.wait([watching])
    for each in (one, other):
        await each.close()


async def all_listened_to(sentinels: list[ScriptedSentinel]) -> bool:
    return all(each.is_listened_to for each in sentinels)


async def refuses(connection: Connection) -> bool:
    """Whether no primary is named because a failover is under way."""
    try:
        await connection.ask(connection.redis.ping())
    except JournalUnavailableError as error:
        return "the sentinels replace the primary" in str(error)
    return False


async def port_of(connection: Connection) -> int:
    info = await connection.ask(connection.redis.info("server"))
    return int(info["tcp_port"])


def switched(sentinel: ScriptedSentinel, old: RedisServer, new: RedisServer) -> None:
    """The sentinel names another primary, and publishes it."""
    sentinel.primary, sentinel.epoch = new.port, sentinel.epoch + 1
    sentinel.publish("+switch-master", f"main 127.0.0.1 {old.port} 127.0.0.1 {new.port}")


async def test_a_switch_leads_all_connections_to_the_new_primary(
    servers: tuple[RedisServer, RedisServer],
    sentinels: list[ScriptedSentinel],
    connections: tuple[Connection, Connection],
) -> None:
    """The second sentinel knows first; the first one still names a server that takes writes.

    Mutants seen to fail: connections are not given up; the sentinel that published is not trusted.
    """
    one, other = connections
    switched(sentinels[1], *servers)

    async def follows() -> bool:
        return await port_of(one) == servers[1].port

    await until(follows)
    assert await port_of(other) == servers[1].port


def announced(sentinel: ScriptedSentinel, old: RedisServer, _new: RedisServer) -> None:
    """The sentinel publishes that it is about to promote another server."""
    sentinel.publish(FAILOVER, f"master main 127.0.0.1 {old.port}")


@pytest.mark.parametrize("publish", [announced, switched])
async def test_a_reply_of_the_former_primary_does_not_count(
    servers: tuple[RedisServer, RedisServer],
    sentinels: list[ScriptedSentinel],
    connections: tuple[Connection, Connection],
    publish: Callable[[ScriptedSentinel, RedisServer, RedisServer], None],
) -> None:
    """Mutants seen to fail: the reply is returned, at each of both events."""
    one, _ = connections
    servers[0].ask("CLIENT", "PAUSE", "300", "WRITE")
    async with asyncio.TaskGroup() as group:
        writing = group.create_task(reason_of(one))
        await asyncio.sleep(0.05)  # sent, and paused by the server
        publish(sentinels[0], *servers)

    assert "another server becomes the primary" in writing.result()


async def reason_of(connection: Connection) -> str:
    """Run a script; return why it failed."""
    with pytest.raises(JournalUnavailableError) as caught:
        await connection.run(WRITE(_Keys("router:a"), _Arguments("1")))
    return str(caught.value)


async def test_nothing_is_written_while_a_successor_is_chosen(
    servers: tuple[RedisServer, RedisServer],
    sentinels: list[ScriptedSentinel],
    connections: tuple[Connection, Connection],
) -> None:
    """Mutant seen to fail: the event is ignored."""
    one, other = connections
    sentinels[0].publish(FAILOVER, f"master main 127.0.0.1 {servers[0].port}")

    await until(lambda: refuses(one))
    with pytest.raises(JournalUnavailableError, match="the sentinels replace the primary"):
        await other.ask(other.redis.ping())
    switched(sentinels[1], *servers)

    async def follows() -> bool:
        try:
            return await port_of(one) == servers[1].port
        except JournalUnavailableError:
            return False

    await until(follows)


async def test_an_aborted_failover_lets_the_primary_be_written_to_again(
    servers: tuple[RedisServer, RedisServer],
    sentinels: list[ScriptedSentinel],
    connections: tuple[Connection, Connection],
    locator: PrimaryLocator,
) -> None:
    one, _ = connections
    locator.suspend()
    sentinels[1].publish(
        "-failover-abort-no-good-slave", f"master main 127.0.0.1 {servers[0].port}"
    )

    async def works() -> bool:
        try:
            return await port_of(one) == servers[0].port
        except JournalUnavailableError:
            return False

    await until(works)


async def test_a_switch_that_was_missed_is_found_when_a_sentinel_is_back(
    servers: tuple[RedisServer, RedisServer],
    sentinels: list[ScriptedSentinel],
    connections: tuple[Connection, Connection],
) -> None:
    """Mutant seen to fail: nothing is asked after a subscription."""
    one, _ = connections
    sentinels[0].primary, sentinels[0].epoch = servers[1].port, 2
    sentinels[0].cut()

    async def follows() -> bool:
        return await port_of(one) == servers[1].port

    await until(follows)


async def test_each_sentinel_may_publish_a_switch_and_it_is_followed_once(
    servers: tuple[RedisServer, RedisServer],
    sentinels: list[ScriptedSentinel],
    connections: tuple[Connection, Connection],
    caplog: pytest.LogCaptureFixture,
) -> None:
    one, _ = connections
    for each in sentinels:
        switched(each, *servers)
        each.publish(FAILOVER, "master another 127.0.0.1 1")

    async def follows() -> bool:
        return await port_of(one) == servers[1].port

    await until(follows)
    assert [each.message for each in caplog.records].count(
        "primary of Redis switched; connections follow"
    ) == 1


async def test_a_failover_that_began_before_a_sentinel_was_listened_to_is_noticed(
    sentinels: list[ScriptedSentinel], connections: tuple[Connection, Connection]
) -> None:
    one, _ = connections
    sentinels[0].flags = "master,failover_in_progress"
    sentinels[0].cut()

    await until(lambda: refuses(one))
