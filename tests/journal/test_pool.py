"""Connections that are kept at hand are sound, or not used."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.exceptions import ResponseError

from router.datatypes import Secret
from router.errors import JournalUnavailableError
from router.journal.connection import Connection, connect
from router.journal.pool import CachedConnections


@pytest.fixture
async def narrow(redis_url: Secret) -> AsyncIterator[Connection]:
    """One with two connections, of which one is kept."""
    connection = connect(redis_url, deadline=5.0, max_connections=2)
    yield connection
    await connection.close()


@pytest.fixture
def pool(narrow: Connection) -> CachedConnections:
    return CachedConnections(narrow.redis, keep=1)


async def connections(connection: Connection) -> int:
    return len(await connection.redis.client_list())


async def test_replies_come_in_order_and_a_failed_command_spoils_no_other(
    pool: CachedConnections,
) -> None:
    first, failed, last = await pool.execute([("PING",), ("HGET", "a"), ("ECHO", "b")])
    assert first == b"PONG"
    assert isinstance(failed, ResponseError)
    assert last == b"b"
    assert await pool.execute([("ECHO", "c")]) == [b"c"]


async def test_one_connection_serves_many_commands(
    pool: CachedConnections, connection: Connection, narrow: Connection
) -> None:
    await pool.execute([("PING",)])
    before = await connections(connection)
    for _ in range(5):
        await pool.execute([("PING",)])
    assert await connections(connection) == before
    assert len(narrow.redis.connection_pool._in_use_connections) == 1


async def test_what_is_not_kept_is_given_back(pool: CachedConnections, narrow: Connection) -> None:
    for _ in range(3):
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(pool.execute([("ECHO", each)])) for each in range(6)]
        assert [task.result() for task in asked] == [[str(each).encode()] for each in range(6)]
        assert await narrow.redis.ping()


async def test_a_connection_that_redis_closed_is_replaced(
    pool: CachedConnections, narrow: Connection, connection: Connection
) -> None:
    (own,) = await pool.execute([("CLIENT", "ID")])
    kept = pool._idle[0]._connection
    assert await connection.redis.execute_command("CLIENT KILL", "ID", own) == 1
    while not kept._reader.at_eof():  # noqa: ASYNC110 - the loop has yet to hear of it
        await asyncio.sleep(0)

    assert await pool.execute([("PING",)]) == [b"PONG"]
    assert len(narrow.redis.connection_pool._in_use_connections) == 1


async def test_who_is_cut_off_leaves_no_reply_to_the_next(
    pool: CachedConnections, narrow: Connection, connection: Connection
) -> None:
    await pool.execute([("PING",)])
    waiting = asyncio.get_running_loop().create_task(pool.execute([("BLPOP", "nothing", 0)]))
    while not (await connection.redis.info("clients"))["blocked_clients"]:
        pass
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert await pool.execute([("ECHO", "mine")]) == [b"mine"]
    assert len(narrow.redis.connection_pool._in_use_connections) == 1


async def test_a_connection_that_breaks_is_an_error_and_the_next_is_new(
    narrow: Connection, pool: CachedConnections, connection: Connection
) -> None:
    (own,) = await pool.execute([("CLIENT", "ID")])
    waiting = asyncio.get_running_loop().create_task(
        narrow.ask(pool.execute([("BLPOP", "nothing", 0)]))
    )
    while not (await connection.redis.info("clients"))["blocked_clients"]:
        pass
    await connection.redis.execute_command("CLIENT KILL", "ID", own)
    with pytest.raises(JournalUnavailableError):
        await waiting
    assert await pool.execute([("PING",)]) == [b"PONG"]


@pytest.mark.parametrize("kept", [True, False])
async def test_a_use_that_is_cut_off_at_any_moment_is_made_good(
    pool: CachedConnections, narrow: Connection, *, kept: bool
) -> None:
    loop = asyncio.get_running_loop()
    for steps in range(60):
        if kept:
            await pool.execute([("PING",)])
        task = loop.create_task(pool.execute([("PING",)]))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert len(narrow.redis.connection_pool._in_use_connections) == len(pool._idle)
        assert await pool.execute([("ECHO", steps)]) == [str(steps).encode()]
        assert await narrow.redis.ping()


async def test_connections_that_are_given_up_are_closed_idle_or_in_use(
    pool: CachedConnections, narrow: Connection
) -> None:
    """Mutants seen to fail: ``give_up`` closes no idle connection; ``execute`` does not compare."""
    (idle,) = await pool.execute([("CLIENT", "ID")])
    await pool.give_up()
    assert len(narrow.redis.connection_pool._in_use_connections) == 0

    in_use = asyncio.get_running_loop().create_task(
        pool.execute([("CLIENT", "ID"), ("BLPOP", "nothing", 0.1)])
    )
    while not narrow.redis.connection_pool._in_use_connections:  # noqa: ASYNC110 - until it leaves
        await asyncio.sleep(0)
    await pool.give_up()
    used, _ = await in_use
    assert len(narrow.redis.connection_pool._in_use_connections) == 0
    (last,) = await pool.execute([("CLIENT", "ID")])
    assert len({idle, used, last}) == 3
