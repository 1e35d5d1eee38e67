"""What most tests need: a real Redis, a clock that tests set, Twilio's own example event."""

import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from support.clock import SetClock

from router.clock import Clock
from router.datatypes import Secret
from router.dev.embedded_redis import EmbeddedRedis, find_server
from router.journal.connection import Connection, connect

# How long an example takes is no test's business: the machine may be busy.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

DATA = Path(__file__).parent / "data"


PROCESSES = frozenset({"cli", "client", "contracts", "end_to_end", "faults", "http", "runtime"})
"""Folders whose tests start processes or servers of their own."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    tests = Path(__file__).parent
    for item in items:
        folder = item.path.relative_to(tests).parts[0]
        if folder in PROCESSES or "redis_server" in getattr(item, "fixturenames", ()):
            item.add_marker("server")


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    server = EmbeddedRedis(find_server(""), tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_url(redis_server: EmbeddedRedis) -> Secret:
    """A Redis with nothing in it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(5)
        connection.connect(str(redis_server.socket))
        connection.sendall(b"FLUSHALL\r\n")
        assert connection.recv(16) == b"+OK\r\n"
    return redis_server.url


@pytest.fixture
async def connection(redis_url: Secret) -> AsyncIterator[Connection]:
    connection = connect(redis_url, deadline=5.0, max_connections=16)
    yield connection
    await connection.close()


@pytest.fixture
def time() -> SetClock:
    return SetClock()


@pytest.fixture
def clock(time: SetClock) -> Clock:
    return time.clock()


@pytest.fixture(scope="session")
def sample() -> bytes:
    """The example of Twilio's documentation for conference-summary.complete, as it stands."""
    return (DATA / "conference-summary-complete.json").read_bytes()
