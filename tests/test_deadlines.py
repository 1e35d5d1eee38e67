"""Deadlines behave as ``asyncio.timeout`` does."""

import asyncio

import pytest

from router.deadlines import Deadlines

FOR_EVER = 3600.0


async def test_what_is_done_in_time_is_left_alone() -> None:
    deadlines = Deadlines(FOR_EVER)
    with deadlines.begin():
        await asyncio.sleep(0)


async def test_what_takes_too_long_is_broken_off() -> None:
    deadlines = Deadlines(0.01)
    with pytest.raises(TimeoutError), deadlines.begin():
        await asyncio.sleep(FOR_EVER)
    assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]


async def test_each_has_its_own_end() -> None:
    deadlines = Deadlines(0.03)
    ended: list[str] = []

    async def wait(name: str, seconds: float) -> None:
        try:
            with deadlines.begin():
                await asyncio.sleep(seconds)
            ended.append(f"{name} in time")
        except TimeoutError:
            ended.append(f"{name} too late")

    async with asyncio.TaskGroup() as group:
        group.create_task(wait("first", FOR_EVER))
        group.create_task(wait("second", 0))
        await asyncio.sleep(0.005)
        group.create_task(wait("third", FOR_EVER))
    assert ended == ["second in time", "first too late", "third too late"]


async def test_a_later_one_is_kept_after_all_earlier_ones_have_ended() -> None:
    deadlines = Deadlines(0.02)
    for _ in range(3):
        with deadlines.begin():
            await asyncio.sleep(0.015)
    with pytest.raises(TimeoutError), deadlines.begin():
        await asyncio.sleep(FOR_EVER)


async def test_who_is_cancelled_from_outside_stays_cancelled() -> None:
    deadlines = Deadlines(FOR_EVER)

    async def wait() -> None:
        with deadlines.begin():
            await asyncio.sleep(FOR_EVER)

    task = asyncio.get_running_loop().create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_who_is_cancelled_as_the_time_is_over_stays_cancelled() -> None:
    deadlines = Deadlines(0.01)
    task: asyncio.Task[None]

    async def wait() -> None:
        with deadlines.begin() as _:
            try:
                await asyncio.sleep(FOR_EVER)
            finally:
                task.cancel()
                await asyncio.sleep(0)

    task = asyncio.get_running_loop().create_task(wait())
    await asyncio.wait([task])
    assert task.cancelled()


async def fail_when_broken_off() -> None:
    try:
        await asyncio.sleep(FOR_EVER)
    except asyncio.CancelledError:
        raise KeyError from None


async def test_another_error_passes_even_when_the_time_is_over() -> None:
    deadlines = Deadlines(0.01)
    with pytest.raises(KeyError), deadlines.begin():
        await fail_when_broken_off()
    assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]
