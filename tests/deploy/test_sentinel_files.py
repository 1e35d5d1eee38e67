"""A sentinel and a server that start with the files of deploy/redis serve the router, and only as they say."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from support.redis_servers import RedisServer
from support.sentinels import NO_SENTINEL, SentinelServer, sentinel_program
from support.waiting import until

from router.datatypes import Secret
from router.errors import JournalUnavailableError
from router.journal.connection import Connection, connect

FILES = Path(__file__).parents[2] / "deploy" / "redis"

pytestmark = pytest.mark.skipif(sentinel_program() is None, reason=NO_SENTINEL)


@pytest.fixture
def primary(tmp_path: Path) -> Iterator[RedisServer]:
    yield from server_of(tmp_path / "primary")


@pytest.fixture
def replica(tmp_path: Path) -> Iterator[RedisServer]:
    yield from server_of(tmp_path / "replica")


def server_of(folder: Path) -> Iterator[RedisServer]:
    shutil.copytree(FILES, folder)
    file = folder / "replicated.conf"
    # A relative path is that of the folder in which a server starts.
    file.write_text(file.read_text().replace("include ", f"include {folder}/"))
    with RedisServer(folder, config_file=str(file), repl_diskless_sync_delay="0") as server:
        yield server


@pytest.fixture
def sentinel(tmp_path: Path, primary: RedisServer) -> Iterator[SentinelServer]:
    text = (FILES / "sentinel.conf").read_text()
    assert "port 26379\n" in text
    lines = text.replace("port 26379\n", "").replace("192.0.2.10 6379", f"127.0.0.1 {primary.port}")
    with SentinelServer(tmp_path / "sentinel", *lines.splitlines()) as server:
        server.password = "change-me-5"
        yield server


async def writes(connection: Connection) -> str:
    """Return why the router may not write; ``"yes"`` if it may."""
    try:
        await connection.ask(connection.redis.set("router:a", "1"))
    except JournalUnavailableError as error:
        return str(error)
    return "yes"


@pytest.mark.default_user
async def test_the_router_writes_once_the_primary_has_a_replica(
    primary: RedisServer, replica: RedisServer, sentinel: SentinelServer
) -> None:
    url = (
        f"redis+sentinel://router:change-me-too@{sentinel.address}/router/0"
        "?sentinel_password=change-me-5"
    )
    connection = connect(Secret(url), deadline=5.0, max_connections=2)
    try:

        async def lacks_replicas() -> bool:
            return "NOREPLICAS" in await writes(connection)

        await until(lacks_replicas)
        with Redis(port=replica.port, username="operator", password="change-me") as operator:
            operator.replicaof("127.0.0.1", primary.port)

        async def may_write() -> bool:
            return await writes(connection) == "yes"

        await until(may_write)
    finally:
        await connection.close()

    assert b"master" in sentinel.ask("SENTINEL", "MASTER", "router")
