"""Claims are evicted before events are rejected, and only if that helps."""

import logging

import pytest
from support.clock import SetClock
from support.events import event_from
from support.memory import memory

from router.events.model import Received
from router.ingress.admission import HIGH_WATERMARK
from router.journal import keys
from router.journal.batches import Batches
from router.journal.claims import Claims, begin_batch
from router.journal.connection import Connection
from router.journal.keys import BatchId
from router.journal.leases import NO_TOKEN
from router.journal.memory_budget import memory_use
from router.metrics import Metrics
from router.worker.evaluation.claim_eviction import (
    EVICTION_RATIO,
    ClaimEviction,
    MemoryPressure,
    pressure_of,
)

MIB = 1 << 20


@pytest.mark.parametrize(
    ("used", "limit", "pressure"),
    [
        (900, 0, MemoryPressure(is_tight=False, min_claims=None)),
        (500 * MIB, 1000 * MIB, MemoryPressure(is_tight=False, min_claims=None)),
        (501 * MIB, 1000 * MIB, MemoryPressure(is_tight=True, min_claims=None)),
        (650 * MIB, 1000 * MIB, MemoryPressure(is_tight=True, min_claims=None)),
        (651 * MIB, 1000 * MIB, MemoryPressure(is_tight=True, min_claims=1_103_764)),
    ],
)
def test_what_is_done_follows_the_memory_in_use(
    used: int, limit: int, pressure: MemoryPressure
) -> None:
    assert pressure_of({"used_memory": used, "maxmemory": limit}) == pressure


async def test_a_redis_full_of_claims_still_takes_events(
    connection: Connection, sample: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """300,000 claims come, for which there is no room. Seen to fail without the eviction.

    Before, the claims of a day filled Redis, and events were rejected until they expired.
    """
    time, metrics = SetClock(), Metrics()
    eviction = ClaimEviction(connection, metrics, time.clock())
    redis = connection.redis
    await _claim(connection, time, -1)  # loads the script, which takes memory of its own
    await redis.flushall()
    await redis.execute_command("MEMORY", "PURGE")
    used = (await memory(connection))["used_memory"]
    highest = 0.0
    try:
        await redis.config_set("maxmemory", int((used + MIB) / EVICTION_RATIO))
        with caplog.at_level(logging.WARNING):
            for number in range(300):
                await _claim(connection, time, number)
                time.now += 600
                await eviction.check()
                highest = max(highest, memory_use(await memory(connection)).ratio)
        await Batches(connection, time.clock()).accept([Received([event_from(sample)], [])])
        status = await Claims(connection, time.clock()).status()
    finally:
        await redis.config_set("maxmemory", 0)

    print(f"\nhighest ratio {highest:.2f}, {status}")  # noqa: T201 - the figures
    assert highest < HIGH_WATERMARK
    assert status.evicted == metrics.registry.get_sample_value("router_claims_evicted_total") > 0
    assert 3600 < status.window_seconds < 86_400
    assert status.claims + status.evicted == 300_000
    assert "claims evicted" in caplog.text


async def _claim(connection: Connection, time: SetClock, number: int) -> None:
    batch_id = BatchId(f"batch{number}")
    digests = b"".join(keys.event_digest(f"{number} {each}") for each in range(1000))
    await connection.redis.rpush(keys.batch(batch_id), b"\x90")
    clock = time.clock()
    await connection.run(
        begin_batch(
            batch_id,
            NO_TOKEN,
            set_ms=clock.journal_ms(),
            window_ms=86_400_000,
            digests=digests,
        )
    )
    await connection.redis.delete(keys.batch(batch_id), keys.digests(batch_id))
