"""What results from a timer that is due, on a store in memory. Without Redis."""

from typing import Any

import pytest
from support.chains import decide as decide_chains
from support.chains import run
from support.world import configuration, event

from router.alerts import AlertId
from router.configuration.model import Configuration
from router.events.model import document
from router.rules.state.decision import Decision
from router.rules.state.memory_store import MemoryStore
from router.rules.state.timer import Timer
from router.rules.suppression.silences import Silence, SilenceText, silence
from router.worker.evaluation.decide import EvaluatedEvent, chains, decide, possible_alerts
from router.worker.evaluation.decide_timer import decide_timer
from router.worker.evaluation.suppression_reason import Snapshot

NOW = 1_700_000_000.0
ABSENT = "{name: one, events: [a], absent: {event: b, for: 1m}, send_to: [noc]}"
GROUP = "{name: one, events: [a], group: {wait: 30s, interval: 5m}, send_to: [noc]}"
ESCALATE = """{name: one, events: [a], send_to: [noc],
  escalate: [{after: 1m, send_to: [boss]}, {after: 2m, send_to: [boss, noc]}]}"""
SILENCE = silence(
    "s1",
    SilenceText(match={"rule": "one"}, ends="2024-01-01T00:00:00Z", author="ann", comment="why"),
)


class Story:
    """Rules with a store in memory; ``timers`` are those that are set."""

    def __init__(self, rules: str) -> None:
        self.configuration = configured(rules)
        self.store = MemoryStore()
        self.timers: list[Timer] = []

    def receive(self, *numbers: str, type_: str = "a") -> Decision:
        events = []
        for number in numbers:
            received = event(number, NOW, type=type_)
            content = document(received)
            judgement = self.configuration.rules.judge(type_, content)
            possible = possible_alerts(received, content, judgement, Snapshot(NOW))
            events.append(EvaluatedEvent(received, possible))
        asked = chains(events)
        results = decide_chains(self.store, f"batch {numbers}", asked, int(NOW * 1000))
        by_id = {chain.id: result for chain, result in zip(asked, results, strict=True)}
        decision = decide(events, by_id, Snapshot(NOW))
        self.timers += decision.timers
        return decision

    def fire(
        self,
        *,
        rules: str | None = None,
        silences: tuple[Silence, ...] = (),
        poison: frozenset[AlertId] = frozenset(),
    ) -> Decision:
        """Fire the timer that was set first."""
        timer = self.timers.pop(0)
        active = self.configuration if rules is None else configured(rules)
        store = self.store.open(f"timer {timer.due_at}", int(timer.due_at * 1000))
        snapshot = Snapshot(timer.due_at, silences)
        decision = run(decide_timer(timer, active.rules.by_name, snapshot, store, poison))
        self.timers += decision.timers
        return decision


def configured(rules: str) -> Configuration:
    return configuration(f"rules: [{rules}]")


def shown(decision: Decision) -> dict[str, Any]:
    return {
        "sent": [
            (each.alert.event_id, each.alert.escalation, each.send_to)
            for each in decision.notifications
        ],
        "suppressed": [str(reason) for _, reason in decision.suppressed_alerts],
        "alerts": decision.alerts,
        "timers": [timer.due_at - NOW for timer in decision.timers],
        "quarantined": [alert.event_id for alert in decision.quarantined],
        "dropped": [timer.feature for timer in decision.dropped_timers],
    }


NOTHING = {
    "sent": [],
    "suppressed": [],
    "alerts": 0,
    "timers": [],
    "quarantined": [],
    "dropped": [],
}
OTHER = "{name: other, events: [a], send_to: [noc]}"


@pytest.mark.parametrize(
    ("rules", "silences", "expected"),
    [
        (None, (), {"sent": [("1", 0, ("noc",))], "alerts": 1}),
        (None, (SILENCE,), {"suppressed": ["silenced"], "alerts": 1}),
        (OTHER, (), {"suppressed": ["rule_gone"], "alerts": 1, "dropped": ["absent"]}),
        (
            OTHER.replace("other", "one"),
            (),
            {"suppressed": ["rule_gone"], "alerts": 1, "dropped": ["absent"]},
        ),
        (ABSENT.replace("1m", "2m"), (), {"sent": [("1", 0, ("noc",))], "alerts": 1}),
        (ABSENT.replace("event: b", "event: c"), (), {"sent": [("1", 0, ("noc",))], "alerts": 1}),
        (ABSENT.replace("1m", "1m, by: [data.x]"), (), {"sent": [("1", 0, ("noc",))], "alerts": 1}),
        (ABSENT.replace("[noc]", "[boss]"), (), {"sent": [("1", 0, ("boss",))], "alerts": 1}),
    ],
)
def test_an_absence(
    rules: str | None, silences: tuple[Silence, ...], expected: dict[str, Any]
) -> None:
    story = Story(ABSENT)
    story.receive("1")

    assert shown(story.fire(rules=rules, silences=silences)) == {**NOTHING, **expected}


