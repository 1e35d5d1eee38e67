"""The steps of an alert, as tables: rules in, names of steps out. Without Redis."""

import pytest
from support.world import configuration, event

from router.events.model import document
from router.rules.model import Rule
from router.rules.routing import Recipients
from router.rules.state.absent import AbsenceTimer
from router.rules.state.group import FlushTimer
from router.rules.state.suppress import MUTED, SILENCED
from router.rules.suppression.silences import SilenceText, silence
from router.worker.evaluation.fan_out import raise_alert
from router.worker.evaluation.plan import (
    alert_facts,
    event_time_ms,
    plan_steps,
)
from router.worker.evaluation.suppression_reason import (
    Snapshot,
    suppression_reason,
    suppressions,
)

NOW = 1_700_000_000.0
"""2023-11-14T22:13:20Z, a Tuesday."""
SILENCE = silence(
    "s1",
    SilenceText(
        match={"rule": "one"}, ends="2024-01-01T00:00:00Z", author="ann", comment="maintenance"
    ),
)
COUNT = "count: {at_least: 2, within: 1m}"
ABSENT = "absent: {event: b, for: 1m}"
RESOLVE = "resolve: {events: [c]}"
COOLDOWN = "cooldown: {for: 1m}"
GROUP = "group: {wait: 30s}"
ESCALATE = "escalate: {after: 1m, send_to: [boss]}"
SHADOW = "mode: shadow"
INHIBITS = "inhibitions: [{while: [one], hold_back: [other], for: 1h}]"
INHIBITED = "inhibitions: [{while: [other], hold_back: [one], for: 1h}]"
CALENDAR = "mute_times: {late: {times: [{from: '22:00', to: '23:00'}]}}"
OPENED = ["check_resolved", "open_alert"]
KEPT = ["open_alert", "check_cooldown", "record_notified"]


def rule_of(*keys: str, sections: str = "") -> Rule:
    text = f"""
rules:
  - {{name: one, events: [a], send_to: [noc], {", ".join(keys)}}}
  - {{name: other, events: [x], send_to: [noc]}}
{sections}
"""
    return configuration(text).rules.by_name["one"]


def steps_of(rule: Rule, *, silenced: bool = False, after: type | None = None) -> list[str]:
    received = event("1", NOW)
    content = document(received)
    snapshot = Snapshot(NOW, [SILENCE] if silenced else [])
    alert = raise_alert(received, content, rule, now=NOW)
    key = received.key if after is None else ""
    facts = alert_facts(alert, content, rule, snapshot, recipients=Recipients(("noc",)), event=key)
    return [str(step.__struct_config__.tag) for step in plan_steps(rule, facts, after=after)]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ((), []),
        ((SHADOW,), []),
        ((COUNT,), ["count"]),
        ((COUNT, COOLDOWN), ["count", *KEPT]),
        ((COOLDOWN, COUNT), ["count", *KEPT]),
        ((ABSENT, COOLDOWN, RESOLVE), ["expect"]),
        ((RESOLVE,), [*OPENED, "record_notified"]),
        ((RESOLVE, COOLDOWN), [*OPENED, "check_cooldown", "record_notified"]),
        ((RESOLVE, GROUP), [*OPENED, "join_group", "record_notified"]),
        (
            (GROUP, ESCALATE),
            ["open_alert", "join_group", "record_notified", "start_escalation"],
        ),
        ((ESCALATE,), ["open_alert", "record_notified", "start_escalation"]),
        ((RESOLVE, ESCALATE), [*OPENED, "record_notified", "start_escalation"]),
        ((COUNT, SHADOW), ["count", "suppress"]),
        ((RESOLVE, COOLDOWN, GROUP, ESCALATE, SHADOW), ["check_cooldown", "suppress"]),
    ],
)
def test_the_features_of_a_rule_become_steps_in_one_order(
    keys: tuple[str, ...], expected: list[str]
) -> None:
    assert steps_of(rule_of(*keys)) == expected


