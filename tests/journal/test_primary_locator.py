"""The sentinels are asked in the order of trust, each for a short time, and none is believed blindly."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from support.scripted_sentinel import SERVICE, ScriptedSentinel

from router.journal.primary_locator import PrimaryLocator
from router.journal.sentinel import NamedPrimary, NoPrimaryError, SentinelProblem
from router.settings.sentinel_url import NodeAddress, SentinelUrl, parse_sentinel_url

ASK_SECONDS = 0.5


@pytest.fixture
async def sentinels() -> AsyncIterator[list[ScriptedSentinel]]:
    """Three that name port 1, with epoch 1."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(ScriptedSentinel(primary=1, epoch=1)) for _ in range(3)
        ]


@pytest.fixture
def locator(sentinels: list[ScriptedSentinel]) -> PrimaryLocator:
    return PrimaryLocator(url_of(*sentinels), ask_seconds=ASK_SECONDS)


def url_of(*sentinels: ScriptedSentinel) -> SentinelUrl:
    nodes = ",".join(each.address for each in sentinels)
    return parse_sentinel_url(f"redis+sentinel://{nodes}/{SERVICE}")


def node(port: int) -> NodeAddress:
    return NodeAddress("127.0.0.1", port)


def switch(sentinel: ScriptedSentinel) -> None:
    sentinel.primary, sentinel.epoch = 2, 2


async def seconds_of(locator: PrimaryLocator) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await locator.locate()
    return loop.time() - began


async def test_one_sentinel_that_answers_is_enough(
    locator: PrimaryLocator, sentinels: list[ScriptedSentinel]
) -> None:
    assert await locator.locate() == node(1)
    assert [each.questions for each in sentinels] == [1, 0, 0]


async def test_a_silent_sentinel_slows_one_search_and_not_the_next(
    locator: PrimaryLocator, sentinels: list[ScriptedSentinel]
) -> None:
    sentinels[0].is_silent = True

    first, second = await seconds_of(locator), await seconds_of(locator)

    assert first >= ASK_SECONDS
    assert second < ASK_SECONDS
    assert sentinels[0].connections == 1


async def test_a_silent_sentinel_is_asked_after_all_others(
    locator: PrimaryLocator, sentinels: list[ScriptedSentinel]
) -> None:
    """Mutant seen to fail: a sentinel without an answer keeps its place."""
    sentinels[0].is_silent = True
    await locator.locate()
    sentinels[1].is_silent = True
    await locator.locate()

    assert [each.connections for each in sentinels] == [1, 2, 1]


async def test_a_search_that_is_cut_off_begins_with_another_sentinel_the_next_time(
    locator: PrimaryLocator, sentinels: list[ScriptedSentinel]
) -> None:
    """A deadline of a command may be shorter than the time of a sentinel."""
    sentinels[0].is_silent = True
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(ASK_SECONDS / 3):
            await locator.locate()

    await locator.locate()
    assert [each.connections for each in sentinels] == [1, 1, 0]


async def test_a_sentinel_that_has_not_heard_of_the_last_failover_is_not_believed(
    locator: PrimaryLocator, sentinels: list[ScriptedSentinel]
) -> None:
    """Mutant seen to fail: the epoch is not compared."""
    switch(sentinels[1])
    locator.trust(node(sentinels[1].port))
    assert await locator.locate() == node(2)
    sentinels[1].is_silent = True
    switch(sentinels[2])

    assert await locator.locate() == node(2)


async def test_if_all_are_behind_the_newest_of_them_is_believed(
    locator: PrimaryLocator, sentinels: list[ScriptedSentinel]
) -> None:
    """As after the sentinels were set up again, and count from 0."""
    for each in sentinels:
        each.epoch = 5
    await locator.locate()
    for each, epoch in zip(sentinels, (0, 2, 1), strict=True):
        each.epoch, each.primary = epoch, 10 + epoch

    assert await locator.locate() == node(12)
    assert locator.known_epoch == 2


async def test_a_server_that_is_in_doubt_lets_another_sentinel_be_asked(
    locator: PrimaryLocator, sentinels: list[ScriptedSentinel]
) -> None:
    await locator.locate()
    locator.doubt(node(9))  # named by none of them
    await locator.locate()
    locator.doubt(node(1))
    await locator.locate()

    assert [each.questions for each in sentinels] == [2, 1, 0]


async def test_connections_that_open_at_once_share_one_question(
    locator: PrimaryLocator, sentinels: list[ScriptedSentinel]
) -> None:
    """Mutant seen to fail: each asks; all share the answer to an earlier question."""
    async with asyncio.TaskGroup() as group:
        for _ in range(50):
            group.create_task(locator.locate())
    assert sentinels[0].questions <= 2

    switch(sentinels[0])
    assert await locator.locate() == node(2)


async def test_no_primary_is_named_while_its_successor_is_chosen(
    locator: PrimaryLocator, sentinels: list[ScriptedSentinel]
) -> None:
    """Mutant seen to fail: ``hold`` does nothing."""
    await locator.locate()
    locator.suspend()
    with pytest.raises(NoPrimaryError, match="the sentinels replace the primary of 'main'"):
        await locator.locate()
    assert not locator.has_followed(node(2))

    switch(sentinels[2])
    await asyncio.sleep(0.06)  # a search without a result answers for 50 ms

    assert await locator.locate() == node(2)
    assert locator.has_followed(node(2))
    assert await locator.locate() == node(2)


async def test_a_failover_before_the_first_question_names_no_primary_that_is_being_replaced(
    locator: PrimaryLocator, sentinels: list[ScriptedSentinel]
) -> None:
    """Mutant: the first answer is believed, whatever its epoch."""
    for sentinel in sentinels:
        sentinel.epoch = 5
    locator.suspend()
    with pytest.raises(NoPrimaryError, match="wait until they name the new one"):
        await locator.locate()
    sentinels[1].primary, sentinels[1].epoch = 2, 6
    await asyncio.sleep(0.06)  # a search without a result answers for 50 ms

    assert await locator.locate() == node(2)


async def test_a_failover_that_was_aborted_names_the_primary_again(
    locator: PrimaryLocator,
) -> None:
    await locator.locate()
    locator.suspend()
    locator.resume()

    assert await locator.locate() == node(1)


async def test_sentinels_that_name_nothing_are_an_error_that_says_why(
    locator: PrimaryLocator, sentinels: list[ScriptedSentinel]
) -> None:
    sentinels[0].is_silent = True
    sentinels[1].error = "ERR No such master with that name"
    sentinels[2].error = "NOAUTH Authentication required."

    with pytest.raises(NoPrimaryError) as caught:
        await locator.locate()

    one, two, three = (each.address for each in sentinels)
    assert str(caught.value) == (
        f"no sentinel names the primary of 'main': {one} did not answer in time,"
        f" {two} monitors no such service, {three} asks for a password of its own;"
        " start the sentinels, or correct ROUTER_REDIS_URL"
    )
    assert not caught.value.is_url_wrong


async def test_one_sentinel_is_asked_alone(sentinels: list[ScriptedSentinel]) -> None:
    locator = PrimaryLocator(url_of(*sentinels), ask_seconds=ASK_SECONDS)
    answer = await locator.ask(node(sentinels[1].port))
    assert isinstance(answer, NamedPrimary)
    assert (answer.address, answer.sentinels, answer.quorum) == (node(1), 3, 2)

    sentinels[1].is_silent = True
    silent = await locator.ask(node(sentinels[1].port))

    assert silent == SentinelProblem(reason="did not answer in time")
