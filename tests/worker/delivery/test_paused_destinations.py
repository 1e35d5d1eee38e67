"""Paused destinations, as each worker polls them."""

import asyncio

import msgspec
import pytest
from support.clock import SetClock
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


REFUSED = Pause(kind=PauseKind.REFUSED, at=1_700_000_000.0, reason="10 refusals in a row")


async def test_a_destination_that_refuses_is_paused_for_all_and_tried_again(
    connection: Connection, time: SetClock
) -> None:
    """Case D25: a trial after a minute; if that is refused, the next one after two more."""
    pauses = Pauses(connection)
    first, second = (PausedDestinations(pauses, time.clock(), lambda: None) for _ in range(2))
    first.update({})
    await first.refuse("mail", "10 refusals in a row")
    assert await pauses.all() == {"mail": REFUSED}
    second.update(await pauses.all())
    assert (first.wait("mail"), second.wait("mail")) == (60.0, 60.0)

    time.now += 60.0
    assert (first.is_paused("mail"), second.is_paused("mail")) == (False, False)
    await first.refuse("mail", "11 refusals in a row")

    assert (first.wait("mail"), second.wait("mail")) == (120.0, 0.0)
    assert await pauses.all() == {"mail": REFUSED}  # the first reason, and when it began


async def test_what_it_accepts_resumes_a_destination_that_refused(
    connection: Connection, time: SetClock
) -> None:
    """Case D25."""
    resumed: list[str] = []
    pauses = Pauses(connection)
    paused = PausedDestinations(pauses, time.clock(), lambda: resumed.append("resumed"))
    paused.update({})
    await paused.refuse("mail", "10 refusals in a row")
    resumed.clear()

    await paused.accept("mail")

    assert (paused.wait("mail"), await pauses.all(), resumed) == (0.0, {}, ["resumed"])


@pytest.mark.parametrize("kind", [PauseKind.PAUSED, PauseKind.DISABLED])
async def test_only_an_operator_ends_the_other_pauses(
    connection: Connection, clock: Clock, kind: PauseKind
) -> None:
    pause = msgspec.structs.replace(PAUSED, kind=kind)
    pauses = Pauses(connection)
    await pauses.pause("mail", pause)
    paused = PausedDestinations(pauses, clock, lambda: None)
    paused.update(await pauses.all())

    await paused.accept("mail")
    await pauses.resume_refused("mail")

    assert paused.wait("mail") == float("inf")
    assert await pauses.all() == {"mail": pause}


async def test_an_operators_pause_replaces_one_that_ends_by_itself(
    connection: Connection,
) -> None:
    """Case D25: who pauses a destination that is paused for its refusals wants it to stay so."""
    pauses = Pauses(connection)
    assert await pauses.pause("mail", REFUSED)
    assert not await pauses.pause("mail", REFUSED)

    assert await pauses.pause("mail", PAUSED)

    assert not await pauses.pause("mail", REFUSED)
    assert await pauses.all() == {"mail": PAUSED}
