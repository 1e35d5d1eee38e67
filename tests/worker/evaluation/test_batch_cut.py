"""A batch is cut into parts that Redis has room for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.clock import SetClock
from support.world import World

from router.events.model import Event
from router.journal.connection import Connection
from router.journal.finish import Quarantined
from router.worker.evaluation.batch_cut import cut

RULES = """
rules:
  - {name: all, events: [a], send_to: [noc, boss]}
"""
MEBI = 1 << 20


def event(key: str, size: int = 0) -> Event:
    return Event(key, "s", "a", "", key, 1.0, b"x" * size)


@given(
    drawn=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 1500), st.booleans()), max_size=15),
    limit=st.integers(100, 6000),
)
def test_each_event_is_in_one_part_and_with_its_duplicates(
    drawn: list[tuple[int, int, bool]], limit: int
) -> None:
    """Mutant: a duplicate is in the part at its own position."""
    events = [event(str(key), size) for key, size, _ in drawn]
    fresh: dict[str, int] = {}
    for position, (key, _, is_claimed) in enumerate(drawn):
        if is_claimed:
            fresh.setdefault(str(key), position)
    quarantined = {
        position: Quarantined(reason="", body=events[position].body, received_at=1.0)
        for position in fresh.values()
    }

    parts = cut(events, quarantined, limit_bytes=limit)

    finished = [position for part in parts for position in part.finished]
    assert sorted(finished) == list(range(len(events)))
    assert [each for part in parts for each in part.evaluations] == list(quarantined.values())
    assert sum(part.duplicates for part in parts) == len(events) - len(fresh)
    for part in parts:
        assert part.size_bytes <= limit or len(part.evaluations) == 1
        for position in part.finished & set(fresh.values()):
            same = {at for at, each in enumerate(events) if each.key == events[position].key}
            assert same <= part.finished


@pytest.fixture
async def world(connection: Connection, time: SetClock) -> World:
    return World(connection, time, RULES)


@pytest.mark.fault_row(12)
async def test_a_large_batch_is_finished_in_parts_and_each_delivery_is_opened_once(
    world: World, connection: Connection
) -> None:
    """Mutant: ``limit_bytes`` of 1 GiB; the batch has one part."""
    redis = connection.redis
    await redis.config_set("maxmemory", 16 * MEBI)
    try:
        events = [world.event(str(number), text="x" * 40_000) for number in range(20)]
        batch_id = await world.accept([*events, events[0]])
        await world.evaluate._admission.begin()
        await redis.config_resetstat()
        await world.evaluate.run(batch_id)
        calls = (await redis.info("commandstats"))["cmdstat_ltrim"]["calls"]
    finally:
        await redis.config_set("maxmemory", 0)

    assert calls >= 3
    for destination in ("noc", "boss"):
        told = await world.told(destination)
        assert sorted(int(each.alert.event_id) for each in told) == list(range(20))
    counters = await world.ledger()
    assert (counters.matched, counters.duplicate, counters.pending) == (20, 1, 0)