@pytest.mark.parametrize(
    ("keys", "sections", "expected"),
    [
        ((), INHIBITS, ["start_inhibition"]),
        ((SHADOW,), INHIBITS, ["suppress"]),
        ((RESOLVE,), INHIBITS, [*OPENED, "start_inhibition", "record_notified"]),
        ((), INHIBITED, ["check_inhibited"]),
        ((SHADOW,), INHIBITED, ["check_inhibited", "suppress"]),
        ((COOLDOWN,), INHIBITED, ["open_alert", "check_inhibited", *KEPT[1:]]),
        ((GROUP,), INHIBITED, ["join_group"]),  # asked when the group is sent
        (("mute_times: [late]", COOLDOWN), CALENDAR, ["open_alert", "suppress", *KEPT[1:]]),
        (("mute_times: [late]",), CALENDAR, ["suppress"]),
    ],
)
def test_inhibitions_and_mute_times_come_between(
    keys: tuple[str, ...], sections: str, expected: list[str]
) -> None:
    assert steps_of(rule_of(*keys, sections=sections)) == expected


def test_a_silenced_alert_is_counted_and_opened_and_then_suppressed() -> None:
    rule = rule_of(COUNT, RESOLVE, COOLDOWN)

    assert steps_of(rule, silenced=True)[:4] == ["count", *OPENED, "suppress"]


def test_a_timer_raises_its_alert_to_the_features_after_its_own() -> None:
    rule = rule_of(ABSENT, RESOLVE, COOLDOWN, ESCALATE)

    assert steps_of(rule, after=AbsenceTimer) == [
        "open_alert",  # not check_resolved: the alert begins now
        "check_cooldown",
        "record_notified",
        "start_escalation",
    ]
    assert steps_of(rule, after=FlushTimer) == []


@pytest.mark.fault_row(29)
@pytest.mark.parametrize(
    ("time", "received_at", "now", "expected"),
    [
        ("", 5.0, 9.0, 5000),
        ("no time", 5.0, 9.0, 5000),
        ("1970-01-01T00:00:03", 5.0, 9.0, 5000),
        ("1970-01-01T00:00:03Z", 5.0, 9.0, 3000),
        ("1970-01-01T01:00:03.25+01:00", 5.0, 9.0, 3250),
        ("1970-01-01T00:00:10Z", 5.0, 9.0, 9000),
        ("", 10.0, 9.0, 9000),
        ("1969-12-31T23:59:59Z", 5.0, 9.0, -1000),
    ],
)
def test_an_event_happens_at_its_own_time_and_never_in_the_future(
    time: str, received_at: float, now: float, expected: int
) -> None:
    """Mutant: an event happens in the future."""
    assert event_time_ms(time, received_at, now) == expected


@pytest.mark.parametrize(
    ("muted", "silenced", "expected"),
    [
        (False, False, None),
        (False, True, SILENCED),
        (True, False, MUTED),
        (True, True, SILENCED),
    ],
)
def test_silences_are_checked_before_mute_times(
    *, muted: bool, silenced: bool, expected: str | None
) -> None:
    rule = rule_of("mute_times: [late]", sections=CALENDAR) if muted else rule_of()
    received = event("1", NOW)
    content = document(received)
    alert = raise_alert(received, content, rule, now=NOW)
    snapshot = Snapshot(NOW, [SILENCE] if silenced else [])

    found = suppression_reason(alert, content, rule, snapshot)
    assert (found.reason if found else None) == expected


def test_only_silences_apply_to_an_alert_whose_rule_is_gone() -> None:
    received = event("1", NOW)
    content = document(received)
    alert = raise_alert(received, content, rule_of(), now=NOW)

    (found,) = suppressions(alert, content, None, Snapshot(NOW, [SILENCE]))
    assert (found.reason, found.ends) == (SILENCED, SILENCE.ends)
    assert suppression_reason(alert, content, None, Snapshot(NOW)) is None


def test_the_tolerance_of_clocks_reaches_the_steps() -> None:
    rule, received = rule_of(RESOLVE), event("1", NOW)
    alert = raise_alert(received, document(received), rule, now=NOW)
    facts = alert_facts(alert, document(received), rule, Snapshot(NOW, tolerance_ms=2000))
    assert facts.tolerance_ms == 2000
