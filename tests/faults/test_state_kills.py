"""kill -9 of workers that count: each event counts once, whatever is cut off."""

import itertools
from pathlib import Path

import msgspec
import pytest
from support.clock import SetClock
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

EVENTS = 3000
KEYS = 5
AT_LEAST = 10
KILLS = 10
BATCH = 7
RULES = f"""
rules:
  - name: counted
    events: [a]
    count: {{at_least: {AT_LEAST}, within: 1d, by: [data.k]}}
    send_to: [noc]
  - name: told-once
    events: [a]
    cooldown: {{for: 7d, by: [data.k]}}
    send_to: [noc]
  - name: grouped
    events: [a]
    group: {{by: [data.k], wait: 100ms, interval: 200ms}}
    send_to: [noc]
  - name: share
    events: [a]
    ratio: {{of: data.k == 0, at_least: 90%, min_events: 1000000, within: 1d}}
    send_to: [noc]
  - name: sum
    events: [a]
    measure: {{value: data.k, sum: {{above: 1000000}}, within: 1d}}
    send_to: [noc]
  - name: percentile
    events: [a]
    measure: {{value: data.k, p95: {{above: 1000000}}, within: 1d}}
    send_to: [noc]
  - name: spike
    events: [a]
    spike: {{times: 3, min_events: 1000000, within: 1d}}
    send_to: [noc]
"""
FIGURES = [
    [EVENTS],
    [EVENTS, 0, 0],
    [EVENTS, EVENTS // KEYS],
    [EVENTS, EVENTS * (KEYS - 1) // 2],
]
"""Of the four rules that measure, whose events are all of one part of a window."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


async def evaluated(connection: Connection) -> int:
    books = await ledger.read(connection)
    return books.accepted - books.pending


async def windows(connection: Connection) -> list[list[int]]:
    """Return the figures of each part of each window."""
    found = []
    async for name in connection.redis.scan_iter(f"{keys.STATE}*"):
        if await connection.redis.type(name) == b"hash":
            fields = await connection.redis.hgetall(name)
            found += [
                msgspec.msgpack.decode(packed, type=list[int])
                for part, packed in fields.items()
                if b"newest" in fields and part.isdigit()
            ]
    return sorted(found)


async def binned(connection: Connection) -> int:
    """Return how many numbers are in the bins of a percentile."""
    names = [name async for name in connection.redis.scan_iter(f"{keys.STATE}*:*:*")]
    return sum([sum(map(int, await connection.redis.hvals(name))) for name in names])


async def test_two_workers_killed_in_turn_count_each_event_once(
    redis: EmbeddedRedis, environ: dict[str, str], tmp_path: Path
) -> None:
    folder = RulesFolder(tmp_path / "rules")
    folder.write(places=capture("noc"), rules=RULES)
    environ = {**environ, "ROUTER_RULES": str(folder.path)}
    connection = connect(redis.url, deadline=5.0, max_connections=4)
    batches = Batches(connection, system_clock())
    now = SetClock().now
    happened = [event(str(n), now, k=n % KEYS) for n in range(EVENTS)]
    # Each batch begins with the last event of the one before: duplicates, too.
    for batch in (happened[max(0, at - 1) : at + BATCH] for at in range(0, EVENTS, BATCH)):
        await batches.accept([Received(batch, [])])

    async with (
        RouterProcess("worker", environ=environ) as first,
        RouterProcess("worker", environ=environ) as second,
    ):
        for number, victim in zip(
            range(1, KILLS + 1), itertools.cycle([first, second]), strict=False
        ):

            async def far_enough(count: int = number * EVENTS // (KILLS + 1)) -> bool:
                return await evaluated(connection) >= count

            await until(far_enough, seconds=60)
            await victim.kill()
            await victim.start()

        async def all_told() -> ledger.Ledger | None:
            books = await ledger.read(connection)
            pending = books.pending or books.waiting or books.destinations["noc"].pending
            return None if pending else books

        books = await until(all_told, seconds=60)
    figures, in_bins = await windows(connection), await binned(connection)
    await connection.close()

    counted = EVENTS // AT_LEAST
    print(  # noqa: T201
        f"\n{KILLS} kills: {EVENTS} events, {books.duplicate} duplicates; {books.alerts} alerts,"
        f" {books.notified} told, held back {books.suppressed_alerts};"
        f" windows {figures}"
    )
    assert figures == FIGURES
    assert in_bins == EVENTS
    assert books.duplicate == books.accepted - EVENTS
    assert books.matched == EVENTS
    assert books.suppressed_alerts == {"cooldown": EVENTS - KEYS}
    assert books.notified == counted + KEYS + EVENTS
    assert books.alerts == counted + 2 * EVENTS
