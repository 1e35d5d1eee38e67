"""The destinations of a process, exchanged all or none."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from support.waiting import until

from router.alerts import Delivered, Delivery, Outcome, Preview
from router.clock import Clock
from router.destinations.contract import DestinationConfig
from router.destinations.spec import (
    DestinationSpec,
)
from router.errors import ConfigurationError
from router.journal import keys
from router.journal.connection import Connection
from router.metrics import Metrics
from router.worker.delivery.registry import ActiveDestination, DestinationPool
from router.worker.queue.queue_worker import QueueSpec
from router.worker.queue.supervisor import Supervisor


class Door:
    """A destination that remembers whether it is open. ``fails`` is raised when it is opened."""

    def __init__(self, spec: DestinationSpec, fails: Exception | None) -> None:
        self.name = spec.name
        self.config = DestinationConfig()
        self.is_open = False
        self._fails = fails

    async def open(self) -> None:
        if self._fails is not None:
            raise self._fails
        self.is_open = True

    async def close(self) -> None:
        self.is_open = False

    async def attempt(self, _delivery: Delivery) -> Outcome:
        return Delivered()

    def preview(self, delivery: Delivery) -> Preview:
        return Preview(headers=(), body=delivery.id, content_type="text/plain")


class Drains:
    """In the place of Deliver: only told to stop."""

    draining = False


class Hall:
    """A roster on a real supervisor, and all doors that it ever made."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self.doors: list[Door] = []
        self.fails: dict[str, Exception] = {}
        self.job_seconds = 5.0
        self.supervisor = Supervisor(connection, [], Metrics(), clock, lease=1.0, poll_delay=3600.0)
        self.roster = DestinationPool(self.supervisor, self._build)

    def _build(self, spec: DestinationSpec) -> ActiveDestination:
        door = Door(spec, self.fails.get(spec.name))
        self.doors.append(door)

        async def nothing(*_: object) -> bool:
            return True

        job = QueueSpec(
            queue=keys.deliver_queue(spec.name),
            function="test",
            run=nothing,
            max_jobs=1,
            limit_seconds=self.job_seconds,
        )
        return ActiveDestination(spec, door, Drains(), job)  # type: ignore[arg-type]

    async def change(self, *specs: DestinationSpec) -> None:
        self.roster.swap(await self.roster.prepare(specs))

    def open_doors(self) -> list[str]:
        return [door.name for door in self.doors if door.is_open]

    async def are_open(self, *names: str) -> None:
        async def so() -> bool:
            return self.open_doors() == list(names)

        await until(so)


def spec(name: str, timeout: float = 10.0) -> DestinationSpec:
    config = DestinationConfig(concurrency=int(timeout))
    return DestinationSpec(name=name, kind="capture", config=config)


@pytest.fixture
async def hall(connection: Connection, clock: Clock) -> AsyncIterator[Hall]:
    hall = Hall(connection, clock)
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(hall.supervisor.run()), loop.create_task(hall.roster.run())]
    yield hall
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def test_unchanged_places_stay_and_the_others_are_exchanged(hall: Hall) -> None:
    await hall.change(spec("a"), spec("b"), spec("c"))
    a, b, c = hall.doors

    await hall.change(spec("a"), spec("b", 20.0), spec("d"))

    await hall.are_open("a", "b", "d")
    assert (a.is_open, b.is_open, c.is_open) == (True, False, False)
    assert hall.roster.names == ("a", "b", "d")


async def test_one_that_cannot_be_opened_changes_nothing(hall: Hall) -> None:
    await hall.change(spec("a"))
    hall.fails["c"] = OSError("no such file: s3cret.pem")

    with pytest.raises(ConfigurationError) as caught:
        await hall.change(spec("b"), spec("c"))

    assert str(caught.value) == "destination c cannot be opened: OSError"
    assert hall.open_doors() == ["a"]
    assert hall.roster.names == ("a",)


async def test_the_next_change_waits_while_many_places_are_ending(hall: Hall) -> None:
    await hall.change(*(spec(f"d{number}") for number in range(20)))
    await hall.change()
    assert len(hall.open_doors()) == 20

    await hall.change(spec("new"))

    assert len(hall.open_doors()) < 18


async def test_closing_closes_all(hall: Hall) -> None:
    await hall.change(spec("a"), spec("b"))

    await hall.roster.close()

    assert hall.open_doors() == []
