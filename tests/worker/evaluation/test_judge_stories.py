"""The life of keyed alerts: told when it matters, told again when it still does (cases R4, R5, R9, R10, R14).

Each story is told to a worker on Redis and to the simulation in memory, and both must say the same.
"""

import re
from typing import Any

import pytest
from support.clock import SetClock
from support.world import World

from router.alerts import Alert, alert_key
from router.journal.acknowledgements import Acknowledgements
from router.journal.connection import Connection
from router.offline.simulation import SimulatedAlert, Simulation
from router.timestamps import unix_seconds

START = unix_seconds("2026-01-05T12:00:00Z") or 0.0
"""A Monday."""
RULE = """
rules:
  - name: trunk
    events: [down]
    resolve: {events: [up], by: [data.k]}
    send_to: [noc]
"""


def seconds(text: str) -> float:
    """Return the seconds of ``1h2m3s``."""
    units = {"d": 86400, "h": 3600, "m": 60, "s": 1}
    return sum(int(n) * units[unit] for n, unit in re.findall(r"(\d+)([dhms])", text))


def shown(alert: Alert, place: str, at: float) -> str:
    """Return an alert as the stories write it: when, where, which and what is said of it."""
    words = [f"{at - START:g}", place, alert.rule, str(alert.status)]
    if alert.escalation:
        words.append(f"level {alert.escalation}")
    if alert.reminder:
        words.append(f"reminder {alert.reminder}")
    if alert.held_because:
        words.append(
            f"since {alert.since - START:g} {alert.held_back} {'+'.join(alert.held_because)}"
        )
    if alert.since and alert.raised_at != at:  # spans that messages show end when they arise
        words.append(f"raised {alert.raised_at - START:g}")
    if alert.grouped > 1:
        words.append(f"{alert.grouped} alerts")
    return " ".join(words)


class Story:
    """Events, silences and acknowledgements at their times, for both stores."""

    def __init__(self, connection: Connection, time: SetClock, rules: str) -> None:
        time.now = START
        self.world = World(connection, time, rules)
        self.simulation = Simulation(
            self.world.configuration.rules, self.world.configuration.silences, now=START
        )
        self.real: list[str] = []
        self.simulated: list[str] = []
        self._number = 0

    async def to(self, moment: str) -> None:
        """Let time pass until so long after the start, in steps that show when something is told."""
        end = START + seconds(moment)
        await self.world.passes(0)
        await self._collect()
        while self.world.time.now < end:
            await self.world.passes(min(1.0, end - self.world.time.now))
            await self._collect()
        for outcome in self.simulation.pass_time(end):
            self._simulate(outcome.sent)

    async def happens(self, moment: str, kind: str, key: str = "a", **fields: Any) -> None:
        """Let an event come."""
        await self.to(moment)
        self._number += 1
        event = self.world.event(str(self._number), type=kind, k=key, **fields)
        await self.world.send(event)
        await self.world.passes(0)
        self._simulate(self.simulation.receive(event, now=self.world.time.now).sent)
        await self._collect()

    async def acknowledge(self, moment: str, rule: str) -> None:
        """Let an operator acknowledge the alert of a rule, of the key ``a``."""
        await self.to(moment)
        key = alert_key(rule, ('"a"',))
        at = self.world.time.now
        await Acknowledgements(self.world.connection).acknowledge(key, "ann", at)
        self.simulation.acknowledge(key)

    async def _collect(self) -> None:
        at = self.world.time.now
        for place in ("noc", "boss"):
            self.real += [shown(each.alert, place, at) for each in await self.world.told(place)]

    def _simulate(self, sent: tuple[SimulatedAlert, ...]) -> None:
        self.simulated += [
            shown(each.alert, place, each.at) for each in sent for place in each.send_to
        ]

    def told(self) -> list[str]:
        """Return what was told, after checking that both stores told the same."""
        assert sorted(self.real) == sorted(self.simulated)
        return self.real


@pytest.fixture
def story(connection: Connection, time: SetClock) -> Any:
    return lambda rules: Story(connection, time, rules)


SILENCED = """
silences:
  - {match: {rule: trunk}, ends: "2026-01-05T12:01:00Z", author: ann, comment: works}
"""
MUTED = """
mute_times: {noon: {times: [{from: "12:00", to: "12:02"}]}}
"""
NOON = """
schedules: {noon: {times: [{from: "12:00", to: "12:02"}]}}
"""
INHIBITED = """
  - {name: site, events: [site.down], resolve: {events: [site.up], by: [data.s]}, send_to: [boss]}
inhibitions: [{while: [site], hold_back: [trunk], equal: [data.s], for: 1h}]
"""
MUTED_RULE = RULE.replace("send_to", "mute_times: [noon], send_to").replace(
    "    mute_times: [noon], send_to", "    mute_times: [noon]\n    send_to"
)


