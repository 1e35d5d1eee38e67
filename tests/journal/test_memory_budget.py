"""What a process knows of Redis's memory between two INFOs."""

import pytest

from router.journal.connection import Connection
from router.journal.memory_budget import UNIT_BYTES, MemoryBudget

MEBI = 1 << 20


@pytest.fixture
def budget(connection: Connection) -> MemoryBudget:
    return MemoryBudget(connection, watermark=0.8)


def test_its_own_writes_count_until_the_next_look(budget: MemoryBudget) -> None:
    """Mutant: ``write`` does nothing."""
    budget.update({"used_memory": 40 * MEBI, "maxmemory": 100 * MEBI})
    budget.write(20 * MEBI)

    assert budget.used_ratio == 0.6
    assert budget.room_bytes == pytest.approx(20 * MEBI)

    budget.update({"used_memory": 50 * MEBI, "maxmemory": 100 * MEBI})
    assert budget.used_ratio == 0.5


@pytest.mark.parametrize(
    ("written", "more", "expected"),
    [(0, 2, False), (0, 3, True), (1, 1, False), (2, 1, True)],
)
def test_a_sixteenth_of_the_room_is_used_before_the_next_look(
    budget: MemoryBudget, *, written: int, more: int, expected: bool
) -> None:
    """40 of 100 MiB are in use, so that the room is 40 MiB. Mutant: ``_SHARE`` is 8."""
    budget.update({"used_memory": 40 * MEBI, "maxmemory": 100 * MEBI})
    budget.write(written * MEBI)

    assert budget.needs_refresh(more * MEBI) is expected


def test_a_first_look_is_needed_and_none_without_a_limit(budget: MemoryBudget) -> None:
    assert budget.needs_refresh(1)

    budget.update({"used_memory": 40 * MEBI, "maxmemory": 0})

    assert not budget.needs_refresh(10**12)
    assert budget.used_ratio == 0.0


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(0, UNIT_BYTES), (1024, UNIT_BYTES), (256, UNIT_BYTES), (64, MEBI), (1, 64 << 10)],
)
def test_a_unit_is_small_where_memory_is(budget: MemoryBudget, limit: int, expected: int) -> None:
    budget.update({"used_memory": 0, "maxmemory": limit * MEBI})

    assert budget.unit_bytes == expected


async def test_a_look_asks_redis(budget: MemoryBudget) -> None:
    await budget.refresh()

    assert budget.used_bytes > 0
    assert budget.limit_bytes == 0
