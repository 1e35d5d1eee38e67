"""What a second connection finds where redis-py sees only that the first one ended."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest
from support.redis_servers import RedisServer

from router.datatypes import Secret
from router.journal.connection import connect
from router.journal.store_check import StoreCheck, StoreProbe


async def check_of(url: str) -> StoreCheck:
    connection = connect(Secret(url), deadline=2.0, max_connections=1)
    check = await StoreProbe(connection, lambda: "id").check()
    await connection.close()
    return check


@asynccontextmanager
async def server_that_says(text: bytes) -> AsyncIterator[str]:
    """Run a server that says something to each client at once, and hangs up; yield its URL."""

    def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"


async def test_a_redis_without_a_client_left_says_so(tmp_path: Path) -> None:
    """Mutant seen to fail: no second connection; "Error UNKNOWN while writing to socket"."""
    with RedisServer(tmp_path / "redis", maxclients="3") as server, ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(socket.create_connection(server.address))
        check = await check_of(server.url.reveal())

    assert check.refusal == (
        "Redis answers max number of clients reached: it has as many clients as its maxclients;"
        " raise maxclients, or see which clients it has: CLIENT LIST"
    )
    assert not check.is_setup


async def test_a_redis_in_protected_mode_says_so() -> None:
    """As Redis 7.0 answers a client of another machine (networking.c)."""
    said = b"-DENIED Redis is running in protected mode because protected mode is enabled and no password\r\n"
    async with server_that_says(said) as url:
        check = await check_of(url)

    assert check.refusal.startswith("Redis answers DENIED: it is in protected mode")
    assert check.is_setup


@pytest.mark.parametrize(
    "said", [b"220 mail ESMTP\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0"]
)
async def test_another_server_is_recognised(said: bytes) -> None:
    async with server_that_says(said) as url:
        check = await check_of(url)

    assert check.refusal == (
        "Redis is not what answers at the port in ROUTER_REDIS_URL;"
        " write host and port of a Redis: redis://host:6379/0"
    )


async def test_a_server_that_hangs_up_and_says_nothing() -> None:
    async with server_that_says(b"") as url:
        check = await check_of(url)

    assert check.refusal.startswith("Redis closed the connection; see its log")
    assert not check.is_setup
