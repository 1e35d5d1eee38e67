"""History goes by age and by memory, and makes room for events first."""

import random

import pytest
from support.clock import SetClock
from support.past import LIMITS, Past

from router.history.event_filter import EventFilter
from router.journal.connection import Connection
from router.journal.history_log import HistoryLimits
from router.journal.history_segments import history_bytes
from router.worker.history_retention import HistoryRetention

pytestmark = pytest.mark.server
NOISE = random.Random(1)  # noqa: S311
"""For texts that do not compress."""
RULES = "rules: [{name: all, events: [a], send_to: [noc]}]"


async def fill(past: Past, events: int) -> None:
    for batch in range(events // 20):
        await past.send(
            *(past.event(f"{batch}-{n}", text=NOISE.randbytes(3000).hex()) for n in range(20))
        )
        await past.told()


async def left(past: Past) -> list[str]:
    page = await past.events.page(EventFilter(), limit=1000)
    return [record.id for record in page.items]


def retention(past: Past, limits: HistoryLimits = LIMITS) -> HistoryRetention:
    return HistoryRetention(past.connection, limits, past.budget, past.metrics, past.clock)


async def test_a_history_that_is_switched_off_disappears(connection: Connection) -> None:
    past = Past(connection, SetClock(), RULES)
    await fill(past, 40)
    off = HistoryLimits(age_seconds=0, share=0.1)

    result = await retention(past, off).check()
    assert result.records == 40
    assert await left(past) == []
    assert await history_bytes(connection) == 0
    assert past.metrics.registry.get_sample_value("router_history_evicted_early_total") == 0


async def test_what_is_too_old_is_deleted_although_nothing_comes(connection: Connection) -> None:
    past = Past(connection, SetClock(), RULES)
    await fill(past, 20)
    past.time.now += LIMITS.age_seconds - 1
    assert (await retention(past).check()).records == 0
    past.time.now += 2
    assert (await retention(past).check()).records == 20
    assert past.metrics.registry.get_sample_value("router_history_evicted_total") == 20
    assert past.metrics.registry.get_sample_value("router_history_evicted_early_total") == 0
    assert past.metrics.registry.get_sample_value("router_history_bytes") == 0


async def test_history_makes_room_from_70_percent_on(connection: Connection) -> None:
    """Mutants: ``free_bytes`` of 0; no closing of the newest segment."""
    past = Past(connection, SetClock(), RULES, limits=HistoryLimits(age_seconds=86_400, share=0.5))
    redis = connection.redis
    await redis.setrange("ballast", 30_000_000, b"x")
    past.budget.update({"used_memory": 1, "maxmemory": 20 << 20})  # so that segments are small
    await fill(past, 400)
    used = (await redis.info("memory"))["used_memory"]
    limits = HistoryLimits(age_seconds=86_400, share=0.5)
    try:
        await redis.config_set("maxmemory", int(used / 0.69))
        assert (await retention(past, limits).check()).records == 0
        await redis.config_set("maxmemory", int((used - 500_000) / 0.7))
        some = await retention(past, limits).check()
        assert 100 < some.records < 300
        early = past.metrics.registry.get_sample_value("router_history_evicted_early_total")
        assert early == some.records
        assert (await left(past))[0] == "19-19"
        await redis.config_set("maxmemory", int(used / 0.9))
        assert (await retention(past, limits).check()).left_bytes == 0
        assert await left(past) == []
    finally:
        await redis.config_set("maxmemory", 0)
