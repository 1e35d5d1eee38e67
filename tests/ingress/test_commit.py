"""When the events of requests leave for Redis."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from router.clock import Clock
from router.events.decode import (
    decode_strictly,
)
from router.events.model import (
    Received,
)
from router.ingress.commit import EventCommit
from router.journal.batches import Batches
from router.journal.connection import Connection
from router.metrics import Metrics


class Sender:
    """What a connection is to the commit."""


@pytest.fixture
async def commit(connection: Connection, clock: Clock) -> AsyncIterator[EventCommit]:
    """One whose pace no test could wait for."""
    commit = EventCommit(
        Batches(connection, clock),
        Metrics(),
        interval=3600.0,
        max_waiting=1000,
        monotonic=asyncio.get_running_loop().time,
    )
    runner = asyncio.get_running_loop().create_task(commit.run())
    yield commit
    runner.cancel()
    await asyncio.wait([runner])


@pytest.fixture
def request_(sample: bytes) -> Received:
    return Received(decode_strictly(sample, received_at=1.0, max_events=1), [])


Tasks = list["asyncio.Task[None]"]


def send(commit: EventCommit, request: Received, *senders: Sender) -> Tasks:
    """A request from each."""
    loop = asyncio.get_running_loop()
    return [loop.create_task(commit.commit_from(each, request, 100)) for each in senders]


async def answered(*tasks: "asyncio.Task[None]") -> None:
    """Return once all are; with the pace that would be in an hour."""
    async with asyncio.timeout(10):
        await asyncio.wait(tasks)


async def waiting(*tasks: "asyncio.Task[None]") -> bool:
    """Whether all of them still are, after a moment in which an answer could have come."""
    await asyncio.wait(tasks, timeout=0.05)
    return not any(task.done() for task in tasks)


async def test_senders_that_all_wait_are_not_kept_waiting(
    commit: EventCommit, request_: Received
) -> None:
    senders = [Sender() for _ in range(3)]
    for _ in range(4):
        await answered(*send(commit, request_, *senders))


async def test_a_batch_waits_for_those_who_may_still_send(
    commit: EventCommit, request_: Received
) -> None:
    senders = [Sender() for _ in range(3)]
    await answered(*send(commit, request_, *senders))
    early = send(commit, request_, *senders[:2])
    assert await waiting(*early)
    await answered(*early, *send(commit, request_, senders[2]))


async def test_nobody_waits_for_a_sender_that_has_gone(
    commit: EventCommit, request_: Received
) -> None:
    senders = [Sender() for _ in range(3)]
    await answered(*send(commit, request_, *senders))
    del senders[2]
    await answered(*send(commit, request_, *senders))
