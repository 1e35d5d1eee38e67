"""Deadlines behave as ``asyncio.timeout`` does."""

import asyncio
import contextlib
import socket
import time

import pytest

from router.deadlines import Deadlines

FOREVER = 3600.0


async def test_a_body_that_ends_in_time_is_not_cancelled() -> None:
    deadlines = Deadlines(FOREVER)
    with deadlines.begin():
        await asyncio.sleep(0)


async def test_a_body_that_takes_too_long_is_cancelled() -> None:
    deadlines = Deadlines(0.01)
    with pytest.raises(TimeoutError), deadlines.begin():
        await asyncio.sleep(FOREVER)
    assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]


async def test_each_deadline_expires_by_itself() -> None:
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
        group.create_task(wait("first", FOREVER))
        group.create_task(wait("second", 0))
        await asyncio.sleep(0.005)
        group.create_task(wait("third", FOREVER))
    assert ended == ["second in time", "first too late", "third too late"]


async def test_a_deadline_expires_after_all_earlier_ones_have_ended() -> None:
    deadlines = Deadlines(1.0)
    for _ in range(4):  # together longer than one deadline, each far shorter
        with deadlines.begin():
            await asyncio.sleep(0.3)
    with pytest.raises(TimeoutError), deadlines.begin():
        await asyncio.sleep(FOREVER)


async def test_what_arrived_while_the_loop_stood_is_read() -> None:
    """As after the move of a virtual machine, or beside a neighbour who has the processor."""
    ours, peer = socket.socketpair()
    with ours, peer:
        reader, writer = await asyncio.open_connection(sock=ours)
        deadlines = Deadlines(0.05)
        await asyncio.sleep(0)

        async def read() -> bytes:
            with deadlines.begin():
                return await reader.read(1)

        task = asyncio.get_running_loop().create_task(read())
        await asyncio.sleep(0)
        peer.send(b"1")
        time.sleep(0.2)  # noqa: ASYNC251 - the loop stands
        try:
            assert await task == b"1"
        finally:
            writer.close()
            await writer.wait_closed()


async def test_a_deadline_ends_though_the_loop_stands_again_and_again() -> None:
    deadlines = Deadlines(0.05)

    async def stand() -> None:
        while True:
            time.sleep(0.12)  # noqa: ASYNC251 - the loop stands
            await asyncio.sleep(0)

    task = asyncio.get_running_loop().create_task(stand())
    with pytest.raises(TimeoutError), deadlines.begin():
        await asyncio.sleep(FOREVER)
    task.cancel()


async def test_deadlines_stay_in_their_order_when_they_are_extended() -> None:
    deadlines = Deadlines(0.1)
    ended: list[int] = []

    async def wait(number: int) -> None:
        with contextlib.suppress(TimeoutError), deadlines.begin():
            await asyncio.sleep(FOREVER)
        ended.append(number)

    async with asyncio.TaskGroup() as group:
        for number in range(4):
            group.create_task(wait(number))
            await asyncio.sleep(0.02)
        time.sleep(0.15)  # noqa: ASYNC251 - the loop stands
        group.create_task(wait(4))
    assert ended == [0, 1, 2, 3, 4]


async def test_a_task_cancelled_by_another_stays_cancelled() -> None:
    deadlines = Deadlines(FOREVER)

    async def wait() -> None:
        with deadlines.begin():
            await asyncio.sleep(FOREVER)

    task = asyncio.get_running_loop().create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_task_cancelled_at_its_deadline_stays_cancelled() -> None:
    deadlines = Deadlines(0.01)
    task: asyncio.Task[None]

    async def wait() -> None:
        with deadlines.begin() as _:
            try:
                await asyncio.sleep(FOREVER)
            finally:
                task.cancel()
                await asyncio.sleep(0)

    task = asyncio.get_running_loop().create_task(wait())
    await asyncio.wait([task])
    assert task.cancelled()


async def fail_when_cancelled() -> None:
    try:
        await asyncio.sleep(FOREVER)
    except asyncio.CancelledError:
        raise KeyError from None


async def test_another_error_propagates_even_after_the_deadline() -> None:
    deadlines = Deadlines(0.01)
    with pytest.raises(KeyError), deadlines.begin():
        await fail_when_cancelled()
    assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]
