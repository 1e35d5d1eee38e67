"""kill -9 of each part under load: every event that got a 202 reaches every destination.

The ledger of accepted and delivered ids decides; figures are printed (``pytest -s``).
"""

import asyncio
from collections import Counter

import pytest
from support.processes import RouterProcess
from support.receivers import Receivers
from support.sender import Sender
from support.waiting import until

from router.dev.embedded_redis import EmbeddedRedis
from router.events.masks import NO_MASKS
from router.history.delivery_history import DeliveryFilter, DeliveryHistory
from router.history.event_filter import EventFilter
from router.history.event_history import EventHistory
from router.history.records import EventOutcome
from router.journal import ledger
from router.journal.connection import connect

EVENTS = 240
"""In flight when the worker is killed."""
LOAD = 160
CONCURRENCY = 20
"""Slots of a destination in one worker: what can be in flight when it is killed."""


def ids(count: int = EVENTS, *, first: int = 0) -> list[str]:
    return [f"NO{number}" for number in range(first, first + count)]


def report(fault: str, sender: Sender, delivered: dict[str, Counter[str]]) -> None:
    """Print the counts of a run."""
    figures = ", ".join(
        f"{name} {len(has)} (+{has.total() - len(has)} repeated)" for name, has in delivered.items()
    )
    print(f"\n{fault}: {len(sender.accepted)} accepted, {sender.refused} refused; {figures}")  # noqa: T201


async def balanced(redis: EmbeddedRedis) -> ledger.Ledger:
    """The books, once nothing is pending."""
    connection = connect(redis.url, deadline=5.0, max_connections=2)

    async def settled() -> ledger.Ledger | None:
        books = await ledger.read(connection)
        pending = [books.pending, *(each.pending for each in books.destinations.values())]
        return None if any(pending) else books

    try:
        return await until(settled)
    finally:
        await connection.close()


async def check_history(redis: EmbeddedRedis, sender: Sender, destinations: int = 3) -> None:
    """Each accepted event is in history once, and each of its deliveries."""
    connection = connect(redis.url, deadline=5.0, max_connections=2)
    try:
        events = await EventHistory(connection, NO_MASKS).page(
            EventFilter(), limit=1 << 20, max_scanned=1 << 20
        )
        ended = await DeliveryHistory(connection).page(
            DeliveryFilter(), limit=1 << 20, max_scanned=1 << 20
        )
    finally:
        await connection.close()
    first = Counter(e.id for e in events.items if e.outcome is not EventOutcome.DUPLICATE)
    assert first == Counter(sender.accepted)
    deliveries = {each.id: each.event_id for each in ended.items}
    assert Counter(deliveries.values()) == Counter(dict.fromkeys(sender.accepted, destinations))


async def some_accepted(sender: Sender) -> None:
    async def enough() -> bool:
        return len(sender.accepted) >= LOAD // 4

    await until(enough)


async def some_delivered(receivers: Receivers, count: int) -> None:
    async def enough() -> bool:
        return min(receivers.counts().values()) >= count

    await until(enough)


@pytest.mark.fault_row(1)
async def test_a_killed_worker_loses_nothing_and_repeats_only_what_was_in_flight(
    redis: EmbeddedRedis, receivers: Receivers, environ: dict[str, str], sample: bytes
) -> None:
    """Mutant: a set is deleted when it is read."""
    sender = Sender(sample)
    async with RouterProcess("ingress", environ=environ) as ingress:
        await sender.send(ingress.url, ids())
    async with RouterProcess("worker", environ=environ) as worker:
        await some_delivered(receivers, 60)
        await worker.kill()
    assert min(receivers.counts().values()) < EVENTS

    async with RouterProcess("worker", environ=environ):
        delivered = await receivers.have_all(sender.accepted, seconds=60)
        books = await balanced(redis)

    report("worker killed", sender, delivered)
    await check_history(redis, sender)
    assert sender.accepted == set(ids())
    repeated = {name: has.total() - len(has) for name, has in delivered.items()}
    assert max(repeated.values()) <= CONCURRENCY
    assert books.accepted == books.matched == EVENTS
    assert {each.delivered for each in books.destinations.values()} == {EVENTS}


