"""One router on a real Redis beside the simulation in memory: both live through one history.

After each step both must have told the same and remember the same, and what was told is compared with
what was true, by a model that knows only the rules of this module.
"""

import itertools
import json
import math
from collections import Counter
from typing import Any, Final

import msgspec

from router.alerts import Alert, AlertStatus
from router.clock import Clock
from router.configuration.model import Configuration
from router.journal import keys
from router.journal.acknowledgements import Acknowledgements
from router.journal.connection import Connection
from router.offline.simulation import Simulation, SimulationOutcome
from router.rules.state.chain import decode_alert
from router.rules.state.keyed_alert import AlertRecord, find_alert
from router.rules.suppression.silences import Silence, SilenceText, silence
from router.worker.evaluation import look_schedule
from router.worker.evaluation.look_schedule import LookSchedule
from support.clock import SetClock
from support.world import World, configuration

NAMES: Final = (
    "plain",
    "cooled",
    "patient",
    "grouped",
    "cause",
    "held",
    "muted",
    "brief",
    "escalated",
)
PLACES: Final = ("noc", "boss")
SUBJECTS: Final = 2
"""The values of ``data.k``."""
COOLDOWN: Final = 300
INHIBITED: Final = 3600
_KEYS: Final = {
    "plain": "",
    "cooled": f"cooldown: {{for: {COOLDOWN}s, by: [data.k]}}",
    "patient": "pending: 30s, remind: 2m",
    "grouped": "group: {wait: 10s, interval: 1m}",
    "cause": "",
    "held": "",
    "muted": "mute_times: [odd]",
    "brief": "cooldown: {for: 1m, by: [data.k]}",
    "escalated": "escalate: {after: 1m, send_to: [boss]}",
}
MUTED_MINUTES: Final = (15, 45)
"""Of each hour: when mute times of five minutes begin."""
_MUTE_TIMES: Final = [
    {"from": f"{hour:02}:{minute}", "to": f"{hour:02}:{minute + 5}"}
    for hour in range(24)
    for minute in MUTED_MINUTES
]


def rules(version: int) -> str:
    """Return the rules. In the second version, alerts go to one more destination, and none is muted."""
    texts = []
    for name in NAMES:
        hold = ", hold: 20s" if name == "patient" else ""
        ends = f"resolve: {{events: [{name}.up], by: [data.k]{hold}}}"
        parts = ["" if name == "brief" else ends, _KEYS[name]]
        if version and name == "muted":
            parts.remove(_KEYS[name])
        to = "noc, boss" if name == "patient" or (version and name == "plain") else "noc"
        keys_text = "".join(f", {part}" for part in parts if part)
        texts.append(
            f"  - {{name: {name}, events: [{name}.down], summary: '{{{{ data.k }}}}',"
            f" send_to: [{to}]{keys_text}}}\n"
        )
    return (
        "rules:\n"
        + "".join(texts)
        + f"mute_times: {{odd: {{times: {json.dumps(_MUTE_TIMES)}}}}}\n"
        + f"inhibitions: [{{while: [cause], hold_back: [held], equal: [data.k], for: {INHIBITED}s}}]\n"
    )


VERSIONS: Final = (configuration(rules(0)), configuration(rules(1)))


class Subject(msgspec.Struct, frozen=True):
    """A rule and a value of its ``by``."""

    rule: str
    k: int


class Told(msgspec.Struct, frozen=True):
    """A notification."""

    at: float
    destination: str
    alert: Alert

    @property
    def subjects(self) -> list[Subject]:
        """Return what it is about: that of the alert, and those of the members of its group."""
        k = json.loads(self.alert.event)["data"]["k"]
        return [Subject(self.alert.rule, each) for each in {k, *self._members}]

    @property
    def _members(self) -> list[int]:
        return [int(each.summary) for each in self.alert.members]

    @property
    def compared(self) -> tuple[Any, ...]:
        """Return what must be the same in Redis and in memory."""
        alert = self.alert
        return (
            self.destination,
            alert.id,
            alert.key,
            alert.status.value,
            alert.count,
            alert.held_back,
            sorted(alert.held_because),
            alert.since,
            alert.reminder,
            alert.grouped,
            alert.escalation,
            [each.id for each in alert.members],
        ).__repr__(), round(self.at, 3)


