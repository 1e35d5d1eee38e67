"""Workers of two generations of rules on one Redis, as in a rolling deploy: no timer is lost."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.processes import RouterProcess
from support.rules_folder import RulesFolder, capture
from support.waiting import until
from support.world import event

from router.clock import system_clock
from router.dev.embedded_redis import EmbeddedRedis
from router.events.model import Received
from router.journal import keys, ledger
from router.journal.batches import Batches
from router.journal.connection import Connection, connect

WAIT = "1500ms"
OLDER = "rules:\n  - {name: other, events: [other], send_to: [noc]}\n"
NEWER = f"""
rules:
  - {{name: other, events: [other], send_to: [noc]}}
  - name: awaited
    events: [started]
    absent: {{event: ended, for: {WAIT}, by: [data.k]}}
    send_to: [noc]
  - name: urgent
    events: [raised]
    escalate: {{after: {WAIT}, send_to: [boss]}}
    send_to: [noc]
  - name: grouped
    events: [grouped]
    group: {{wait: {WAIT}, interval: 1s, by: [data.k]}}
    escalate: {{after: {WAIT}, send_to: [boss]}}
    send_to: [noc]
"""
KINDS = ("started", "raised", "grouped")


@pytest.fixture
async def connection(redis: EmbeddedRedis) -> AsyncIterator[Connection]:
    connection = connect(redis.url, deadline=5.0, max_connections=4)
    yield connection
    await connection.close()


def environ_of(environ: dict[str, str], folder: Path, rules: str) -> dict[str, str]:
    rules_folder = RulesFolder(folder)
    rules_folder.write(places=capture("noc", "boss"), rules=rules)
    return {**environ, "ROUTER_RULES": str(rules_folder.path)}


async def accept(connection: Connection, count: int) -> None:
    batches = Batches(connection, system_clock())
    events = [
        event(f"{kind}-{n}", system_clock().now(), type=kind, k=n)
        for n in range(count)
        for kind in KINDS
    ]
    for start in range(0, len(events), 30):
        await batches.accept([Received(events[start : start + 30], [])])


@pytest.mark.fault_row(20)
@pytest.mark.parametrize(
    "timers",
    [
        10,
        pytest.param(100, marks=pytest.mark.slow),
    ],
)
async def test_an_older_worker_leaves_the_timers_of_newer_rules_to_a_newer_one(
    environ: dict[str, str], tmp_path: Path, connection: Connection, timers: int
) -> None:
    """The mutant: a timer whose rule is unknown is fired at once, without its rule."""
    older = environ_of(environ, tmp_path / "older", OLDER)
    newer = environ_of(environ, tmp_path / "newer", NEWER)
    async with RouterProcess("worker", environ=newer) as worker:
        await accept(connection, timers)

        async def evaluated() -> bool:
            return (await ledger.read(connection)).matched == len(KINDS) * timers

        await until(evaluated)
        await worker.kill()

    async def all_met() -> bool:
        now_ms = int(system_clock().now() * 1000)
        return not await connection.redis.zcount(keys.TIMER_QUEUE, "-inf", now_ms)

    async with RouterProcess("worker", environ=older):

        async def due() -> bool:
            scores = await connection.redis.zrange(keys.TIMERS, 0, -1, withscores=True)
            return all(at < system_clock().now() * 1000 for _, at in scores)

        await until(due)
        await until(all_met)
        met = await ledger.read(connection)
        async with RouterProcess("worker", environ=newer):

            async def all_told() -> ledger.Ledger | None:
                # Before the ledger, because the end of a timer opens a delivery.
                left = await connection.redis.zcard(keys.TIMERS)
                books = await ledger.read(connection)
                pending = [each.pending for each in books.destinations.values()]
                return None if any(pending) or left or books.waiting else books

            books = await until(all_told, seconds=120)

    delivered = {name: each.delivered for name, each in books.destinations.items()}
    print(  # noqa: T201
        f"\n{timers} timers of each kind; older worker alone: {met.suppressed_alerts}; at the end {delivered},"
        f" suppressed {books.suppressed_alerts}"
    )
    assert books.suppressed_alerts == {}
    assert delivered == {"noc": 3 * timers, "boss": 2 * timers}