def test_an_absence_that_was_fulfilled_results_in_nothing() -> None:
    story = Story(ABSENT)
    story.receive("1")
    story.receive("2", type_="b")

    assert shown(story.fire()) == NOTHING


@pytest.mark.parametrize(
    ("rules", "silences", "expected"),
    [
        (None, (), {"sent": [("1", 0, ("noc",))], "timers": [330.0]}),
        (None, (SILENCE,), {"suppressed": ["silenced"] * 3, "timers": [330.0]}),
        (OTHER, (), {"sent": [("1", 0, ("noc",))], "timers": [330.0]}),
        (OTHER, (SILENCE,), {"suppressed": ["silenced"] * 3, "timers": [330.0]}),
    ],
)
def test_a_group(
    rules: str | None, silences: tuple[Silence, ...], expected: dict[str, Any]
) -> None:
    story = Story(GROUP)
    assert story.receive("1", "2", "3").alerts == 3

    assert shown(story.fire(rules=rules, silences=silences)) == {**NOTHING, **expected}


def test_a_group_is_one_message_and_ends_when_nothing_joined() -> None:
    story = Story(GROUP)
    story.receive(*(str(number) for number in range(25)))

    first, second = story.fire(), story.fire()

    (sent,) = first.notifications
    assert (sent.alert.grouped, len(sent.alert.members), first.notified) == (25, 19, 25)
    assert shown(second) == NOTHING


def test_a_message_of_a_group_escalates() -> None:
    story = Story(GROUP.replace("send_to", "escalate: {after: 1m, send_to: [boss]}, send_to"))
    story.receive("1", "2")

    assert [timer.feature for timer in story.fire().timers] == ["escalate", "group"]


@pytest.mark.parametrize(
    ("rules", "silences", "expected"),
    [
        (None, (), {"sent": [("1", 1, ("boss",))], "timers": [180.0]}),
        (None, (SILENCE,), {"timers": [90.0]}),  # asked again after 30 s
        (OTHER, (), {"dropped": ["escalate"]}),
        (OTHER.replace("other", "one"), (), {"dropped": ["escalate"]}),
    ],
)
def test_an_escalation(
    rules: str | None, silences: tuple[Silence, ...], expected: dict[str, Any]
) -> None:
    story = Story(ESCALATE)
    story.receive("1")

    assert shown(story.fire(rules=rules, silences=silences)) == {**NOTHING, **expected}


def test_an_escalation_ends_with_its_last_level() -> None:
    story = Story(ESCALATE)
    story.receive("1")
    story.fire()

    assert shown(story.fire()) == {**NOTHING, "sent": [("1", 2, ("boss", "noc"))]}


def test_an_acknowledged_alert_does_not_escalate() -> None:
    story = Story(ESCALATE)
    (sent,) = story.receive("1").notifications
    story.store.acknowledge(sent.alert.key, int(NOW * 1000))

    assert shown(story.fire()) == NOTHING


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (ABSENT, {"suppressed": ["poison"], "alerts": 1, "quarantined": ["1"]}),
        (GROUP, {"suppressed": ["poison"], "timers": [330.0], "quarantined": ["1"]}),
        (ESCALATE, {"quarantined": ["1"]}),
    ],
)
def test_an_alert_that_ended_processes_is_quarantined(rules: str, expected: dict[str, Any]) -> None:
    story = Story(rules)
    story.receive("1")
    (timer,) = story.timers
    store = story.store.open("probe", 0)
    alerts = run(timer.alerts(store))
    story.store.forget("probe")
    if rules == GROUP:  # the probe has taken the group, as the timer's own work
        story = Story(rules)
        story.receive("1")

    decision = story.fire(poison=frozenset(alert.id for alert in alerts))

    assert shown(decision) == {**NOTHING, **expected}


def test_firing_again_decides_the_same() -> None:
    story = Story(GROUP)
    story.receive("1", "2")
    timer = story.timers[0]

    first = story.fire()
    story.timers = [timer]
    again = story.fire()

    assert shown(again) == shown(first)
    assert again.notifications == first.notifications
