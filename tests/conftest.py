"""What most tests need: a real Redis, a clock that tests set, Twilio's own example event."""

import itertools
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from router.clock import Clock
from router.journal.connection import Connection, connect
from router.journal.embedded import EmbeddedRedis, find_server
from router.values import Secret

DATA = Path(__file__).parent / "data"


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


class TestClock:
    """Time stands still until a test moves it; ids count up; chance is always the same."""

    __test__ = False

    def __init__(self) -> None:
        self.now = 1_700_000_000.0
        self.chance = 0.5
        self._ids = itertools.count(1)

    def clock(self) -> Clock:
        return Clock(
            now=lambda: self.now,
            monotonic=lambda: self.now,
            chance=lambda: self.chance,
            new_id=lambda: f"id{next(self._ids):04}",
        )


@pytest.fixture
def time() -> TestClock:
    return TestClock()


@pytest.fixture
def clock(time: TestClock) -> Clock:
    return time.clock()


@pytest.fixture(scope="session")
def sample() -> bytes:
    """The example of Twilio's documentation for conference-summary.complete, as it stands."""
    return (DATA / "conference-summary-complete.json").read_bytes()