@pytest.mark.parametrize(
    ("rules", "steps", "expected"),
    [
        pytest.param(
            RULE + "    cooldown: {for: 10m, by: [data.k]}\n",
            "0s down, 20s up, 40s down, 15m",
            [
                "0 noc trunk firing",
                "20 noc trunk resolved",
                "600 noc trunk firing since 40 0 cooldown",
            ],
            id="R4: down again within the cooldown, and stays",
        ),
        pytest.param(
            RULE + "    cooldown: {for: 10m, by: [data.k]}\n",
            "0s down, 20s up, 40s down, 60s up, 15m",
            ["0 noc trunk firing", "20 noc trunk resolved"],
            id="down and up within the cooldown: nothing",
        ),
        pytest.param(
            MUTED_RULE + MUTED,
            "10s down, 20s down, 5m",
            ["120 noc trunk firing since 10 1 muted"],
            id="R5: told at the end of the mute time",
        ),
        pytest.param(
            MUTED_RULE + MUTED.replace("{times", "{when_over: drop, times"),
            "10s down, 5m",
            [],
            id="when_over: drop",
        ),
        pytest.param(
            MUTED_RULE + MUTED,
            "10s down, 60s up, 5m",
            [],
            id="over before the mute time: nothing",
        ),
        pytest.param(
            RULE + SILENCED,
            "10s down, 5m up",
            ["60 noc trunk firing since 10 0 silenced", "300 noc trunk resolved"],
            id="told at the end of a silence",
        ),
        pytest.param(
            RULE + INHIBITED,
            "0s site.down, 10s down, 60s site.up, 2m",
            [
                "0 boss site firing",
                "60 noc trunk firing since 10 0 inhibited",
                "60 boss site resolved",
            ],
            id="told when what inhibits it is resolved",
        ),
        pytest.param(
            RULE + "    group: {wait: 30s, interval: 60s, by: [data.s]}\n" + INHIBITED,
            "0s down, 5s site.down, 2m site.up, 6m",
            [
                "5 boss site firing",
                "120 boss site resolved",
                "150 noc trunk firing since 0 0 inhibited",
            ],
            id="R10: the cause comes while the symptom waits in its group",
        ),
        pytest.param(
            RULE + "    group: {wait: 30s, interval: 60s}\n" + SILENCED,
            "0s down, 10s down b, 3m",
            ["90 noc trunk firing since 0 0 silenced 2 alerts"],
            id="a silenced group is told in a later message",
        ),
        pytest.param(
            RULE + "    pending: 30s\n",
            "0s down, 20s up, 40s down, 50s down, 5m up",
            ["70 noc trunk firing", "300 noc trunk resolved"],
            id="pending: told only if it is still open",
        ),
        pytest.param(
            RULE.replace("[data.k]}", "[data.k], hold: 30s}"),
            "0s down, 20s up, 40s down, 60s up, 5m",
            ["0 noc trunk firing", "40 noc trunk firing", "90 noc trunk resolved"],
            id="hold: resolved only if it stays so",
        ),
        pytest.param(
            RULE + "    remind: 1m\n",
            "0s down, 150s up, 5m",
            [
                "0 noc trunk firing",
                "60 noc trunk firing reminder 1",
                "120 noc trunk firing reminder 2",
                "150 noc trunk resolved",
            ],
            id="remind",
        ),
        pytest.param(
            RULE + "    escalate: {after: 30s, send_to: [boss]}\n" + SILENCED,
            "0s down, 5m up",
            [
                "60 noc trunk firing since 0 0 silenced",
                "90 boss trunk firing level 1",
                "300 noc trunk resolved",
                "300 boss trunk resolved",
            ],
            id="an escalation begins when the alert is told",
        ),
        pytest.param(
            RULE
            + "    escalate: {after: 30s, send_to: [boss]}\n"
            + SILENCED.replace("ends", 'starts: "2026-01-05T12:00:10Z", ends'),
            "0s down, 5m up",
            [
                "0 noc trunk firing",
                "60 boss trunk firing level 1",
                "300 noc trunk resolved",
                "300 boss trunk resolved",
            ],
            id="a level that falls due while it is silenced runs when that ends",
        ),
        pytest.param(
            RULE + "    remind: 1m\n",
            "0s down, 90s ack trunk, 5m up",
            [
                "0 noc trunk firing",
                "60 noc trunk firing reminder 1",
                "300 noc trunk resolved",
            ],
            id="no reminder of an acknowledged alert",
        ),
        pytest.param(
            RULE.replace(
                "send_to: [noc]", "send_to: [{to: boss, during: noon}, {to: noc, outside: noon}]"
            )
            + NOON,
            "30s down, 5m up",
            [
                "30 boss trunk firing",
                "120 noc trunk firing",
                "300 noc trunk resolved",
                "300 boss trunk resolved",
            ],
            id="the shift that begins is told of what is open",
        ),
        pytest.param(
            RULE.replace(
                "send_to: [noc]", "send_to: [{to: boss, during: noon}, {to: noc, outside: noon}]"
            )
            + NOON,
            "30s down, 60s ack trunk, 5m up",
            ["30 boss trunk firing", "300 boss trunk resolved"],
            id="but not of what is acknowledged",
        ),
        pytest.param(
            RULE.replace("    send_to", "    mode: shadow\n    send_to")
            + "    cooldown: {for: 10m, by: [data.k]}\n",
            "0s down, 20s down",
            [],
            id="a rule in shadow tells nothing",
        ),
    ],
)
async def test_what_is_told_and_when(
    story: Any, rules: str, steps: str, expected: list[str]
) -> None:
    told = story(rules)

    for step in steps.split(", "):
        moment, *event = step.split()
        if event[:1] == ["ack"]:
            await told.acknowledge(moment, event[1])
        elif event:
            await told.happens(moment, *event, s="x")
        else:
            await told.to(moment)

    assert told.told() == expected
