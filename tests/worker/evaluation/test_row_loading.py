"""Rows that rules expect, on a real Redis with a set clock: restarts, reloads, several workers."""

import asyncio
import contextlib

import pytest
from support.clock import SetClock
from support.cutting import Cutting
from support.world import World

from router.configuration.model import ActiveConfiguration
from router.errors import JournalUnavailableError
from router.journal.connection import Connection
from router.journal.row_sets import RowSets
from router.worker.evaluation.row_loading import RowLoading


def rules(*hosts: str, span: str = "5m") -> str:
    rows = ", ".join(f"{host}: {{}}" for host in hosts)
    return f"""
tables: {{hosts: {{rows: {{{rows}}}}}}}
rules:
  - name: silent-host
    events: [beat]
    absent: {{event: beat, for: {span}, by: [data.host], expected: tables.hosts}}
    summary: "{{{{ data.host }}}}"
    send_to: [noc]
"""


class Deployment:
    """Workers that run one after the other, or side by side."""

    def __init__(self, connection: Connection, time: SetClock, text: str) -> None:
        self.connection, self.time = connection, time
        self.began = time.now
        self.world = World(connection, time, text)
        self.loading = self.new_loading()

    def new_loading(self) -> RowLoading:
        live: ActiveConfiguration = self.world.live
        return RowLoading(RowSets(self.connection, self.world.clock), live, self.world.clock)

    async def start(self, text: str = "") -> None:
        """Start a worker, with other rules if there are some, and let it load its rows."""
        if text:
            self.world = World(self.connection, self.time, text)
        self.loading = self.new_loading()
        await self.loading.check()
        await self.world.passes(0)

    async def beat(self, host: str) -> None:
        name = f"{host} {self.time.now}"
        await self.world.send(self.world.event(name, type="beat", host=host))

    async def told(self, seconds: int) -> list[tuple[int, str]]:
        """Let time pass; return when which host was told of."""
        await self.world.passes(seconds)
        return sorted(
            (
                round(each.alert.raised_at - self.began),
                each.alert.event.split(b'"host":"')[1][:2].decode(),
            )
            for each in await self.world.told()
        )


async def test_a_restart_changes_nothing_for_those_that_wait(
    connection: Connection, time: SetClock
) -> None:
    deployment = Deployment(connection, time, rules("h1", "h2"))
    await deployment.start()
    await deployment.world.passes(200)
    await deployment.beat("h1")
    await deployment.start()
    await deployment.loading.check()

    assert await deployment.told(99) == []
    assert await deployment.told(1) == [(300, "h2")]
    await deployment.start()
    assert await deployment.told(199) == []
    assert await deployment.told(1000) == [(500, "h1")]


async def test_rows_of_a_reload_are_expected_from_then_on_and_removed_ones_are_forgotten(
    connection: Connection, time: SetClock
) -> None:
    deployment = Deployment(connection, time, rules("h1", "h2", "h3"))
    await deployment.start()
    await deployment.world.passes(200)
    await deployment.beat("h3")

    await deployment.start(rules("h1", "h4"))

    assert await deployment.told(1000) == [(300, "h1"), (500, "h4")]
    assert await deployment.world.timers() == []
    await deployment.start(rules("h1", "h2"))  # it has been away
    assert await deployment.told(1000) == [(1500, "h2")]


async def test_several_workers_expect_each_row_once(connection: Connection, time: SetClock) -> None:
    deployment = Deployment(connection, time, rules("h1", "h2"))
    world = deployment.world
    loadings = [deployment.new_loading() for _ in range(3)]

    async with asyncio.TaskGroup() as group:
        for each in loadings:
            group.create_task(each.check())

    ((timer, _),) = await world.timers()
    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(world.timer_worker(connection).run(timer))
    assert await deployment.told(1000) == [(300, "h1"), (300, "h2")]


async def test_a_table_is_loaded_and_forgotten_in_pages(
    connection: Connection, time: SetClock
) -> None:
    many = [f"x{number}" for number in range(501)]
    deployment = Deployment(connection, time, rules(*many))
    await deployment.start()
    assert len(await deployment.world.timers()) == 501

    time.now += 1
    await deployment.start(rules("x7"))

    assert len(await deployment.world.timers()) == 1


async def test_a_worker_with_other_rows_leaves_a_set_to_one_that_has_it(
    connection: Connection, time: SetClock
) -> None:
    """It would expect rows that it does not know, or drop the timer."""
    older = Deployment(connection, time, rules("h1"))
    await older.start()
    newer = Deployment(connection, time, rules("h1", "h2"))
    await newer.loading.check()

    await older.world.passes(4)
    await older.loading.check()  # it has compared its own set already
    assert await older.told(60) == []
    await newer.world.passes(5)

    assert await newer.told(1000) == [(300, "h1"), (300, "h2")]


async def test_a_set_waits_ten_minutes_for_such_a_worker(
    connection: Connection, time: SetClock
) -> None:
    older = Deployment(connection, time, rules("h1"))
    await older.start()
    await older.told(1000)
    await Deployment(connection, time, rules("h1", "h2")).loading.check()

    await older.world.passes(590)
    assert len(await older.world.timers()) == 1
    await older.world.passes(20)

    assert await older.world.timers() == []


async def test_an_emptied_redis_expects_all_rows_again(
    connection: Connection, time: SetClock
) -> None:
    deployment = Deployment(connection, time, rules("h1"))
    await deployment.start()
    await deployment.told(1000)
    await connection.redis.flushall()

    await deployment.loading.check()

    assert await deployment.told(1000) == [(1300, "h1")]


async def test_another_wording_does_not_wait_twice(connection: Connection, time: SetClock) -> None:
    deployment = Deployment(connection, time, rules("h1"))
    await deployment.start()
    await deployment.world.passes(100)

    await deployment.start(rules("h1", span="10m"))

    assert await deployment.told(2000) == [(300, "h1")]


@pytest.mark.parametrize("happens", [False, True], ids=["before", "after"])
async def test_rows_are_expected_once_whenever_a_worker_ends(
    connection: Connection, time: SetClock, *, happens: bool
) -> None:
    deployment = Deployment(connection, time, rules("h1", "h2"))
    await deployment.loading.check()
    ((timer, _),) = await deployment.world.timers()

    for cut_at in range(1, 5):
        with contextlib.suppress(JournalUnavailableError):
            cutting = Cutting(connection, cut_at, happens=happens)
            await deployment.world.timer_worker(cutting).run(timer)
        await deployment.loading.check()

    await deployment.world.passes(0)
    assert await deployment.told(1000) == [(300, "h1"), (300, "h2")]
    assert await deployment.world.timers() == []
