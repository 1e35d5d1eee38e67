"""What results from chains, as tables: results in, a decision out. Without Redis."""

from typing import Any

import pytest
from support.world import configuration, event

from router.events.model import document
from router.rules.state.decision import Decision
from router.rules.state.step import ChainResult, Outcome, Reason
from router.worker.evaluation.decide import (
    EvaluatedEvent,
    chains,
    decide,
    possible_alerts,
)
from router.worker.evaluation.suppression_reason import Snapshot

NOW = 1_700_000_000.0
SNAPSHOT = Snapshot(NOW)
NOTHING = {
    "filtered": 0,
    "suppressed": 0,
    "matched": 1,
    "alerts": 0,
    "notified": 0,
    "suppressed_alerts": (),
    "sent": [],
    "timers": [],
}
NOTIFIED = {**NOTHING, "alerts": 1, "notified": 1, "sent": [("one", ("noc",))]}


def evaluated(keys: str, *, type_: str = "a", rules: str = "") -> list[EvaluatedEvent]:
    text = f"rules: [{{name: one, events: [a], send_to: [noc], {keys}}}]{rules}"
    received = event("1", NOW, type=type_)
    content = document(received)
    judgement = configuration(text).rules.judge(type_, content)
    return [EvaluatedEvent(received, possible_alerts(received, content, judgement, SNAPSHOT))]


def shown(decision: Decision) -> dict[str, Any]:
    return {
        "filtered": decision.filtered,
        "suppressed": decision.suppressed,
        "matched": decision.matched,
        "alerts": decision.alerts,
        "notified": decision.notified,
        "suppressed_alerts": decision.suppressed_alerts,
        "sent": [(each.alert.rule, each.send_to) for each in decision.notifications],
        "timers": [(timer.feature, timer.due_at - NOW) for timer in decision.timers],
    }


def decided(keys: str, result: ChainResult, *, type_: str = "a") -> Decision:
    events = evaluated(keys, type_=type_)
    (chain,) = chains(events)
    return decide(events, {chain.id: result}, SNAPSHOT)


@pytest.mark.parametrize(
    ("keys", "type_", "expected"),
    [
        ("", "a", NOTIFIED),
        ("", "b", {**NOTHING, "filtered": 1, "matched": 0}),
        (
            "mode: shadow",
            "a",
            {
                **NOTHING,
                "suppressed": 1,
                "matched": 0,
                "alerts": 1,
                "suppressed_alerts": (("one", "shadow"),),
            },
        ),
    ],
)
def test_a_rule_without_state_is_decided_without_a_chain(
    keys: str, type_: str, expected: dict[str, Any]
) -> None:
    events = evaluated(keys, type_=type_)

    assert chains(events) == []
    assert shown(decide(events, {}, SNAPSHOT)) == expected


@pytest.mark.parametrize(
    ("keys", "result", "expected"),
    [
        ("cooldown: {for: 1m}", ChainResult(Outcome.NOTIFY), NOTIFIED),
        (
            "cooldown: {for: 1m}",
            ChainResult(Outcome.SUPPRESSED, Reason("cooldown")),
            {
                **NOTHING,
                "suppressed": 1,
                "matched": 0,
                "alerts": 1,
                "suppressed_alerts": (("one", "cooldown"),),
            },
        ),
        ("count: {at_least: 2, within: 1m}", ChainResult(Outcome.COUNTED), NOTHING),
        ("count: {at_least: 2, within: 1m}", ChainResult(Outcome.NOTIFY, count=2), NOTIFIED),
        (
            "absent: {event: b, for: 1m}",
            ChainResult(Outcome.EXPECTED, first=True),
            {**NOTHING, "timers": [("absent", 60.0)]},
        ),
        ("absent: {event: b, for: 1m}", ChainResult(Outcome.EXPECTED), NOTHING),
        ("absent: {event: b, for: 1m}", ChainResult(Outcome.ENDED), NOTHING),
        (
            "group: {wait: 10s}",
            ChainResult(Outcome.GROUPED, first=True),
            {**NOTHING, "alerts": 1, "timers": [("group", 10.0)]},
        ),
        ("group: {wait: 10s}", ChainResult(Outcome.GROUPED), {**NOTHING, "alerts": 1}),
        ("group: {wait: 10s}", ChainResult(Outcome.NOTIFY, overflowed=True), NOTIFIED),
        (
            "escalate: {after: 15m, send_to: [boss]}",
            ChainResult(Outcome.NOTIFY, escalates=True),
            {**NOTIFIED, "timers": [("escalate", 900.0)]},
        ),
        ("escalate: {after: 15m, send_to: [boss]}", ChainResult(Outcome.NOTIFY), NOTIFIED),
    ],
)
def test_the_result_of_a_chain_says_what_is_sent_and_which_timers_are_set(
    keys: str, result: ChainResult, expected: dict[str, Any]
) -> None:
    assert shown(decided(keys, result)) == expected


