"""What ended processes is not begun again; what merely was there is."""

import asyncio

import pytest
from support.events import event_from

from router.clock import Clock
from router.configuration import Configuration, Live
from router.events import Received
from router.journal import keys, ledger
from router.journal.batches import Batches
from router.journal.connection import Connection
from router.journal.keys import BatchId
from router.journal.quarantine import Quarantine, Wanted
from router.journal.strikes import Strikes
from router.rules.index import RuleSet
from router.telemetry import Metrics
from router.worker.evaluate import Evaluate
from router.worker.suspects import POISON, Suspects


@pytest.fixture
def suspects(connection: Connection) -> Suspects:
    return Suspects(Strikes(connection))


async def test_an_event_that_ended_three_processes_is_quarantined_and_its_neighbours_judged(
    connection: Connection, clock: Clock, suspects: Suspects, sample: bytes
) -> None:
    events = [event_from(sample, id=f"NO{number}") for number in range(3)]
    batches = Batches(connection, clock)
    await batches.accept([Received(events, [])])
    for _ in range(2):
        await Strikes(connection).strike("id0001", events[1].key)
    live = Live(Configuration(rules=RuleSet([]), destinations=(), generation="x"))
    evaluate = Evaluate(batches, live, Metrics(), clock, suspects=suspects, dedup_window=60.0)

    assert await evaluate.run(BatchId("id0001"), 4)

    (item,) = (await Quarantine(connection, clock).find(Wanted())(None, 10)).items
    assert (item.record.reason, item.record.body) == (POISON, events[1].body)
    books = await ledger.read(connection)
    assert (books.filtered, books.quarantined, books.pending) == (2, 1, 0)


async def test_an_attempt_that_raises_is_no_poison_and_leaves_no_mark(
    connection: Connection, suspects: Suspects
) -> None:
    def fail() -> None:
        raise ValueError

    assert [await suspects.survives("job", "piece", fail) for _ in range(5)] == [True] * 5
    assert not await connection.redis.exists(keys.strikes("job"))


async def test_suspects_begin_one_at_a_time(suspects: Suspects) -> None:
    under_way: list[int] = []
    most = 0

    async def attempt(number: int) -> None:
        nonlocal most
        under_way.append(number)
        most = max(most, len(under_way))
        await asyncio.sleep(0)
        under_way.remove(number)

    async with asyncio.TaskGroup() as group:
        for number in range(5):

            def start(number: int = number) -> "asyncio.Task[None]":
                return group.create_task(attempt(number))

            group.create_task(suspects.begin("job", str(number), start))  # type: ignore[arg-type]
    assert most == 1
