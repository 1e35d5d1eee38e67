"""Held destinations, as each worker comes to know of them."""

import asyncio

import pytest
from support.waiting import until

from router.clock import Clock
from router.journal.connection import Connection
from router.journal.pauses import Pause, PauseKind, Pauses
from router.worker.delivery.paused_destinations import PausedDestinations

PAUSED = Pause(kind=PauseKind.PAUSED, at=1.0, reason="they move house", by="ann")


async def test_everything_is_paused_before_the_first_look(
    connection: Connection, clock: Clock
) -> None:
    assert PausedDestinations(Pauses(connection), clock, lambda: None).is_paused("mail")


async def test_a_pause_and_its_end_are_seen_within_a_second(
    connection: Connection, clock: Clock
) -> None:
    releases: list[str] = []
    holds = Pauses(connection)
    await holds.pause("mail", PAUSED)
    paused = PausedDestinations(holds, clock, lambda: releases.append("released"))
    watching = asyncio.get_running_loop().create_task(paused.watch())

    async def goes_on(name: str) -> bool:
        return not paused.is_paused(name)

    await until(lambda: goes_on("slack"), seconds=1)
    assert paused.is_paused("mail")

    await holds.resume("mail")
    await until(lambda: goes_on("mail"), seconds=1)
    assert releases == ["released", "released"]

    await holds.pause("mail", PAUSED)

    async def is_paused() -> bool:
        return paused.is_paused("mail")

    await until(is_paused, seconds=1)
    watching.cancel()
    await asyncio.wait([watching])


@pytest.mark.parametrize("destination", ["mail", "noc-mail"])
async def test_who_is_paused_already_keeps_the_first_reason(
    connection: Connection, destination: str
) -> None:
    holds = Pauses(connection)
    assert await holds.pause(destination, PAUSED)
    assert not await holds.pause(destination, Pause(kind=PauseKind.DISABLED, at=2.0))

    assert await holds.all() == {destination: PAUSED}
    assert await holds.resume(destination)
    assert not await holds.resume(destination)
