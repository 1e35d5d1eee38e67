"""Ingress does not overrun the watermark between two checks of Redis."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from support.admission import admission_to
from support.events import event_from
from support.memory import fill, used_share

from router.clock import Clock
from router.errors import JournalUnavailableError, OverloadedError
from router.events.model import Received
from router.ingress.admission import HIGH_WATERMARK
from router.ingress.commit import EventCommit
from router.journal.batches import Batches
from router.journal.connection import Connection
from router.metrics import Metrics

LIMIT = 32 << 20
SIZE = 50_000


@pytest.fixture
async def limited(connection: Connection) -> AsyncIterator[Connection]:
    """A Redis of 32 MiB."""
    await connection.redis.config_set("maxmemory", LIMIT)
    yield connection
    await connection.redis.config_set("maxmemory", 0)


class Process:
    """The intake of one process; its watch of Redis does not run."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self.admission = admission_to(connection, strict=False)
        self.commit = EventCommit(
            Batches(connection, clock),
            self.admission,
            Metrics(),
            interval=0.0,
            max_waiting=10_000,
            monotonic=asyncio.get_running_loop().time,
        )
        self.runner = asyncio.get_running_loop().create_task(self.commit.run())


@pytest.mark.fault_row(12)
@pytest.mark.parametrize("processes", [1, 8])
async def test_what_is_written_between_two_looks_does_not_overrun_the_watermark(
    limited: Connection, clock: Clock, sample: bytes, processes: int
) -> None:
    """Mutant: ``reserve`` counts nothing; 8 processes fill Redis until it rejects their writes."""
    await fill(limited, 0.5)
    all_processes = [Process(limited, clock) for _ in range(processes)]
    for process in all_processes:
        await process.admission.check_store()
    event = event_from(sample, id="NO1", text="x" * SIZE)

    async def send_all(process: Process) -> None:
        for _ in range(LIMIT // SIZE):
            process.admission.check()
            await process.commit.commit_from(None, Received([event], []), SIZE)

    async def send(process: Process) -> None:
        with pytest.raises((JournalUnavailableError, OverloadedError), match="more than 80%"):
            await send_all(process)

    async with asyncio.TaskGroup() as group:
        for process in all_processes:
            group.create_task(send(process))

    assert HIGH_WATERMARK - 0.05 < await used_share(limited) < HIGH_WATERMARK + 0.03
    for process in all_processes:
        process.runner.cancel()
    await asyncio.wait([process.runner for process in all_processes])
