"""Quarantined events: replayed through the same door, judged once, or discarded."""

import asyncio

import pytest
from support.events import event_from, held_by

from router.clock import Clock
from router.events.model import Event, Malformed, Received
from router.journal import keys, ledger
from router.journal.batches import (
    Batches,
    Quarantined,
)
from router.journal.connection import Connection
from router.journal.finish import FinishedWork
from router.journal.keys import BatchId
from router.journal.quarantine import Quarantine, QuarantineFilter, QuarantineRecord


@pytest.fixture
def batches(connection: Connection, clock: Clock) -> Batches:
    return Batches(connection, clock)


@pytest.fixture
def quarantine(connection: Connection, clock: Clock) -> Quarantine:
    return Quarantine(connection, clock)


async def everything(quarantine: Quarantine) -> tuple[QuarantineRecord, ...]:
    return (await quarantine.find(QuarantineFilter())(None, 100)).items


async def quarantined(batches: Batches, event: Event) -> None:
    """Accept an event, claim it and put it into quarantine."""
    await batches.accept([Received([event], [])])
    await batches.begin(BatchId("id0001"), claim_seconds=100)
    record = Quarantined(reason="poison", body=event.body, received_at=event.received_at)
    verdict = FinishedWork(duplicate=0, filtered=0, matched=0, quarantined=(record,), deliveries=())
    assert await batches.finish(BatchId("id0001"), verdict)


async def test_a_replayed_event_is_accepted_anew_and_is_no_duplicate_of_itself(
    batches: Batches, quarantine: Quarantine, connection: Connection, sample: bytes
) -> None:
    event = event_from(sample)
    await quarantined(batches, event)
    items = await everything(quarantine)

    assert await quarantine.replay(items) == 1

    batch = BatchId("id0003")
    begun = await batches.begin(batch, claim_seconds=100)
    assert begun is not None
    assert (begun.events, begun.claims) == ([event], [True])
    books = await ledger.read(connection)
    assert (books.accepted, books.quarantined, books.pending) == (2, 1, 1)
    assert books.quarantine_replayed == 1
    assert await everything(quarantine) == ()


async def test_a_claim_of_another_batch_stands(
    batches: Batches, quarantine: Quarantine, sample: bytes
) -> None:
    event = event_from(sample)
    malformed = Malformed("not yet understood", "$", event.received_at, event.body)
    await batches.accept([Received([event], [malformed])])
    await batches.begin(BatchId("id0001"), claim_seconds=100)

    await quarantine.replay(await everything(quarantine))

    begun = await batches.begin(BatchId("id0003"), claim_seconds=100)
    assert begun is not None
    assert (begun.events, begun.claims) == ([event], [False])


async def test_replayed_twice_at_once_it_is_accepted_once(
    batches: Batches, quarantine: Quarantine, connection: Connection, sample: bytes
) -> None:
    await quarantined(batches, event_from(sample))
    items = await everything(quarantine)

    async with asyncio.TaskGroup() as group:
        replays = [group.create_task(quarantine.replay(items)) for _ in range(3)]

    assert sorted(task.result() for task in replays) == [0, 0, 1]
    assert await connection.redis.zcard(keys.BATCHES) == 1


@pytest.mark.parametrize("count", [15, 16, 100])
async def test_many_go_as_one_batch(
    batches: Batches, quarantine: Quarantine, connection: Connection, sample: bytes, count: int
) -> None:
    bodies = [event_from(sample, id=f"NO{number}").body for number in range(count)]
    malformed = [Malformed("not yet understood", "$", 1.0, body) for body in bodies]
    await batches.accept([Received([], malformed)])

    assert await quarantine.replay(await everything(quarantine)) == count

    ((batch_id, _),) = await connection.redis.zrange(keys.BATCHES, 0, -1, withscores=True)
    events = await held_by(batches, batch_id.decode())
    assert events is not None
    assert sorted(event.body for event in events) == sorted(bodies)


async def test_what_still_is_no_event_stays(batches: Batches, quarantine: Quarantine) -> None:
    bad = Malformed("Object missing required field `id`", "$[0]", 1.0, b'{"specversion": "1.0"}')
    await batches.accept([Received([], [bad])])

    assert await quarantine.replay(await everything(quarantine)) == 0

    (item,) = await everything(quarantine)
    assert await quarantine.get(item.id) == item


async def test_what_is_discarded_is_gone_and_counted(
    batches: Batches, quarantine: Quarantine, connection: Connection, sample: bytes
) -> None:
    await quarantined(batches, event_from(sample))
    items = await everything(quarantine)

    assert await quarantine.discard(items) == 1
    assert await quarantine.discard(items) == 0

    books = await ledger.read(connection)
    assert (books.quarantined, books.quarantine_discarded, books.pending) == (1, 1, 0)
    assert await everything(quarantine) == ()
