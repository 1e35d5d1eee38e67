"""Group commit: one write at a time, everybody told the fate of their own item."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from router.errors import JournalUnavailableError, OverloadedError
from router.journal.group_commit import GroupCommit


class Writer:
    """A write that ends when the test lets it, and can be made to fail."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.permits = asyncio.Semaphore(0)
        self.error: Exception | None = None

    async def __call__(self, group: list[str]) -> list[str]:
        self.groups.append(group)
        if "cannot be encoded" in group:
            raise UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates not allowed")
        await self.permits.acquire()
        if self.error is not None:
            raise self.error
        return [f"result of {item}" for item in group]


@pytest.fixture
def writer() -> Writer:
    return Writer()


@pytest.fixture
async def commit(writer: Writer) -> AsyncIterator[GroupCommit[str, str]]:
    commit = GroupCommit(
        writer,
        interval=0.0,
        max_waiting=5,
        max_group=lambda: 3,
        monotonic=asyncio.get_running_loop().time,
    )
    runner = asyncio.get_running_loop().create_task(commit.run())
    yield commit
    runner.cancel()
    await asyncio.wait([runner])


async def settled(*tasks: "asyncio.Task[str]") -> list[BaseException | None]:
    async with asyncio.timeout(60):
        await asyncio.wait(tasks)
    return [task.exception() for task in tasks]


async def start(commit: GroupCommit[str, str], *items: str) -> list["asyncio.Task[str]"]:
    """Commit each item in a task of its own, and let all of them get as far as they can."""
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(commit.commit(item)) for item in items]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks


async def test_what_arrives_during_a_write_leaves_together_in_the_next(
    commit: GroupCommit[str, str], writer: Writer
) -> None:
    first = await start(commit, "a")
    rest = await start(commit, "b", "c")
    writer.permits.release()
    writer.permits.release()

    assert await settled(*first, *rest) == [None, None, None]
    assert writer.groups == [["a"], ["b", "c"]]


async def test_a_group_is_bounded(commit: GroupCommit[str, str], writer: Writer) -> None:
    tasks = await start(commit, "a", "b", "c", "d")
    writer.permits.release()
    writer.permits.release()

    assert await settled(*tasks) == [None] * 4
    assert writer.groups == [["a", "b", "c"], ["d"]]


async def test_nobody_is_told_before_their_write_has_ended(
    commit: GroupCommit[str, str], writer: Writer
) -> None:
    tasks = await start(commit, "a", "b", "c", "d")
    writer.permits.release()
    await settled(*tasks[:3])

    assert not tasks[3].done()
    assert commit.waiting == 1


async def test_too_much_waiting_is_refused(commit: GroupCommit[str, str], writer: Writer) -> None:
    waiting = await start(commit, "a", "b", "c", "d", "e")

    with pytest.raises(OverloadedError, match="5 events wait for Redis, at most 5"):
        await commit.commit("f")

    writer.permits.release()
    writer.permits.release()
    assert await settled(*waiting) == [None] * 5


async def test_each_caller_gets_the_result_of_its_own_item(
    commit: GroupCommit[str, str], writer: Writer
) -> None:
    """Mutant: the results are in reverse order."""
    tasks = await start(commit, "a", "b", "c")
    writer.permits.release()
    writer.permits.release()
    await settled(*tasks)

    assert [task.result() for task in tasks] == ["result of a", "result of b", "result of c"]


async def test_a_single_item_over_the_bound_is_taken_when_nothing_else_waits(
    commit: GroupCommit[str, str], writer: Writer
) -> None:
    writer.permits.release()

    await commit.commit("huge", weight=100)

    assert writer.groups == [["huge"]]


async def test_a_failed_write_fails_its_group_and_all_that_wait(
    commit: GroupCommit[str, str], writer: Writer
) -> None:
    writer.error = JournalUnavailableError("Redis is away")
    tasks = await start(commit, "a", "b", "c", "d")
    writer.permits.release()

    errors = await settled(*tasks)

    assert [str(error) for error in errors] == ["Redis is away"] * 4
    assert writer.groups == [["a", "b", "c"]]
    assert commit.waiting == 0


async def test_it_recovers_after_a_failed_write(
    commit: GroupCommit[str, str], writer: Writer
) -> None:
    writer.error = JournalUnavailableError("Redis is away")
    failed = await start(commit, "a")
    writer.permits.release()
    await settled(*failed)
    writer.error = None
    writer.permits.release()

    await commit.commit("b")

    assert writer.groups == [["a"], ["b"]]


async def test_who_has_gone_is_not_written(commit: GroupCommit[str, str], writer: Writer) -> None:
    first = await start(commit, "a")
    gone, stays = await start(commit, "gone", "stays")
    gone.cancel()
    writer.permits.release()
    writer.permits.release()

    await settled(*first, stays)

    assert writer.groups == [["a"], ["stays"]]
    assert commit.waiting == 0


async def test_stopping_tells_all_that_wait(writer: Writer) -> None:
    commit = GroupCommit(
        writer, interval=0.0, max_waiting=5, max_group=lambda: 1, monotonic=lambda: 0.0
    )
    runner = asyncio.get_running_loop().create_task(commit.run())
    tasks = await start(commit, "a", "b")
    runner.cancel()

    errors = await settled(*tasks)

    assert [type(error) for error in errors] == [JournalUnavailableError] * 2


async def test_an_idle_commit_does_not_wait_for_the_interval(writer: Writer) -> None:
    commit = GroupCommit(
        writer,
        interval=3600.0,
        enough=lambda: 3,
        max_waiting=5,
        max_group=lambda: 5,
        monotonic=asyncio.get_running_loop().time,
    )
    runner = asyncio.get_running_loop().create_task(commit.run())
    writer.permits.release()
    async with asyncio.timeout(60):
        await commit.commit("a")
    paced = await start(commit, "b")

    assert writer.groups == [["a"]]
    runner.cancel()
    assert type((await settled(*paced))[0]) is JournalUnavailableError


async def test_a_group_that_is_large_enough_is_not_paced(writer: Writer) -> None:
    commit = GroupCommit(
        writer,
        interval=3600.0,
        enough=lambda: 3,
        max_waiting=9,
        max_group=lambda: 9,
        monotonic=asyncio.get_running_loop().time,
    )
    runner = asyncio.get_running_loop().create_task(commit.run())
    for _ in range(3):
        writer.permits.release()
    first = await start(commit, "a")
    paced = await start(commit, "b", "c")
    assert writer.groups == [["a"]]
    enough = await start(commit, "d")
    assert await settled(*first, *paced, *enough) == [None] * 4
    again = await start(commit, "e")

    assert writer.groups == [["a"], ["b", "c", "d"]]
    runner.cancel()
    await settled(*again)


async def test_an_item_that_cannot_be_written_fails_its_own_caller_only(
    commit: GroupCommit[str, str], writer: Writer
) -> None:
    """One request with a byte that is no text must not end ingress."""
    loop = asyncio.get_running_loop()
    items = ["good", "cannot be encoded", "good too"]
    tasks = [loop.create_task(commit.commit(item)) for item in items]
    for _ in range(3):
        writer.permits.release()

    results = await settled(*tasks)

    assert writer.groups[0] == items
    assert [type(each) for each in results] == [type(None), UnicodeEncodeError, type(None)]
    last = loop.create_task(commit.commit("last"))
    assert await settled(last) == [None]
    assert commit.waiting == 0