def test_an_alert_says_how_many_a_cooldown_suppressed_before_it() -> None:
    decision = decided("cooldown: {for: 1m}", ChainResult(Outcome.NOTIFY, held_back=4))

    assert [each.alert.held_back for each in decision.notifications] == [4]


def test_an_overflow_is_noted_with_its_rule() -> None:
    decision = decided("cooldown: {for: 1m}", ChainResult(Outcome.NOTIFY, overflowed=True))

    assert decision.overflowed == ("one",)


RESOLVE = "resolve: {events: [c]}"


def test_a_resolved_alert_is_sent_to_those_that_were_notified() -> None:
    (raised,) = chains(evaluated(RESOLVE))
    result = ChainResult(Outcome.RESOLVED, notified=("boss", "noc"), alert=raised.alert)

    decision = decided(RESOLVE, result, type_="c")

    (sent,) = decision.notifications
    assert (sent.alert.status, sent.send_to) == ("resolved", ("boss", "noc"))
    assert (decision.alerts, decision.notified, decision.matched) == (0, 0, 1)


def test_alerts_that_were_withdrawn_from_groups_are_suppressed_as_resolved() -> None:
    decision = decided(RESOLVE, ChainResult(Outcome.ENDED, withdrawn=2), type_="c")

    assert decision.suppressed_alerts == (("one", "resolved"), ("one", "resolved"))
    assert (decision.alerts, decision.notifications) == (0, ())


def test_an_event_is_suppressed_only_if_all_its_alerts_are() -> None:
    text = "\n  - {name: two, events: [a], send_to: [noc]}"
    events = evaluated("", rules="")
    received = events[0].event
    content = document(received)
    rules = configuration(
        "rules:\n  - {name: one, events: [a], mode: shadow, send_to: [noc]}" + text
    ).rules
    judgement = rules.judge("a", content)
    both = [EvaluatedEvent(received, possible_alerts(received, content, judgement, SNAPSHOT))]

    decision = decide(both, {}, SNAPSHOT)

    assert (decision.suppressed, decision.matched, decision.alerts) == (0, 1, 2)


def test_endings_come_first_and_rules_that_inhibit_before_others() -> None:
    text = """
rules:
  - {name: plain, events: [a], send_to: [noc]}
  - {name: heartbeat, events: [a], absent: {event: a, for: 1m}, send_to: [noc]}
  - {name: source, events: [a], send_to: [noc]}
  - {name: target, events: [x], send_to: [noc]}
inhibitions: [{while: [source], hold_back: [target], for: 1h}]
"""
    received = event("1", NOW)
    content = document(received)
    judgement = configuration(text).rules.judge("a", content)

    possible = possible_alerts(received, content, judgement, SNAPSHOT)

    assert [(each.rule.name, each.is_match) for each in possible] == [
        ("heartbeat", False),
        ("source", True),
        ("plain", True),
        ("heartbeat", True),
    ]


def test_the_ids_of_chains_are_stored_and_do_not_change() -> None:
    """A rerun by another version must find the results of the first run."""
    text = """
rules:
  - name: one
    events: [a]
    absent: {event: a, for: 1m}
    resolve: {events: [a]}
    send_to: [noc]
"""
    received = event("1", NOW)
    content = document(received)
    judgement = configuration(text).rules.judge("a", content)
    possible = possible_alerts(received, content, judgement, SNAPSHOT)
    (alert,) = {each.alert.id for each in possible}

    assert [each.chain.id for each in possible if each.chain] == [
        f"{alert}-ends_absence",
        f"{alert}-resolves",
        f"{alert}-raise",
    ]