class Lived:
    """Both of them. Each step leaves them at a quiet moment."""

    def __init__(self, connection: Connection) -> None:
        self.time = SetClock()
        self.world = World(connection, self.time, rules(0))
        self.world.live.configuration = VERSIONS[0]
        self.simulation = Simulation(VERSIONS[0].rules, now=self.time.now)
        self.schedule = LookSchedule(self.world.looks, self.world.clock)
        self.version = 0
        self.silences: list[Silence] = []
        self.told: list[Told] = []
        self.simulated: list[Told] = []
        self.acknowledged: set[str] = set()
        self._events = 0

    @property
    def clock(self) -> Clock:
        return self.world.clock

    @property
    def configuration(self) -> Configuration:
        return VERSIONS[self.version]

    async def happen(self, kind: str, subject: Subject) -> None:
        """Let an event come in."""
        self._events += 1
        event = self.world.event(f"e{self._events}", type=f"{subject.rule}.{kind}", k=subject.k)
        await self.world.send(event)
        self._simulated([self.simulation.receive(event, now=self.time.now)])
        await self.settle()

    async def silence(self, match: dict[str, Any], seconds: int) -> None:
        text = SilenceText(match=match, ends="2099-01-01T00:00:00Z", author="ann", comment="work")
        made = silence(f"s{len(self.silences)}", text)
        now = self.time.now
        await self._silenced([*self.silences, _replaced(made, starts=now, ends=now + seconds)])

    async def end_silence(self, number: int) -> None:
        active = [each for each in self.silences if each.ends > self.time.now]
        if active:
            ended = active[number % len(active)]
            now = self.time.now
            await self._silenced(
                [_replaced(each, ends=now) if each is ended else each for each in self.silences]
            )

    async def _silenced(self, silences: list[Silence]) -> None:
        before, self.silences = self.silences, silences
        self.world.live.journal_silences = tuple(silences)
        self.simulation._silences[:] = silences
        now = self.time.now
        ends = {each.id: each.ends for each in silences}
        self.schedule.silences_changed(before, silences)
        if any(each.ends > now and ends[each.id] < each.ends for each in before):
            self.simulation._store.look_at_all(int(now * 1000))
        await self.settle()

    async def reload(self) -> None:
        self.version = 1 - self.version
        self.world.live.configuration = self.configuration
        object.__setattr__(self.simulation, "rules", self.configuration.rules)
        self.schedule.changed()
        self.simulation._store.look_at_all(int(self.time.now * 1000))
        await self.settle()

    async def acknowledge(self, key: str) -> None:
        at = self.time.now
        self.acknowledged.add(key)
        await Acknowledgements(self.world.connection).acknowledge(key, "ann", at)
        self.simulation._store.acknowledge(key, int(at * 1000))
        await self.settle()

    async def passes(self, seconds: float) -> None:
        """Let time pass, and stop whenever something is due."""
        end = self.time.now + seconds
        most = 30 + seconds / 5
        for stops in itertools.count():
            if self.time.now >= end:
                return
            assert stops < most, f"something is due {stops} times in {seconds:g} s"
            due = min([end, *(at for at in [await self._next_due()] if at > self.time.now)])
            await self.world.passes(max(0.001, due - self.time.now))
            self._simulated(self.simulation.pass_time(self.time.now))
            await self.settle()

    async def _next_due(self) -> float:
        redis = self.world.connection.redis
        found = [
            await redis.zrange(name, 0, 0, withscores=True) for name in (keys.TIMERS, keys.LOOKS)
        ]
        return min((each[0][1] / 1000 for each in found if each), default=math.inf)

    async def settle(self) -> None:
        """Judge what must be judged now, and take what was told."""
        while await self.schedule._check() < look_schedule.INTERVAL:
            pass
        await self.world.passes(0)
        self._simulated(self.simulation.pass_time(self.time.now))
        for name in PLACES:
            self.told += [
                Told(self.time.now, name, each.alert) for each in await self.world.told(name)
            ]

    def _simulated(self, outcomes: list[SimulationOutcome]) -> None:
        self.simulated += [
            Told(each.at, name, each.alert)
            for outcome in outcomes
            for each in outcome.sent
            for name in each.send_to
        ]

    async def alert_keys(self) -> list[str]:
        found = await self.world.connection.redis.zrange(keys.KEYED_ALERTS, 0, -1)
        return sorted(each.decode() for each in found)

    async def record(self, key: str) -> AlertRecord:
        """Return the record of an alert in Redis."""
        packed = await self.world.connection.redis.hget(keys.keyed_alert(key), "record")
        return msgspec.msgpack.decode(packed, type=AlertRecord)

    async def subject(self, key: str) -> Subject:
        """Return what an alert is about."""
        body = await self.world.connection.redis.hget(keys.keyed_alert(key), "alert")
        alert = decode_alert(body).alert
        return Subject(alert.rule, json.loads(alert.event)["data"]["k"])

    def modelled(self, key: str) -> AlertRecord | None:
        """Return the record of an alert in memory."""
        return find_alert(self.simulation._store.memory, key)

    def send_to(self, subject: Subject) -> tuple[str, ...]:
        """Return the destinations of an alert."""
        is_for_all = subject.rule == "patient" or (self.version and subject.rule == "plain")
        return PLACES if is_for_all else PLACES[:1]

    def differences(self) -> tuple[Counter[Any], Counter[Any]]:
        """Return what only Redis told, and what only the simulation told."""
        real = Counter(each.compared for each in self.told)
        modelled = Counter(each.compared for each in self.simulated)
        return real - modelled, modelled - real

    def is_silenced(self, subject: Subject, at: float) -> bool:
        return any(
            each.starts <= at < each.ends
            and each.text.match in ({"data.k": subject.k}, {"rule": subject.rule})
            for each in self.silences
        )

    def is_muted(self, subject: Subject, at: float) -> bool:
        minute = at // 60 % 60
        is_mute_time = any(begin <= minute < begin + 5 for begin in MUTED_MINUTES)
        return subject.rule == "muted" and not self.version and is_mute_time


def _replaced(made: Silence, **changes: float) -> Silence:
    return msgspec.structs.replace(made, **changes)


def is_firing(told: Told) -> bool:
    return told.alert.status is AlertStatus.FIRING
