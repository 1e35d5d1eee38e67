"""Paused destinations, as each worker polls them."""

import asyncio

import pytest
from support.waiting import until

from router.clock import Clock
from router.journal.connection import Connection
from router.journal.pauses import Pause, PauseKind, Pauses
from router.worker.delivery.paused_destinations import PausedDestinations

PAUSED = Pause(kind=PauseKind.PAUSED, at=1.0, reason="maintenance", by="ann")


async def test_everything_is_paused_before_the_first_poll(
    connection: Connection, clock: Clock
) -> None:
    assert PausedDestinations(Pauses(connection), clock, lambda: None).is_paused("mail")


async def test_a_pause_and_its_end_are_seen_within_a_second(
    connection: Connection, clock: Clock
) -> None:
    resumed: list[str] = []
    pauses = Pauses(connection)
    await pauses.pause("mail", PAUSED)
    paused = PausedDestinations(pauses, clock, lambda: resumed.append("resumed"))
    watching = asyncio.get_running_loop().create_task(paused.watch())

    async def is_resumed(name: str) -> bool:
        return not paused.is_paused(name)

    await until(lambda: is_resumed("slack"), seconds=1)
    assert paused.is_paused("mail")

    await pauses.resume("mail")
    await until(lambda: is_resumed("mail"), seconds=1)
    assert resumed == ["resumed", "resumed"]

    await pauses.pause("mail", PAUSED)

    async def is_paused() -> bool:
        return paused.is_paused("mail")

    await until(is_paused, seconds=1)
    watching.cancel()
    await asyncio.wait([watching])


@pytest.mark.parametrize("destination", ["mail", "noc-mail"])
async def test_a_second_pause_keeps_the_first_reason(
    connection: Connection, destination: str
) -> None:
    pauses = Pauses(connection)
    assert await pauses.pause(destination, PAUSED)
    assert not await pauses.pause(destination, Pause(kind=PauseKind.DISABLED, at=2.0))

    assert await pauses.all() == {destination: PAUSED}
    assert await pauses.resume(destination)
    assert not await pauses.resume(destination)


async def test_pauses_are_polled_a_few_times_a_second_at_most(
    connection: Connection, clock: Clock
) -> None:
    """Mutant: the watch does not wait between two polls."""
    paused = PausedDestinations(Pauses(connection), clock, lambda: None)
    await connection.redis.config_resetstat()
    watching = asyncio.get_running_loop().create_task(paused.watch())

    async def has_polled() -> bool:
        return not paused.is_paused("mail")

    await until(has_polled)
    for _ in range(20):  # round trips in which a watch without a pause polls as often
        await connection.redis.ping()
    commands = await connection.redis.info("commandstats")
    watching.cancel()
    await asyncio.wait([watching])

    assert commands["cmdstat_hgetall"]["calls"] <= 2
