"""kill -9 of workers while keyed alerts fire, wait, are reminded of and end: each is told as the model tells it."""

import contextlib
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.fault_rows import FigureRecorder
from support.killed_workers import KilledWorkers
from support.rules_folder import RulesFolder
from support.sinks import HttpSink
from support.waiting import until
from support.world import event

from router.clock import system_clock
from router.configuration.load import load
from router.dev.embedded_redis import EmbeddedRedis
from router.events.model import Event
from router.journal.connection import Connection, connect
from router.journal.silences import Silences
from router.offline.simulation import Simulation
from router.rules.index.rule_set import RuleSet
from router.rules.suppression.silences import SilenceText, silence

SEED = 20_261_130
SILENCE = SilenceText(
    match={"rule": "late"}, ends="2099-01-01T00:00:00Z", author="ann", comment="work"
)
RULE = """
  - name: {name}
    events: [{name}.down]
    resolve: {{events: [{name}.up], by: [data.k]{hold}}}
    send_to: [noc]
    {keys}
"""
HOLD = {"debounced": ", hold: 1s", "flapping": ", hold: 1h"}
KEYS = {
    "plain": "",
    "debounced": "",
    "flapping": "cooldown: {for: 1h, by: [data.k]}",
    "late": "",
    "patient": "pending: 1s",
    "relieved": "pending: 1h",
    "reminded": "remind: 1s",
    "cause": "",
    "inhibited": "",
}
RULES = (
    "rules:"
    + "".join(RULE.format(name=name, hold=HOLD.get(name, ""), keys=KEYS[name]) for name in KEYS)
    + "inhibitions: [{while: [cause], hold_back: [inhibited], equal: [data.k], for: 1d}]\n"
)

Told = Counter[tuple[Any, ...]]


class Events:
    """Makes the waves: those of ``count`` values of ``by`` for each rule."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._numbers = itertools.count()

    def waves(self) -> list[list[Event]]:
        downs = [name for name in KEYS if name != "inhibited"]
        return [
            self._wave(downs, "down"),
            self._wave(["plain", "debounced", "flapping", "late", "reminded"], "up", half=True)
            + self._wave(["relieved"], "up")
            + self._wave(["inhibited"], "down"),
            self._wave(["flapping"], "down", half=True) + self._wave(["cause"], "up"),
        ]

    def _wave(self, names: list[str], kind: str, *, half: bool = False) -> list[Event]:
        values = range(self._count // 2 if half else self._count)
        now = system_clock().now()
        return [
            event(str(next(self._numbers)), now, type=f"{name}.{kind}", k=k)
            for k in values
            for name in names
        ]


def modelled(rules: RuleSet, waves: list[list[Event]]) -> Told:
    """Return what the simulation tells, reminders left out."""
    now = system_clock().now()
    silenced = silence("s", SILENCE)
    simulation = Simulation(rules, [silenced], now=now)
    outcomes = []
    for number, wave in enumerate(waves):
        outcomes += [simulation.receive(each, now=now + number) for each in wave]
        if not number:
            simulation._silences[:] = [msgspec.structs.replace(silenced, ends=now)]
            simulation._store.look_at_all(int(now * 1000))
            outcomes += simulation.pass_time(now)
    outcomes += simulation.pass_time(now + 60)
    alerts = [sent.alert for outcome in outcomes for sent in outcome.sent]
    return Counter(
        (each.rule, each.key, each.status.value, each.held_because)
        for each in alerts
        if not each.reminder
    )


class Receiver(HttpSink):
    """What was told, each delivery once."""

    def alerts(self) -> list[dict[str, Any]]:
        found = {each.headers["webhook-id"]: each.json()["alert"] for each in self.requests}
        return list(found.values())

    def told(self) -> Told:
        return Counter(
            (each["rule"], each["key"], each["status"], tuple(each.get("held_because", ())))
            for each in self.alerts()
            if not each.get("reminder")
        )

    def reminded(self) -> set[str]:
        return {each["key"] for each in self.alerts() if each.get("reminder")}

    def still_firing(self, rule: str) -> set[str]:
        statuses = {each["key"]: each["status"] for each in self.alerts() if each["rule"] == rule}
        return {key for key, status in statuses.items() if status == "firing"}

    async def have(self, rule: str, count: int) -> None:
        """Return when so many alerts of a rule were told."""

        async def all_told() -> bool:
            return sum(each[0] == rule for each in self.told()) >= count

        await until(all_told)


@pytest.fixture
async def journal(redis: EmbeddedRedis) -> AsyncIterator[Connection]:
    connection = connect(redis.url, deadline=5.0, max_connections=4)
    yield connection
    await connection.close()


async def check(
    connection: Connection, environ: dict[str, str], path: Path, kills: int, count: int
) -> str:
    """Return the figures. Two of the kills come while alerts are told late."""
    waves = Events(count).waves()
    total = sum(map(len, waves))
    goals = [total * number // (kills - 1) for number in range(1, kills - 1)]
    folder = RulesFolder(path / "rules")
    silences = Silences(connection, system_clock())
    silenced = await silences.add(SILENCE)
    workers = KilledWorkers(connection, goals)
    async with Receiver() as receiver:
        destinations = f"destinations: {{noc: {{http: {{url: '{receiver.url}'}}}}}}\n"
        folder.write(rules=destinations + RULES)
        expected = modelled(load(folder.path, {}).rules, waves)
        async with workers.running({**environ, "ROUTER_RULES": str(folder.path)}):
            await workers.evaluate(waves[0])
            await silences.expire(silenced.id)
            await workers.kill()
            await receiver.have("late", count)
            await workers.evaluate(waves[1])
            await workers.evaluate(waves[2])
            await workers.kill()
            began = time.monotonic()

            async def all_told() -> bool:
                return (
                    receiver.told() == expected
                    and receiver.still_firing("reminded") <= receiver.reminded()
                )

            with contextlib.suppress(TimeoutError):  # the comparison shows what is missing
                await until(all_told)
            late = time.monotonic() - began
            books = await workers.settled("noc")
        told = receiver.told()
        repeated = len(receiver.requests) - books.destinations["noc"].delivered
    assert told == expected
    assert len(receiver.still_firing("reminded") & receiver.reminded()) == count - count // 2
    return (
        f"{workers.kills} kills: {total} events of {len(KEYS) * count} alerts, {told.total()} told as the"
        f" model tells them, the last {late:.1f} s after the last kill, {repeated} repeated"
    )


async def test_three_kills_leave_the_life_of_alerts_exact(
    journal: Connection,
    environ: dict[str, str],
    fault_figures: FigureRecorder,
    tmp_path: Path,
) -> None:
    fault_figures(note=await check(journal, environ, tmp_path, kills=3, count=6))


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_twenty_kills_leave_the_life_of_alerts_exact(
    journal: Connection,
    environ: dict[str, str],
    fault_figures: FigureRecorder,
    tmp_path: Path,
) -> None:
    fault_figures(note=await check(journal, environ, tmp_path, kills=20, count=200))
