"""An event that ends the worker process does so three times, and the others do not suffer."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from support.dead_letters import dead_letters
from support.processes import RouterProcess
from support.receivers import Receivers
from support.sender import Sender
from support.waiting import until

from router.clock import system_clock
from router.dev.embedded_redis import EmbeddedRedis
from router.journal import ledger
from router.journal.connection import Connection, connect
from router.journal.quarantine import Quarantine, QuarantineFilter
from router.worker.queue.poison import POISON

TESTS = Path(__file__).parents[1]
EVENTS = 60

pytestmark = pytest.mark.slow


async def settled(connection: Connection) -> bool:
    books = await ledger.read(connection)
    return not books.pending and not any(each.pending for each in books.destinations.values())


async def crashes_until(done: Callable[[], Awaitable[bool]], worker: RouterProcess) -> int:
    """How often the worker ended, and was started again, until all was done."""
    crashes = 0
    while True:

        async def over() -> bool:
            return worker.has_ended or await done()

        await until(over)
        if not worker.has_ended:
            return crashes
        crashes += 1
        await worker.start()


@pytest.mark.fault_row(60)
async def test_poison_ends_three_processes_and_everything_else_arrives(
    redis: EmbeddedRedis, receivers: Receivers, environ: dict[str, str], sample: bytes
) -> None:
    environ = {**environ, "PYTHONPATH": str(TESTS)}
    sender = Sender(sample)
    ids = [f"NO{number}" for number in range(EVENTS)]
    async with RouterProcess("ingress", environ=environ) as ingress:
        await sender.send(ingress.url, [*ids[:30], "NO666", *ids[30:], "NO667"])

    connection = connect(redis.url, deadline=5.0, max_connections=2)
    worker = RouterProcess("worker", environ=environ, module="support.poisoned")
    async with worker:
        crashes = await crashes_until(lambda: settled(connection), worker)
        (item,) = (
            await Quarantine(connection, system_clock()).find(QuarantineFilter())(None, 10)
        ).items
        (letter,) = await dead_letters(connection, "tickets", newest=10)
    await connection.close()

    delivered = receivers.delivered({*ids, "NO667"})
    print(f"\npoison: {crashes} crashes, {delivered['tickets'].total()} of {EVENTS} delivered")  # noqa: T201
    assert (item.record.reason, b"NO666" in item.record.body) == (POISON, True)
    assert (letter.reason, letter.delivery.alert.event_id) == (POISON, "NO667")
    assert crashes == 6
    assert set(delivered["tickets"]) == set(ids)
    assert set(delivered["slack"]) == set(delivered["mail"]) == {*ids, "NO667"}


GROUPED = """
destinations: {tickets: {http: {url: "${TICKETS_URL}"}}}
rules:
  - name: together
    events: ["*"]
    group: {wait: 1s}
    send_to: [tickets]
"""


async def test_an_alert_that_ends_processes_when_its_group_is_told_leaves_it(
    redis: EmbeddedRedis,
    receivers: Receivers,
    environ: dict[str, str],
    sample: bytes,
    tmp_path: Path,
) -> None:
    rules = tmp_path / "grouped"
    rules.mkdir()
    (rules / "a.yaml").write_text(GROUPED, encoding="utf-8")
    environ = {**environ, "PYTHONPATH": str(TESTS), "ROUTER_RULES": str(rules)}
    async with RouterProcess("ingress", environ=environ) as ingress:
        await Sender(sample).send(ingress.url, ["NO1", "NO668", "NO2"], at_once=1)

    connection = connect(redis.url, deadline=5.0, max_connections=2)

    async def told() -> bool:
        books = await ledger.read(connection)
        return books.notified == 2 and await settled(connection)

    worker = RouterProcess("worker", environ=environ, module="support.poisoned")
    async with worker:
        crashes = await crashes_until(told, worker)
    (item,) = (
        await Quarantine(connection, system_clock()).find(QuarantineFilter())(None, 10)
    ).items
    books = await ledger.read(connection)
    await connection.close()

    assert (item.record.reason, b"NO668" in item.record.body) == (POISON, True)
    assert (crashes, books.suppressed_alerts, books.waiting, books.pending) == (
        3,
        {"poison": 1},
        0,
        0,
    )
    assert set(receivers.delivered({"NO1", "NO2", "NO668"})["tickets"]) == {"NO1", "NO2"}
