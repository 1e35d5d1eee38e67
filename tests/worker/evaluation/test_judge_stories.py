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

    async def tell(self, steps: str) -> None:
        """Tell a story: ``0s down, 10s down b, 20s ack, 2m``."""
        for step in steps.split(", "):
            moment, *event = step.split()
            if event[:1] == ["ack"]:
                await self.acknowledge(moment, event[1])
            elif event:
                await self.happens(moment, *event, s="x")
            else:
                await self.to(moment)

    async def to(self, moment: str) -> None:
        """Let time pass until so long after the start, in steps that show when something is told."""
        end = START + seconds(moment)
        await self.world.passes(0)
        await self._collect()
        while self.world.time.now < end:
            step = max(0.001, await self.world.due_in())
            await self.world.passes(min(step, end - self.world.time.now))
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
CHAIN = """
  - {name: mid, events: [mid.down], resolve: {events: [mid.up], by: [data.s]}, send_to: [noc]}
  - {name: site, events: [site.down], resolve: {events: [site.up], by: [data.s]}, send_to: [boss]}
inhibitions:
  - {while: [site], hold_back: [mid], equal: [data.s], for: 1h}
  - {while: [mid], hold_back: [trunk], equal: [data.s], for: 1h}
"""
UNTIL_RESOLVED = """
silences:
  - match: {rule: trunk}
    starts: "2026-01-05T12:01:10Z"
    until_resolved: true
    author: ann
    comment: works
"""
LATER_SILENCE = SILENCED.replace("ends", 'starts: "2026-01-05T12:00:30Z", ends').replace(
    "01:00", "01:30"
)
DAY = """
schedules: {day: {times: [{from: "12:10", to: "13:00"}]}}
"""
RATIO = """
rules:
  - name: calls
    events: [call]
    ratio: {of: data.k == "1", at_least: 50%, min_events: 1, within: 1m}
    resolve: {back: true}
    send_to: [noc]
"""
ABSENT = """
rules:
  - name: quiet
    events: [ping]
    absent: {event: ping, for: 1m, by: [data.k]}
    resolve: {events: [ping], by: [data.k]}
    mute_times: [noon]
    send_to: [noc]
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
        pytest.param(
            MUTED_RULE + "    pending: 30s\n    cooldown: {for: 5m, by: [data.k]}\n" + MUTED,
            "0s down, 3m up, 4m down, 15m",
            [
                "120 noc trunk firing since 0 0 muted",
                "180 noc trunk resolved",
                "420 noc trunk firing since 240 0 cooldown",
            ],
            id="what is suppressed when it is no longer pending says why",
        ),
        pytest.param(
            RULE.replace("[data.k]}", "[data.k], hold: 30s}"),
            "0s down, 20s up, 30s down, 35s up, 40s down, 50s up, 5m",
            [
                "0 noc trunk firing",
                "30 noc trunk firing",
                "40 noc trunk firing",
                "80 noc trunk resolved",
            ],
            id="up and down within hold is one alert",
        ),
        pytest.param(
            RULE + "    group: {wait: 30s, interval: 60s}\n" + SILENCED.replace("01:00", "02:00"),
            "0s down, 10s down b, 45s up, 5m up b",
            ["150 noc trunk firing since 10 0 silenced", "300 noc trunk resolved"],
            id="resolved after its group was suppressed",
        ),
        pytest.param(
            RULE
            + "    group: {wait: 30s, interval: 60s}\n"
            + SILENCED.replace("rule: trunk", "data.k: b"),
            "0s down, 10s down b, 20s down c, 3m up b, 4m up",
            [
                "30 noc trunk firing 2 alerts",
                "90 noc trunk firing since 10 0 silenced",
                "180 noc trunk resolved",
                "240 noc trunk resolved",
            ],
            id="one alert of a group is silenced",
        ),
        pytest.param(
            RULE + "    cooldown: {for: 10m, by: [data.k]}\n",
            "0s down, 20s up, 40s down, 50s up, 60s down, 11m up, 12m down, 30m",
            [
                "0 noc trunk firing",
                "20 noc trunk resolved",
                "600 noc trunk firing since 60 1 cooldown",
                "660 noc trunk resolved",
                "1200 noc trunk firing since 720 0 cooldown",
            ],
            id="further lives within a cooldown",
        ),
        pytest.param(
            RULE + "    cooldown: {for: 1m, by: [data.s]}\n",
            "0s down, 10s down b, 20s down c, 30s up b, 5m up, 6m",
            [
                "0 noc trunk firing",
                "60 noc trunk firing since 20 1 cooldown",
                "300 noc trunk resolved",
            ],
            id="alerts that share a cooldown",
        ),
        pytest.param(
            RULE + CHAIN,
            "0s site.down, 10s mid.down, 20s down, 30s site.up, 60s mid.up, 5m",
            [
                "0 boss site firing",
                "30 noc mid firing since 10 0 inhibited",
                "30 boss site resolved",
                "60 noc trunk firing since 20 0 inhibited",
                "60 noc mid resolved",
            ],
            id="what is inhibited inhibits others",
        ),
        pytest.param(
            RULE + INHIBITED.replace("by: [data.s]}", "by: [data.s], within: 1m}"),
            "0s site.down, 10s down, 5m",
            ["0 boss site firing", "60 noc trunk firing since 10 0 inhibited"],
            id="what inhibits it expires",
        ),
        pytest.param(
            RULE + "    remind: 1m\n" + UNTIL_RESOLVED,
            "0s down, 200s up, 210s down, 5m",
            [
                "0 noc trunk firing",
                "60 noc trunk firing reminder 1",
                "200 noc trunk resolved",
                "210 noc trunk firing",
                "270 noc trunk firing reminder 1",
            ],
            id="a silence until it is resolved is over with this life",
        ),
        pytest.param(
            RULE
            + "    escalate: [{after: 2m, send_to: [boss]}, {after: 5m, send_to: [boss]}]\n"
            + UNTIL_RESOLVED,
            "0s down, 80s down b, 240s up, 280s up b",
            [
                "0 noc trunk firing",
                "80 noc trunk firing",
                "200 boss trunk firing level 1",
                "240 noc trunk resolved",
                "280 noc trunk resolved",
                "280 boss trunk resolved",
            ],
            id="a silence until it is resolved suppresses its escalation, and no later one",
        ),
        pytest.param(
            RULE + "    group: {wait: 80s, interval: 60s}\n" + UNTIL_RESOLVED,
            "0s down, 75s down b, 200s up, 230s up b",
            [
                "80 noc trunk firing",
                "230 noc trunk resolved",
            ],
            id="a silence until it is resolved suppresses it in its group",
        ),
        pytest.param(
            RULE + "    remind: 1m\n" + LATER_SILENCE,
            "0s down, 3m",
            [
                "0 noc trunk firing",
                "90 noc trunk firing reminder 1",
                "150 noc trunk firing reminder 2",
            ],
            id="a reminder that is silenced is made when that ends",
        ),
        pytest.param(
            RULE + "    remind: 1m\n" + LATER_SILENCE.replace("{match", "{when_over: drop, match"),
            "0s down, 3m",
            [
                "0 noc trunk firing",
                "120 noc trunk firing reminder 1",
                "180 noc trunk firing reminder 2",
            ],
            id="a reminder that is dropped is not made when that ends",
        ),
        pytest.param(
            RULE + "    group: {wait: 30s, interval: 60s}\n    remind: 1m\n",
            "0s down, 10s down b, 100s up, 160s",
            [
                "30 noc trunk firing 2 alerts",
                "90 noc trunk firing reminder 1",
                "90 noc trunk firing reminder 1",
                "100 noc trunk resolved",
                "150 noc trunk firing reminder 2",
            ],
            id="alerts of a group are reminded of",
        ),
        pytest.param(
            RULE + "    escalate: {after: 30s, send_to: [boss]}\n    remind: 1m\n",
            "0s down, 130s ack trunk, 200s up",
            [
                "0 noc trunk firing",
                "30 boss trunk firing level 1",
                "60 noc trunk firing reminder 1",
                "120 noc trunk firing reminder 2",
                "200 noc trunk resolved",
                "200 boss trunk resolved",
            ],
            id="a reminder does not escalate again",
        ),
        pytest.param(
            RULE.replace("[noc]", "[boss, {to: noc, during: day}]")
            + "    remind: 3m\n"
            + DAY
            + LATER_SILENCE.replace("00:30", "08:30").replace("01:30", "15:00"),
            "0s down, 20m up, 21m",
            [
                "0 boss trunk firing",
                "180 boss trunk firing reminder 1",
                "360 boss trunk firing reminder 2",
                "900 noc trunk firing",
                "1080 noc trunk firing reminder 3",
                "1080 boss trunk firing reminder 3",
                "1200 noc trunk resolved",
                "1200 boss trunk resolved",
            ],
            id="a destination comes on duty in a silence",
        ),
        pytest.param(
            SILENCED.replace("trunk", "calls") + RATIO,
            "0s call 1, 10s call 1, 70s call 1, 75s call 0, 80s call 0, 4m",
            [
                "60 noc calls firing since 0 0 silenced",
                "70 noc calls firing",
                "80 noc calls resolved",
            ],
            id="a share that is back after a silence",
        ),
        pytest.param(
            ABSENT + MUTED,
            "0s ping, 90s, 100s ping, 4m ping, 280s",
            ["160 noc quiet firing", "240 noc quiet resolved"],
            id="an absence that is over in a mute time, and the next one",
        ),
    ],
)
async def test_what_is_told_and_when(
    story: Any, rules: str, steps: str, expected: list[str]
) -> None:
    told = story(rules)

    await told.tell(steps)

    assert told.told() == expected


@pytest.mark.parametrize(
    ("rules", "steps", "looks"),
    [
        (RULE + "    cooldown: {for: 1m, by: [data.k]}\n", "0s down, 40s down, 5m", 1),
        (
            RULE + "    cooldown: {for: 1m, by: [data.k]}\n",
            "0s down, 5s up, 10s down, 20s ack trunk, 5m",
            1,
        ),
        (
            RULE.replace("[data.k]}", "[data.k], hold: 5m}") + "    remind: 1m\n",
            "0s down, 50s up, 10m",
            6,
        ),
        (
            RULE + "    remind: 3m\n    group: {wait: 2m, interval: 2m}\n",
            "0s down, 270s down, 8m",
            2,
        ),
    ],
    ids=[
        "the cooldown of an alert that was told is over",
        "it was acknowledged in its cooldown",
        "a reminder is due while it may be resolved",
        "a reminder is due while it waits in a group",
    ],
)
async def test_an_alert_of_which_nothing_is_to_be_told_is_left_alone(
    story: Any, rules: str, steps: str, looks: int
) -> None:
    told = story(rules)

    await told.tell(steps)

    assert told.world.pages == looks
