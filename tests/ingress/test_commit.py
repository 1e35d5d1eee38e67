"""The moment at which a batch of requests is written to Redis."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from support.admission import admission_to

from router.clock import Clock
from router.events.decode import decode_strictly
from router.events.model import Received
from router.ingress.commit import EventCommit
from router.journal.batches import Batches
from router.journal.connection import Connection
from router.metrics import Metrics


class Sender:
    """A connection, of which the commit needs only the identity."""


@pytest.fixture
async def commit(connection: Connection, clock: Clock) -> AsyncIterator[EventCommit]:
    """Return a commit whose interval is longer than any test."""
    commit = EventCommit(
        Batches(connection, clock),
        admission_to(connection, strict=False),
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
    """Send a request from each connection."""
    loop = asyncio.get_running_loop()
    return [loop.create_task(commit.commit_from(each, request, 100)) for each in senders]


async def answered(*tasks: "asyncio.Task[None]") -> None:
    """Return once all are committed; by the interval alone that would take an hour."""
    async with asyncio.timeout(60):
        await asyncio.wait(tasks)


async def waiting(*tasks: "asyncio.Task[None]") -> bool:
    """Return whether all still wait, after a moment in which a response could have come."""
    await asyncio.wait(tasks, timeout=0.05)
    return not any(task.done() for task in tasks)


async def test_a_batch_that_includes_all_senders_leaves_at_once(
    commit: EventCommit, request_: Received
) -> None:
    senders = [Sender() for _ in range(3)]
    for _ in range(4):
        await answered(*send(commit, request_, *senders))


async def test_a_batch_waits_for_senders_that_may_still_send(
    commit: EventCommit, request_: Received
) -> None:
    senders = [Sender() for _ in range(3)]
    await answered(*send(commit, request_, *senders))
    early = send(commit, request_, *senders[:2])
    assert await waiting(*early)
    await answered(*early, *send(commit, request_, senders[2]))


async def test_a_batch_does_not_wait_for_a_sender_that_disconnected(
    commit: EventCommit, request_: Received
) -> None:
    senders = [Sender() for _ in range(3)]
    await answered(*send(commit, request_, *senders))
    del senders[2]
    await answered(*send(commit, request_, *senders))


async def test_a_request_whose_connection_closed_meanwhile_is_committed(
    commit: EventCommit, request_: Received
) -> None:
    """Mutant: ``or`` for ``and``; None is no sender."""
    async with asyncio.timeout(60):
        await commit.commit_from(None, request_, 100)

    assert commit._enough_events() == 1
