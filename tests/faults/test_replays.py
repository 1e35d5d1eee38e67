"""Dead letters replayed to a destination that fails and recovers: all arrive, none twice."""

import asyncio
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from support.events import alert_of, event_from
from support.running import running, settings_for
from support.sinks import HttpSink, Reply
from support.waiting import until

from router.alerts import Delivery, delivery_id
from router.clock import system_clock
from router.configuration.load import ConfigurationSource
from router.datatypes import Secret
from router.destinations.contract import Environment
from router.events.model import Received
from router.journal import ledger
from router.journal import pagination as pages
from router.journal.batches import Batches
from router.journal.connection import Connection
from router.journal.dead_letters import DeadLetterFilter, DeadLetters
from router.journal.deliveries import Deliveries
from router.journal.finish import FinishedWork
from router.journal.keys import BatchId, SetId
from router.journal.settlements import GivenUp
from router.runtime.roles import Roles, WorkerConfig

RULES = """
destinations:
  tickets:
    http: {{url: "{url}", retry: {{first: 10ms, longest: 200ms, attempts: 50}}, \
breaker: {{open_for: 50ms, longest: 100ms}}}}
rules: []
"""
CLOCK = system_clock()


async def fill(connection: Connection, sample: bytes, count: int) -> None:
    """So many dead letters of "tickets"."""
    deliveries = Deliveries(connection, CLOCK)
    for start in range(0, count, 100):
        events = [event_from(sample, id=f"NO{number}") for number in range(start, start + 100)]
        alerts = [alert_of(event) for event in events]
        batch_id, set_id = BatchId(f"batch{start}"), SetId(f"set{start}")
        ids = iter([batch_id, set_id])
        named = msgspec.structs.replace(CLOCK, new_id=ids.__next__)
        batches = Batches(connection, named)
        await batches.accept([Received(events[:1], [])])
        opened = tuple(
            Delivery(id=delivery_id(alert.id, "tickets"), destination="tickets", alert=alert)
            for alert in alerts
        )
        verdict = FinishedWork(
            duplicate=0, filtered=0, matched=1, quarantined=(), deliveries=opened
        )
        await batches.finish(batch_id, verdict)
        await deliveries.settle([GivenUp(set_id, each, "HTTP 400") for each in opened])


async def replay_all(connection: Connection) -> int:
    """As ``router dead-letters replay --all`` does."""
    letters = DeadLetters(connection, CLOCK)
    span = pages.clip(pages.TimeRange(), int(CLOCK.now() * 1000))
    find = letters.find("tickets", DeadLetterFilter(span=span), newest_first=False)
    return sum([await letters.replay("tickets", chunk) async for chunk in pages.iterate(find)])


async def some_refused(sink: HttpSink) -> None:
    goal = len(sink.requests) + 20

    async def enough() -> bool:
        return len(sink.requests) >= goal

    await until(enough)


async def delivered(connection: Connection, count: float) -> None:
    async def enough() -> bool:
        return (await ledger.read(connection)).destinations["tickets"].delivered >= count

    await until(enough, seconds=240)


async def replay_to(connection: Connection, sink: HttpSink, count: int) -> int:
    """Two people replay all at once, while the receiver fails, recovers, fails, recovers."""
    sink.otherwise = Reply(503)
    async with asyncio.TaskGroup() as group:
        replays = [group.create_task(replay_all(connection)) for _ in range(2)]
        await some_refused(sink)
        sink.otherwise = Reply(200)
    await delivered(connection, 0.3 * count)
    sink.otherwise = Reply(503)
    await some_refused(sink)
    sink.otherwise = Reply(200)
    await delivered(connection, count)
    return sum(task.result() for task in replays)


async def check(
    redis_url: Secret, connection: Connection, folder: Path, sample: bytes, count: int
) -> None:
    await fill(connection, sample, count)
    settings = settings_for(redis_url)
    environment = Environment(egress=settings.egress, now=CLOCK.now, on_template_error=pytest.fail)
    async with HttpSink() as sink:
        (folder / "rules.yaml").write_text(RULES.format(url=sink.url))
        source = ConfigurationSource(folder=folder, environ={})
        work = WorkerConfig(source=source, configuration=source.load(), environment=environment)
        async with running(settings, Roles(port=0, worker=work)):
            replayed = await replay_to(connection, sink, count)
    books = (await ledger.read(connection)).destinations["tickets"]
    taken = Counter(
        request.headers["webhook-id"]
        for request, status in zip(sink.requests, sink.statuses, strict=True)
        if status == 200
    )
    print(  # noqa: T201 - the figures
        f"\n{count} dead letters replayed: {len(taken)} arrived, {taken.total() - len(taken)} of"
        f" them twice; {len(sink.requests)} requests, {sink.statuses.count(503)} refused; {books}"
    )
    assert replayed == len(taken) == taken.total() == count
    assert (books.opened, books.delivered, books.replayed) == (count, count, count)
    assert books.dead == books.pending == 0


@pytest.mark.fault_row(64)
async def test_dead_letters_replayed_while_their_receiver_recovers_arrive_once(
    redis_url: Secret, connection: Connection, tmp_path: Path, sample: bytes
) -> None:
    await check(redis_url, connection, tmp_path, sample, 200)


@pytest.mark.fault_row(64)
@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_ten_thousand_of_them_do_too(
    redis_url: Secret, connection: Connection, tmp_path: Path, sample: bytes
) -> None:
    await check(redis_url, connection, tmp_path, sample, 10_000)
