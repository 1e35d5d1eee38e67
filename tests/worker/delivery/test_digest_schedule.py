"""A digest's deliveries wait in the journal, in one set, and are sent together at its end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from support.clock import SetClock
from support.events import deliveries_of, event_from

from router.alerts import Failed, Refused
from router.clock import Clock
from router.datatypes import Duration, Secret
from router.destinations.contract import DestinationConfig
from router.destinations.email_config import EmailConfig
from router.destinations.rendering.digest import DigestConfig
from router.events.model import Received
from router.journal import keys, ledger
from router.journal.batches import Batches
from router.journal.connection import Connection
from router.journal.crash_counts import CrashCounter
from router.journal.deliveries import Deliveries
from router.journal.finish import FinishedWork
from router.journal.keys import BatchId, SetId
from router.journal.pauses import Pauses
from router.journal.settlements import Requeued
from router.metrics import Metrics
from router.worker.delivery.delivery_admission import DeliveryAdmission
from router.worker.delivery.delivery_job import DeliveryJob, DeliveryJournal
from router.worker.delivery.digest_schedule import defer_to_window_end, requeue
from router.worker.delivery.paused_destinations import PausedDestinations
from router.worker.delivery.settlement import make_settler
from router.worker.queue.poison import PoisonDetector

HOURLY = EmailConfig(
    to=("noc@example.com",),
    from_="router@example.com",
    smtp_url=Secret("smtp://127.0.0.1"),
    digest=DigestConfig(every=Duration(3600)),
)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def digest(mail: Any) -> Any:
    mail.config = HOURLY
    return mail


@pytest.fixture
async def deliver(
    connection: Connection, clock: Clock, digest: Any, metrics: Metrics
) -> AsyncIterator[DeliveryJob]:
    deliveries = Deliveries(connection, clock)
    settling = make_settler(deliveries, clock)
    runner = asyncio.get_running_loop().create_task(settling.run())
    paused = PausedDestinations(Pauses(connection), clock, lambda: None)
    paused.update({})
    flow = DeliveryAdmission("mail", digest.config, None, paused, metrics, clock)
    shared = DeliveryJournal(deliveries, settling, PoisonDetector(CrashCounter(connection)))
    yield DeliveryJob(digest, shared, flow, metrics, clock)
    runner.cancel()
    await asyncio.wait([runner])


@pytest.fixture
def open_set(connection: Connection, clock: Clock, sample: bytes) -> Callable[[str], Any]:
    """Open a set of three deliveries of one event and return its id."""

    async def open_for(event_id: str) -> SetId:
        event = event_from(sample, id=event_id)
        batches = Batches(connection, clock)
        await batches.accept([Received([event], [])])
        await connection.redis.delete(keys.filling(keys.deliver_queue("mail")))
        (batch,) = await connection.redis.zrange(keys.BATCHES, 0, -1)
        before = set(await connection.redis.zrange(keys.open_sets("mail"), 0, -1))
        verdict = FinishedWork(
            duplicate=0,
            filtered=0,
            matched=1,
            quarantined=(),
            deliveries=deliveries_of(event, 3),
        )
        await batches.finish(BatchId(batch.decode()), verdict)
        (made,) = set(await connection.redis.zrange(keys.open_sets("mail"), 0, -1)) - before
        return SetId(made.decode())

    return open_for


def end(time: SetClock) -> float:
    until = HOURLY.due_at(time.now)
    assert until is not None
    return until


async def sets(connection: Connection) -> dict[str, int]:
    """The open sets with their numbers of deliveries."""
    names = [each.decode() for each in await connection.redis.zrange(keys.open_sets("mail"), 0, -1)]
    return {name: await connection.redis.hlen(keys.delivery_set(SetId(name))) for name in names}


@pytest.mark.parametrize(
    ("due_at", "in_digest", "expected"),
    [
        (1.0, False, 1.0),
        (1.0, True, 60.0),
        (60.0, True, 60.0),
        (60.001, True, 120.0),
        (0.0, True, 0.0),
    ],
)
def test_retries_of_a_digest_are_due_at_a_full_minute(
    due_at: float, *, in_digest: bool, expected: float, sample: bytes
) -> None:
    (delivery,) = deliveries_of(event_from(sample), 1)
    moved = requeue(SetId("id0001"), delivery, due_at, now=0.0, in_digest=in_digest)
    assert (moved.due_at, moved.in_digest) == (expected, in_digest)


@pytest.mark.parametrize(
    ("set_id", "config", "due_at"),
    [
        (SetId("id0001"), HOURLY, 1_700_002_800.0),
        (SetId("id0001"), DestinationConfig(), None),
        (keys.digest_set("mail", 1_700_002_800_000), HOURLY, None),
    ],
)
def test_only_a_digests_new_deliveries_are_deferred(
    set_id: SetId, config: DestinationConfig, due_at: float | None, sample: bytes
) -> None:
    deliveries = deliveries_of(event_from(sample), 2)
    deferred = defer_to_window_end(set_id, deliveries, config, now=1_700_000_000.0)
    if due_at is None:
        assert deferred is None
    else:
        assert deferred is not None
        assert [(move.delivery, move.due_at, move.in_digest) for move in deferred] == [
            (delivery, due_at, True) for delivery in deliveries
        ]


async def test_deliveries_wait_in_one_set_until_the_end_of_the_span(
    deliver: DeliveryJob, digest: Any, open_set: Any, connection: Connection, time: SetClock
) -> None:
    first, second = await open_set("NO1"), await open_set("NO2")
    assert await deliver.run(first)
    time.now += 1
    assert await deliver.run(second)

    gathered = keys.digest_set("mail", int(end(time) * 1000))
    assert digest.sent == []
    assert await sets(connection) == {gathered: 6}
    for queue in (keys.open_sets("mail"), keys.deliver_queue("mail")):
        assert await connection.redis.zscore(queue, gathered) == end(time) * 1000
    assert await connection.redis.exists(keys.job(gathered)) == 1
    assert (await ledger.read(connection)).destinations["mail"].pending == 6


async def test_at_the_end_of_the_span_all_leave(
    deliver: DeliveryJob, digest: Any, open_set: Any, connection: Connection, time: SetClock
) -> None:
    for name in ("NO1", "NO2"):
        await deliver.run(await open_set(name))
    until = end(time)
    time.now = until
    gathered = keys.digest_set("mail", int(until * 1000))
    assert not await deliver.run(gathered)  # others may have joined it meanwhile

    assert await deliver.run(gathered)
    assert len(digest.sent) == 6
    assert await sets(connection) == {}
    assert (await ledger.read(connection)).destinations["mail"].delivered == 6


async def test_what_failed_together_is_tried_again_together(
    deliver: DeliveryJob, digest: Any, open_set: Any, connection: Connection, time: SetClock
) -> None:
    await deliver.run(await open_set("NO1"))
    until = end(time)
    time.now = until + 1
    digest.outcomes += [
        Failed("451 later"),
        Failed("451 later"),
        Refused("550 no", of_delivery=True),
    ]
    await deliver.run(keys.digest_set("mail", int(until * 1000)))

    again = keys.digest_set("mail", int((until + 60) * 1000))
    assert await sets(connection) == {again: 2}
    time.now = until + 60
    assert not await deliver.run(again)
    assert await deliver.run(again)
    assert [delivery.attempt for delivery in digest.sent] == [1, 1, 1, 2, 2]
    books = (await ledger.read(connection)).destinations["mail"]
    assert (books.delivered, books.dead, books.pending) == (2, 1, 0)


async def test_running_a_set_again_moves_nothing_twice(
    deliver: DeliveryJob, open_set: Any, connection: Connection
) -> None:
    opened = await open_set("NO1")
    for _ in range(2):
        assert await deliver.run(opened)
    assert list((await sets(connection)).values()) == [3]


async def test_what_is_put_back_into_its_own_set_is_not_lost(
    open_set: Any, connection: Connection, clock: Clock
) -> None:
    deliveries = Deliveries(connection, clock)
    due_at = 2_000_000_000.0
    gathered = keys.digest_set("mail", int(due_at * 1000))

    async def move_all(set_id: SetId) -> None:
        found = (await deliveries.begin(set_id, "mail")).deliveries
        await deliveries.settle([Requeued(set_id, each, due_at, in_digest=True) for each in found])

    await move_all(await open_set("NO1"))
    assert await sets(connection) == {gathered: 3}
    await move_all(gathered)
    assert sum((await sets(connection)).values()) == 3
