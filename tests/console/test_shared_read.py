"""One read for all who ask within a second, and several reads at the same time."""

import asyncio

import pytest
from support.clock import SetClock

from router.console.concurrent_reads import concurrent_reads
from router.console.shared_read import SharedRead
from router.errors import JournalUnavailableError


async def test_those_who_ask_within_a_second_share_one_read(time: SetClock) -> None:
    reads = iter(range(10))

    async def read() -> int:
        await asyncio.sleep(0)
        return next(reads)

    shared = SharedRead(read, time.clock().monotonic)
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(shared()) for _ in range(3)]
    time.now += 1.1

    assert [each.result() for each in asked] == [0, 0, 0]
    assert await shared() == 1
    shared.forget()
    assert await shared() == 2


async def test_an_outage_is_raised_as_it_was_and_not_remembered(time: SetClock) -> None:
    is_away = True

    async def read() -> int:
        if is_away:
            raise JournalUnavailableError("away")
        return 1

    async def both() -> int:
        async with concurrent_reads() as group:
            first, second = group.create_task(read()), group.create_task(read())
        return first.result() + second.result()

    shared = SharedRead(both, time.clock().monotonic)
    with pytest.raises(JournalUnavailableError, match="away"):
        await shared()
    is_away = False

    assert await shared() == 2