@pytest.mark.fault_row(3)
async def test_an_ingress_killed_under_load_keeps_what_it_accepted(
    redis: EmbeddedRedis, receivers: Receivers, environ: dict[str, str], sample: bytes
) -> None:
    """Mutant: ingress accepts what it could not commit."""
    sender = Sender(sample, seconds=60)
    async with (
        RouterProcess("worker", environ=environ),
        RouterProcess("ingress", environ=environ) as ingress,
    ):
        ingress.keep_address()
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(sender.send(ingress.url, ids(LOAD)))
            await some_accepted(sender)
            await ingress.kill()
            assert not sending.done()
            await ingress.start()
            await sending
        delivered = await receivers.have_all(sender.accepted, seconds=60)
        books = await balanced(redis)

    report("ingress killed", sender, delivered)
    assert sender.accepted == set(ids(LOAD))
    assert sender.refused > 0
    assert {has.total() for has in delivered.values()} == {LOAD}
    assert books.matched == LOAD
    assert books.accepted == LOAD + books.duplicate


@pytest.mark.fault_row(4)
async def test_a_redis_killed_under_load_loses_nothing_that_was_accepted(
    redis: EmbeddedRedis, receivers: Receivers, environ: dict[str, str], sample: bytes
) -> None:
    """Mutant: ingress accepts what it could not commit."""
    sender = Sender(sample, seconds=60)
    async with (
        RouterProcess("worker", environ=environ),
        RouterProcess("ingress", environ=environ) as ingress,
        asyncio.TaskGroup() as group,
    ):
        sending = group.create_task(sender.send(ingress.url, ids(LOAD)))
        await some_accepted(sender)
        redis.kill()
        assert not sending.done()
        redis.start()
        await sending
        delivered = await receivers.have_all(sender.accepted, seconds=60)
        books = await balanced(redis)

    report("redis killed", sender, delivered)
    assert sender.accepted == set(ids(LOAD))
    assert {has.total() for has in delivered.values()} == {LOAD}
    assert books.matched == LOAD


@pytest.mark.fault_row(18)
async def test_a_worker_that_is_told_to_stop_finishes_and_repeats_nothing(
    redis: EmbeddedRedis, receivers: Receivers, environ: dict[str, str], sample: bytes
) -> None:
    """Mutant: a drain cancels running jobs at once."""
    sender = Sender(sample)
    async with RouterProcess("ingress", environ=environ) as ingress:
        await sender.send(ingress.url, ids(LOAD))
    async with RouterProcess("worker", environ=environ):
        await some_delivered(receivers, 60)

    async with RouterProcess("worker", environ=environ):
        delivered = await receivers.have_all(sender.accepted, seconds=60)
        await balanced(redis)

    report("worker told to stop", sender, delivered)
    assert {has.total() for has in delivered.values()} == {LOAD}


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_everything_killed_again_and_again_loses_nothing(
    redis: EmbeddedRedis, receivers: Receivers, environ: dict[str, str], sample: bytes
) -> None:
    """Thirty kills under load, each part in turn; the same address each time."""
    rounds, per_round = 30, 200
    sender = Sender(sample, seconds=500)
    worker = RouterProcess("worker", environ=environ)
    ingress = RouterProcess("ingress", environ=environ)
    async with worker, ingress, asyncio.TaskGroup() as group:
        ingress.keep_address()
        sending = group.create_task(sender.send(ingress.url, ids(rounds * per_round)))
        for number in range(rounds):

            async def enough(goal: int = number * per_round + per_round // 2) -> bool:
                return len(sender.accepted) >= goal

            await until(enough)
            if number % 3 == 0:
                await worker.kill()
                await worker.start()
            elif number % 3 == 1:
                await ingress.kill()
                await ingress.start()
            else:
                redis.kill()
                redis.start()
        await sending
        delivered = await receivers.have_all(sender.accepted, seconds=120)
        await balanced(redis)
    report(f"{rounds} kills", sender, delivered)
    await check_history(redis, sender)
    assert sender.accepted == set(ids(rounds * per_round))
    repeated = {name: has.total() - len(has) for name, has in delivered.items()}
    assert max(repeated.values()) <= rounds * CONCURRENCY
