"""A missing name of redis-py or hiredis costs speed and a warning, never an error later."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hiredis
import pytest
from arq.connections import ArqRedis
from redis.asyncio import Connection as RedisConnection
from redis.asyncio import ConnectionPool
from redis.asyncio.client import Pipeline

from router.datatypes import Rate, Secret
from router.errors import JournalUnavailableError
from router.journal import keys, redis_adapter
from router.journal.connection import connect
from router.journal.rate_limits import reserve
from router.journal.redis_adapter import ReleasingRedis

NAMES: list[tuple[type[Any], str]] = [
    (ConnectionPool, "get_connection"),
    (ConnectionPool, "release"),
    (RedisConnection, "send_packed_command"),
    (RedisConnection, "read_response"),
    (RedisConnection, "disconnect"),
    (RedisConnection, "pack_commands"),
    (RedisConnection, "is_connected"),
    (RedisConnection, "_reader"),
    (Pipeline, "reset"),
    (Pipeline, "connection"),
    (Pipeline, "connection_pool"),
    (ArqRedis, "connection_pool"),
    (ArqRedis, "response_callbacks"),
]
ROUTER = Path(redis_adapter.__file__).parents[1]
WARNING = "redis-py lacks names that the journal uses; its slower public API is used"


@pytest.fixture(autouse=True)
def _names_are_checked_anew() -> Iterator[None]:
    redis_adapter.is_usable.cache_clear()
    yield
    redis_adapter.is_usable.cache_clear()


def without(kind: type[Any], name: str) -> type[Any]:
    """Return a class like ``kind`` whose instances have no ``name``."""

    class Stub(kind):
        def __getattribute__(self, asked: str) -> Any:
            if asked == name:
                raise AttributeError(name)
            return super().__getattribute__(asked)

    return Stub


async def works(url: Secret) -> bool:
    """Run a script twice, once by its source; return whether redis-py's private names were used."""
    connection = connect(url, deadline=5.0, max_connections=2)
    try:
        await connection.redis.script_flush()
        for _ in range(2):
            reservation = await reserve(connection, "mail", Rate(limit=1, per=3600.0), wanted=1)
            assert len(reservation.offsets) <= 1
        await connection.redis.hset(keys.rate("chat"), "not", "a string")
        with pytest.raises(JournalUnavailableError, match="WRONGTYPE"):
            await reserve(connection, "chat", Rate(limit=1, per=3600.0), wanted=1)
        return isinstance(connection.redis, ReleasingRedis)
    finally:
        await connection.close()


async def test_the_installed_versions_have_every_name(
    redis_url: Secret, caplog: pytest.LogCaptureFixture
) -> None:
    assert redis_adapter.missing_names() == []
    assert await works(redis_url)
    assert caplog.messages == []


@pytest.mark.parametrize(("kind", "name"), NAMES)
async def test_without_a_name_the_public_api_is_used_and_one_warning_says_so(
    redis_url: Secret,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    kind: type[Any],
    name: str,
) -> None:
    with monkeypatch.context() as removed:
        removed.setattr(redis_adapter, kind.__name__, without(kind, name))
        assert not redis_adapter.is_usable()

    assert not await works(redis_url)
    assert not await works(redis_url)

    (record,) = caplog.records
    assert record.getMessage() == WARNING
    assert any(each.endswith(f".{name}") for each in record.missing)


async def test_without_hiredis_own_packing_the_public_api_is_used(
    redis_url: Secret, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delattr(hiredis, "pack_command")

    assert not await works(redis_url)

    assert redis_adapter.missing_names() == ["hiredis.pack_command"]
    assert caplog.messages == [WARNING]


async def test_a_name_that_takes_other_arguments_counts_as_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Changed(RedisConnection):
        async def disconnect(self) -> None:
            pass

    monkeypatch.setattr(redis_adapter, "Connection", Changed)

    assert redis_adapter.missing_names() == ["Connection.disconnect"]


def test_no_other_module_uses_these_names() -> None:
    names = r"hiredis|_reader\.at_eof|pack_commands?\b|response_callbacks|\.connection_pool\b|get_connection"
    used = [
        path.name
        for path in ROUTER.rglob("*.py")
        if re.search(names, path.read_text()) and path.name != "redis_adapter.py"
    ]

    assert used == []
