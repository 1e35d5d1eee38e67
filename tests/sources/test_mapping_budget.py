"""What the mapping of one request may cost."""

import asyncio

import pytest

from router.sources.mapping import UnmappableError
from router.sources.mapping_budget import GROWTH, LONGEST, MappingBudget

LARGEST = 4 << 20


class Hand:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def budget(clock: Hand) -> MappingBudget:
    return MappingBudget(LARGEST, clock)


async def test_events_may_be_several_times_as_large_as_the_body(budget: MappingBudget) -> None:
    await budget.spend(GROWTH * LARGEST)
    with pytest.raises(UnmappableError, match=f"more than {GROWTH * LARGEST} bytes"):
        await budget.spend(1)


async def test_a_small_limit_of_bodies_leaves_room_for_attributes(clock: Hand) -> None:
    budget = MappingBudget(1024, clock)
    for _ in range(1000):
        await budget.spend(4000)


async def test_mapping_ends_after_a_while(budget: MappingBudget, clock: Hand) -> None:
    clock.time = LONGEST / 2
    await budget.spend(1)
    clock.time = LONGEST * 1.01
    with pytest.raises(UnmappableError, match="take more than 5 s"):
        await budget.spend(1)


async def test_the_time_of_other_tasks_does_not_count(budget: MappingBudget, clock: Hand) -> None:
    async def others() -> None:
        while True:
            await asyncio.sleep(0)
            clock.time += LONGEST

    other = asyncio.get_running_loop().create_task(others())
    for _ in range(5):
        clock.time += 0.02
        await budget.spend(1)
    other.cancel()
    assert clock.time > LONGEST
