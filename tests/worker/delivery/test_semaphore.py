"""Slots are handed out in the order of the waiters, each with a timeout."""

import asyncio

from router.worker.delivery.semaphore import FifoSemaphore

LONG = 60.0


async def queued(slots: FifoSemaphore, count: int) -> "list[asyncio.Task[bool]]":
    """``count`` tasks that wait, in this order."""
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(slots.acquire(timeout=LONG)) for _ in range(count)]
    while len(slots._waiters) < count:  # noqa: ASYNC110 - there is no event
        await asyncio.sleep(0)
    return tasks


async def test_there_are_count_slots() -> None:
    slots = FifoSemaphore(2)
    assert [await slots.acquire(timeout=0) for _ in range(3)] == [True, True, False]


async def test_a_slot_goes_to_the_longest_waiter() -> None:
    slots = FifoSemaphore(1)
    assert await slots.acquire(timeout=0)
    first, second = await queued(slots, 2)

    slots.release()
    assert await first
    assert not second.done()
    assert not await slots.acquire(timeout=0)

    slots.release()
    assert await second
    slots.release()
    assert slots.free == 1


async def test_a_waiter_that_times_out_takes_no_slot() -> None:
    slots = FifoSemaphore(1)
    assert await slots.acquire(timeout=0)
    assert not await slots.acquire(timeout=0.01)

    slots.release()
    assert slots.free == 1


async def test_a_slot_handed_to_a_cancelled_waiter_goes_to_the_next() -> None:
    slots = FifoSemaphore(1)
    assert await slots.acquire(timeout=0)
    first, second = await queued(slots, 2)

    slots.release()
    first.cancel()
    assert await second
    assert first.cancelled()
    slots.release()
    assert slots.free == 1


async def test_a_cancelled_waiter_is_skipped() -> None:
    slots = FifoSemaphore(1)
    assert await slots.acquire(timeout=0)
    first, second = await queued(slots, 2)

    first.cancel()
    await asyncio.wait([first])
    slots.release()
    assert await second
