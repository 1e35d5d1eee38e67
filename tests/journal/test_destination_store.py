"""What destinations remember: found again by any worker, for as long as it was to be."""

import pytest

from router.datatypes import Secret
from router.journal.connection import Connection, connect
from router.journal.destination_store import RedisDestinationStore, memory_key


async def test_what_is_kept_is_found_by_another_worker_until_it_is_forgotten(
    connection: Connection,
) -> None:
    ours, theirs = RedisDestinationStore(connection), RedisDestinationStore(connection)
    assert await ours.get("thread:x") is None
    await ours.put("thread:x", b"1.1", seconds=60)
    assert (await theirs.get("thread:x"), await theirs.get("thread:y")) == (b"1.1", None)
    await theirs.delete("thread:x")
    assert await ours.get("thread:x") is None


async def test_it_ends_by_itself_and_its_key_holds_no_text(connection: Connection) -> None:
    await RedisDestinationStore(connection).put("thread:canary", b"1.1", seconds=60)
    assert 59_000 < await connection.redis.pttl(memory_key("thread:canary")) <= 60_000
    assert "canary" not in memory_key("thread:canary")


@pytest.mark.usefixtures("every_outage_line")
async def test_without_redis_there_is_no_memory_and_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    away = connect(Secret("redis://127.0.0.1:1/0"), deadline=0.5, max_connections=1)
    memory = RedisDestinationStore(away)
    await memory.put("x", b"y", seconds=1)
    assert await memory.get("x") is None
    assert "destination store unavailable" in caplog.text
    await away.close()
