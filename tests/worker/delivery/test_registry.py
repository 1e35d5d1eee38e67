"""The destinations of a process are exchanged all or none."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from support.waiting import until

from router.alerts import Delivered, Delivery, Outcome, Preview
from router.clock import Clock
from router.destinations.contract import DestinationConfig
from router.destinations.spec import DestinationSpec
from router.errors import ConfigurationError
from router.journal import keys
from router.journal.connection import Connection
from router.metrics import Metrics
from router.worker.delivery.registry import ActiveDestination, DestinationPool
from router.worker.queue.queue_spec import QueueSpec
from router.worker.queue.supervisor import Supervisor


class Recorded:
    """A destination that records whether it is open. ``fails`` is raised by ``open``."""

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
    """Stands in for DeliveryJob: it only has ``draining``."""

    draining = False


class Process:
    """A pool with a real supervisor, and all destinations that it built."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self.built: list[Recorded] = []
        self.fails: dict[str, Exception] = {}
        self.job_seconds = 5.0
        self.supervisor = Supervisor(connection, [], Metrics(), clock, lease=1.0, poll_delay=3600.0)
        self.pool = DestinationPool(self.supervisor, self._build)

    def _build(self, spec: DestinationSpec) -> ActiveDestination:
        destination = Recorded(spec, self.fails.get(spec.name))
        self.built.append(destination)

        async def nothing(*_: object) -> bool:
            return True

        job = QueueSpec(
            queue=keys.deliver_queue(spec.name),
            function="test",
            run=nothing,
            max_jobs=1,
            limit_seconds=self.job_seconds,
        )
        return ActiveDestination(spec, destination, Drains(), job)  # type: ignore[arg-type]

    async def change(self, *specs: DestinationSpec) -> None:
        self.pool.swap(await self.pool.prepare(specs))

    def open_names(self) -> list[str]:
        return [destination.name for destination in self.built if destination.is_open]

    async def are_open(self, *names: str) -> None:
        async def are_equal() -> bool:
            return self.open_names() == list(names)

        await until(are_equal)


def spec(name: str, timeout: float = 10.0) -> DestinationSpec:
    config = DestinationConfig(concurrency=int(timeout))
    return DestinationSpec(name=name, kind="capture", config=config)


@pytest.fixture
async def process(connection: Connection, clock: Clock) -> AsyncIterator[Process]:
    process = Process(connection, clock)
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(process.supervisor.run()), loop.create_task(process.pool.run())]
    yield process
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def test_unchanged_destinations_stay_and_the_others_are_exchanged(process: Process) -> None:
    await process.change(spec("a"), spec("b"), spec("c"))
    a, b, c = process.built

    await process.change(spec("a"), spec("b", 20.0), spec("d"))

    await process.are_open("a", "b", "d")
    assert (a.is_open, b.is_open, c.is_open) == (True, False, False)
    assert process.pool.names == ("a", "b", "d")


async def test_a_destination_that_cannot_be_opened_changes_nothing(process: Process) -> None:
    await process.change(spec("a"))
    process.fails["c"] = OSError("no such file: s3cret.pem")

    with pytest.raises(ConfigurationError) as caught:
        await process.change(spec("b"), spec("c"))

    assert str(caught.value) == "destination c cannot be opened: OSError"
    assert process.open_names() == ["a"]
    assert process.pool.names == ("a",)


async def test_the_next_change_waits_while_many_destinations_retire(process: Process) -> None:
    await process.change(*(spec(f"d{number}") for number in range(20)))
    await process.change()
    assert len(process.open_names()) == 20

    await process.change(spec("new"))

    assert len(process.open_names()) < 18


async def test_closing_closes_all(process: Process) -> None:
    await process.change(spec("a"), spec("b"))

    await process.pool.close()

    assert process.open_names() == []
