"""kill -9 of workers that count and measure: each event counts once, whatever is cut off.

The model is the simulation in memory: the receiver must be told the same alerts, with the same figures.
"""

import itertools
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from support.fault_rows import FigureRecorder
from support.killed_workers import KilledWorkers
from support.rules_folder import RulesFolder
from support.sinks import HttpSink
from support.world import event

from router.clock import system_clock
from router.configuration.load import load
from router.dev.embedded_redis import EmbeddedRedis
from router.events.model import Event
from router.journal.connection import Connection, connect
from router.offline.simulation import Simulation
from router.rules.index.rule_set import RuleSet

SEED = 20_261_130
KEYS = 5
DAY = 86_400.0

RULES = """
rules:
  - name: counted
    events: [a]
    count: {at_least: 10, within: 1d, by: [data.k]}
    send_to: [noc]
  - name: distinct
    events: [a, calm]
    count: {at_least: 8, distinct: data.d, within: 1d, by: [data.k]}
    send_to: [noc]
  - name: told-once
    events: [a]
    cooldown: {for: 7d, by: [data.k]}
    send_to: [noc]
  - name: grouped
    events: [a]
    group: {by: [data.k], wait: 100ms, interval: 200ms}
    send_to: [noc]
  - name: first
    events: [a]
    first_seen: {by: [data.v]}
    send_to: [noc]
  - name: followed
    events: [b]
    follows: {event: a, when: data.v < 50, within: 1d, by: [data.n]}
    send_to: [noc]
  - name: share
    events: [a, calm]
    ratio: {of: data.v < 50, at_least: 40%, min_events: EACH, within: 1d, by: [data.k]}
    resolve: {back: true}
    send_to: [noc]
  - name: average
    events: [a]
    measure: {value: data.v, avg: {above: 40}, min_events: EACH, within: 1d, by: [data.k]}
    send_to: [noc]
  - name: percentile
    events: [a]
    measure: {value: data.v, p95: {above: 90}, min_events: EACH, within: 1d, by: [data.k]}
    send_to: [noc]
  - name: spread
    events: [a]
    measure: {value: data.v, stddev: {above: 20}, min_events: EACH, within: 1d, by: [data.k]}
    send_to: [noc]
  - name: spike
    events: [usual, often]
    spike: {times: 3, min_events: EACH, within: 1d, by: [data.k]}
    send_to: [noc]
"""
"""``EACH`` stands for the events of a key: its last one decides, whichever that is."""


def waves_of(count: int, now: float) -> list[list[Event]]:
    """Return events in waves, shuffled within each. Their times are of several parts of a window."""
    chance = random.Random(SEED)  # noqa: S311 - an order, not secrets
    numbers = itertools.count()

    def made(kind: str, at: float, **fields: int) -> Event:
        return event(str(next(numbers)), now, type=kind, time=rfc3339(at), **fields)

    values = [chance.randrange(100) for _ in range(count)]
    wanted = [
        made("a", now - n % 8 * 3600 - n, k=n % KEYS, n=n, d=n // KEYS % 7, v=values[n])
        for n in range(count)
    ]
    followers = [made("b", now + 1, n=n) for n in range(0, count, 5)]
    opening = [made("usual", now - 4 * DAY, k=k) for k in range(KEYS)]
    usual = [made("usual", now - 1.5 * DAY, k=n % KEYS) for n in range(count // 4)]
    often = [made("often", now - n, k=n % KEYS) for n in range(count)]
    calm = [made("calm", now - n, k=n % KEYS, d=7, v=99) for n in range(count)]
    waves = [opening, [*wanted, *followers, *usual], [*often, *calm]]
    for wave in waves:
        chance.shuffle(wave)
    return waves


def rfc3339(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


Told = Counter[tuple[Any, ...]]


def modelled(rules: RuleSet, waves: Sequence[Sequence[Event]], now: float) -> tuple[Told, int]:
    """Return the alerts of the simulation, and how many a cooldown suppressed."""
    simulation = Simulation(rules, now=now)
    outcomes = [simulation.receive(each, now=now) for wave in waves for each in wave]
    outcomes += simulation.pass_time(now + 60)
    told: Told = Counter()
    for each in (sent.alert for outcome in outcomes for sent in outcome.sent):
        figures = each.measure.text if each.measure else ""
        told.update(
            _told(each.rule, each.key, each.status.value, each.count, figures, each.grouped)
        )
    return told, sum(len(outcome.suppressed) for outcome in outcomes)


def _told(rule: str, key: str, status: str, count: int, figures: str, grouped: int) -> Told:
    """Return what is compared: of a group its alerts, of an end not which event brought it."""
    if rule == "grouped":
        return Counter({(rule, key): grouped})
    return Counter({(rule, key, status, *((count, figures) if status == "firing" else ())): 1})


def received(sink: HttpSink) -> Told:
    """Return what the receiver was told, each delivery once."""
    told: Told = Counter()
    by_id = {request.headers["webhook-id"]: request.json()["alert"] for request in sink.requests}
    for each in by_id.values():
        figures = each.get("measure", {}).get("text", "")
        told.update(
            _told(
                each["rule"], each["key"], each["status"], each["count"], figures, each["grouped"]
            )
        )
    return told


@pytest.fixture
async def journal(redis: EmbeddedRedis) -> AsyncIterator[Connection]:
    connection = connect(redis.url, deadline=5.0, max_connections=4)
    yield connection
    await connection.close()


@pytest.fixture
def measuring(environ: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """Return the environment of workers with a rules folder of their own."""
    return {**environ, "ROUTER_RULES": str(tmp_path / "measuring")}


async def check(connection: Connection, environ: dict[str, str], kills: int, events: int) -> str:
    """Return the figures."""
    now = system_clock().now()
    waves = waves_of(events, now)
    total = sum(map(len, waves))
    goals = [total * number // (kills + 1) for number in range(1, kills + 1)]
    folder = RulesFolder(Path(environ["ROUTER_RULES"]))
    workers = KilledWorkers(connection, goals)
    async with HttpSink() as sink:
        destinations = f"destinations: {{noc: {{http: {{url: '{sink.url}'}}}}}}\n"
        folder.write(rules=destinations + RULES.replace("EACH", str(events // KEYS)))
        async with workers.running(environ):
            for wave in waves:
                await workers.evaluate(wave)
            books = await workers.settled("noc")
        told = received(sink)
        repeated = len(sink.requests) - books.destinations["noc"].delivered
    expected, suppressed = modelled(load(folder.path, {}).rules, waves, now)
    # An alert that a slower worker decided before is not sent after a later one of its key (lanes).
    overtaken = books.destinations["noc"].overtaken
    assert told - expected == Counter()
    assert (expected - told).total() == overtaken
    assert books.destinations["noc"].superseded == overtaken
    assert books.suppressed_alerts == {"cooldown": suppressed}
    assert books.accepted - books.duplicate == total
    return (
        f"{workers.kills} kills: {total} events, {books.duplicate} duplicates; {books.alerts} alerts,"
        f" {sum(told.values())} told as the model tells them, {repeated} repeated"
    )


async def test_two_kills_leave_the_state_exact(
    journal: Connection, measuring: dict[str, str], fault_figures: FigureRecorder
) -> None:
    fault_figures(seed=SEED, note=await check(journal, measuring, kills=2, events=200))


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_twenty_kills_leave_the_state_exact(
    journal: Connection, measuring: dict[str, str], fault_figures: FigureRecorder
) -> None:
    """Mutant: a rerun decides chains again (``rules/state/dispatch.lua``)."""
    fault_figures(seed=SEED, note=await check(journal, measuring, kills=20, events=4000))
