"""A connection is given back to its pool however its use ends, and given up with its server."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from support import least_rights
from support.redis_servers import RedisServer, fail_over
from support.tcp_proxy import TcpProxy

from router.datatypes import Secret
from router.errors import JournalUnavailableError
from router.journal.connection import Connection, GivenUpError, connect, pair, unavailable
from router.journal.script import PlainArguments, Script, ScriptKeys

ASKS_AS_ROUTER = True
"""See ``support.least_rights``: what these tests ask goes through the connection that they are about."""

STEPS = 300
"""Turns of the loop after which a use is cut off; each use takes fewer."""


async def watch(connection: Connection) -> None:
    """As arq looks at a job: a transaction that watches a key, and is given up."""
    async with connection.redis.pipeline(transaction=True) as pipeline:
        await pipeline.watch("a")
        await pipeline.exists("a")


async def several(connection: Connection) -> None:
    async with connection.redis.pipeline(transaction=False) as pipeline:
        for _ in range(3):
            pipeline.exists("a")
        await pipeline.execute()


async def ask(connection: Connection) -> None:
    await connection.redis.exists("a")


@pytest.mark.default_user
@pytest.mark.parametrize("use", [watch, several, ask])
async def test_a_use_that_is_cut_off_at_any_moment_leaves_no_connection_behind(
    connection: Connection, use: object
) -> None:
    pool = connection.redis.connection_pool
    loop = asyncio.get_running_loop()
    for steps in range(STEPS):
        task = loop.create_task(use(connection))  # type: ignore[operator]
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert not pool._in_use_connections, f"after {steps} steps"
        # What is given back is usable, and answers what it is asked.
        assert await connection.redis.echo(f"{steps}") == f"{steps}".encode()


class _Keys(ScriptKeys, frozen=True):
    key: str


class _Arguments(PlainArguments, frozen=True):
    value: str


WRITE = Script("write", _Keys, _Arguments, "return redis.call('SET', KEYS[1], ARGV[1])")


@pytest.mark.default_user
async def test_each_redis_py_talks_the_same_protocol_without_a_timeout_of_its_own(
    connection: Connection,
) -> None:
    # redis-py 8 would talk RESP 3, and would limit each reply to 5 s.
    assert (await connection.redis.client_info())["resp"] == "2"
    assert connection.redis.connection_pool.connection_kwargs["socket_timeout"] is None


@pytest.fixture
def successor(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "successor") as server:
        yield server


@pytest.fixture
async def address(primary: RedisServer) -> AsyncIterator[TcpProxy]:
    """An address that leads to the primary until the test moves it."""
    async with TcpProxy(primary.address) as proxy:
        yield proxy


@pytest.fixture
async def moving(address: TcpProxy) -> AsyncIterator[Connection]:
    connection = connect(
        least_rights.as_router(Secret(f"redis://{address.address}/0")),
        deadline=1.0,
        max_connections=8,
    )
    yield connection
    await connection.close()


async def write(connection: Connection) -> None:
    await connection.run(WRITE(_Keys("router:a"), _Arguments("1")))


async def server_port(connection: Connection) -> int:
    info = await connection.ask(connection.redis.info("server"))
    return int(info["tcp_port"])


async def test_after_one_reply_of_a_replica_every_command_goes_to_the_new_primary(
    primary: RedisServer, successor: RedisServer, address: TcpProxy, moving: Connection
) -> None:
    """Idle connections, and one that is in use meanwhile.

    Mutant seen to fail: ``release`` of RenewablePool does not compare.
    """
    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(moving.run_all([WRITE(_Keys("router:a"), _Arguments("1"))]))
            group.create_task(server_port(moving))
    in_use = await moving.redis.connection_pool.get_connection()
    fail_over(primary, successor)
    address.lead_to(successor.address)
    with pytest.raises(JournalUnavailableError, match="READONLY"):
        await write(moving)
    await moving.redis.connection_pool.release(in_use)

    for _ in range(10):
        await write(moving)
        assert await server_port(moving) == successor.port


async def test_a_subscription_ends_when_the_connections_are_given_up(
    primary: RedisServer, moving: Connection
) -> None:
    """Mutant seen to fail: ``give_up`` of Connection ends no subscription."""
    primary.ask("REPLICAOF", "127.0.0.1", "1")
    async with moving.subscription() as subscription:
        await subscription.subscribe("router:wake:a")
        assert await subscription.get_message(timeout=1.0) is not None
        reading = asyncio.get_running_loop().create_task(subscription.get_message(timeout=20.0))
        await asyncio.sleep(0)
        with pytest.raises(JournalUnavailableError):
            await write(moving)
        async with asyncio.timeout(60):
            with pytest.raises(RedisConnectionError):
                await reading

    async def follow() -> None:
        async with moving.subscription() as subscription, asyncio.timeout(60):
            await subscription.subscribe("router:wake:a")
            await moving.follow()
            while True:
                await subscription.get_message(timeout=20.0)

    with pytest.raises(GivenUpError) as caught:
        await follow()
    assert str(unavailable(caught.value)).startswith("this process has closed its connections")


async def test_a_pool_that_only_reads_is_given_up_with_its_pair(
    primary: RedisServer, successor: RedisServer, address: TcpProxy, moving: Connection
) -> None:
    """Mutants seen to fail: ``notice`` gives up its own only; ``RenewablePool`` closes no idle one."""
    reader = connect(
        least_rights.as_router(Secret(f"redis://{address.address}/0")),
        deadline=1.0,
        max_connections=2,
    )
    pair(moving, reader)
    await write(moving)
    assert await server_port(reader) == primary.port
    fail_over(primary, successor)
    address.lead_to(successor.address)
    with pytest.raises(JournalUnavailableError):
        await write(moving)

    assert await server_port(reader) == successor.port
    await reader.close()


async def test_a_store_that_stays_a_replica_is_not_stormed_with_connections(
    primary: RedisServer,
    address: TcpProxy,
    moving: Connection,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Mutant seen to fail: ``may_give_up`` is always True (hundreds of connections)."""
    primary.ask("REPLICAOF", "127.0.0.1", "1")
    caplog.set_level("WARNING")
    ends = asyncio.get_running_loop().time() + 1.5
    failed = 0
    while asyncio.get_running_loop().time() < ends:
        with pytest.raises(JournalUnavailableError):
            await write(moving)
        failed += 1

    named = [each.name for each in caplog.records if each.msg == "connections to Redis closed"]
    assert named[0] == "router.journal.connection"
    assert set(named[1:]) == {"router.outages"}  # which passes one line in five seconds
    assert failed > 100
    assert address.connections <= 5


async def test_a_server_without_a_network_is_left_at_the_first_missed_deadline(
    successor: RedisServer, address: TcpProxy, moving: Connection
) -> None:
    """Mutant seen to fail: ``reconnects`` is False for TimeoutError (a deadline per connection)."""
    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(write(moving))
    address.silence()
    with pytest.raises(JournalUnavailableError, match="in time"):
        await write(moving)
    address.lead_to(successor.address)
    address.clear()
    await write(moving)

    assert successor.ask("GET", "router:a") == b"1"
