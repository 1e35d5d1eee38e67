"""What waits for its next attempt is due now; digests and what is due already are left."""

import asyncio

import pytest
from support.clock import SetClock

from router.clock import Clock
from router.journal import keys, retry_now
from router.journal.connection import Connection

QUEUE = keys.deliver_queue("mail")


async def due_times(connection: Connection, key: str) -> dict[str, float]:
    return {
        member.decode(): score
        for member, score in await connection.redis.zrange(key, 0, 9, withscores=True)
    }


async def test_retries_are_due_now_and_workers_are_told(
    connection: Connection, clock: Clock, time: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Page by page. Mutant: digests are moved too."""
    monkeypatch.setattr(retry_now, "PAGE", 2)
    now = int(time.now * 1000)
    digest = keys.digest_set("mail", now + 5)
    sets = {"old": now - 9, digest: now + 5, "first": now + 60_000, "second": now + 61_000}
    for key in (keys.open_sets("mail"), QUEUE):
        await connection.redis.zadd(key, sets)
    await connection.redis.zrem(QUEUE, "second")  # its job was lost: the sweeper enqueues it

    async with connection.subscription() as channel:
        await channel.subscribe(keys.wake_channel(QUEUE))
        assert await retry_now.retry_now(connection, clock, "mail") == 2
        async with asyncio.timeout(60):
            messages = [await channel.get_message(timeout=1) for _ in range(2)]

    assert messages[1]["data"] == keys.RETRY_NOW
    expected = {"old": now - 9, digest: now + 5, "first": now, "second": now}
    assert await due_times(connection, keys.open_sets("mail")) == expected
    del expected["second"]
    assert await due_times(connection, QUEUE) == expected
    assert await retry_now.retry_now(connection, clock, "mail") == 0
