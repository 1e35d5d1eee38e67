"""What the rules say of one event, and why, as people read it."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from support.golden import golden

from router.configuration.load import load
from router.destinations.contract import Environment
from router.destinations.spec import make_destination
from router.events.decode import decode_strictly
from router.events.model import Event
from router.offline.explain import RuleResult, as_text, explain
from router.settings.choices import Egress

RULES = """
destinations: {noc: {capture: {}}}
rules:
  - name: matches
    events: [com.example.call]
    when: data.issues >= 3 && data.region == "us1"
    send_to: [noc]
    summary: "{{ data.issues }} issues"
  - name: is-false-in-its-second-line
    events: [com.example.call]
    when: |
      data.issues >= 3
      && (data.region == "de1" || data.region == "ie1")
    send_to: [noc]
  - name: cannot-be-judged
    events: [com.example.call]
    when: data.missing.deeper == 1 && data.issues >= 3
    send_to: [noc]
  - name: has-no-condition
    events: ["*"]
    mode: shadow
    send_to: [noc]
  - name: uses-match
    events: [com.example.call]
    match: {data.region: [de1, ie1], data.issues: {">=": 3}}
    send_to: [noc]
  - name: is-for-others
    events: [com.example.other]
    send_to: [noc]
"""
BODY = b"""{"specversion": "1.0", "id": "1", "source": "test", "type": "com.example.call",
"time": "2026-01-01T00:00:00Z", "data": {"issues": 5, "region": "us1"}}"""


@pytest.fixture
def event() -> Event:
    return decode_strictly(BODY, received_at=1_767_225_600.0, max_events=1)[0]


def test_an_event_is_explained_rule_by_rule(tmp_path: Path, event: Event) -> None:
    (tmp_path / "a.yaml").write_text(RULES)
    configuration = load(tmp_path, {})
    environment = Environment(
        egress=Egress.OPEN, now=lambda: 1_767_225_600.0, on_template_error=pytest.fail
    )
    places = [make_destination(spec, environment) for spec in configuration.destinations]

    explanation = explain(event, configuration.rules, places, now=1_767_225_600.0)

    assert [rule.result for rule in explanation.rules] == [
        RuleResult.MATCHED,
        RuleResult.NOT_MATCHED,
        RuleResult.ERROR,
        RuleResult.SHADOW,
        RuleResult.NOT_MATCHED,
    ]
    (sending,) = explanation.rules[0].sendings
    assert sending.destination == "noc"
    told_nobody = [replace(rule, sendings=()) for rule in explanation.rules]
    seen = as_text(replace(explanation, rules=tuple(told_nobody))) + "\n"
    assert golden("explanation.txt", seen) == seen


ON_DUTY = """
destinations: {noc: {capture: {}}, pager: {capture: {}}}
schedules:
  office: {time_zone: Europe/Berlin, times: [{days: [mon-fri], from: "08:00", to: "18:00"}]}
rules:
  - name: on-duty
    events: [com.example.call]
    send_to: [{to: noc, during: office}, {to: pager, outside: office}]
"""


def test_those_on_duty_are_told_and_the_others_are_named(tmp_path: Path, event: Event) -> None:
    (tmp_path / "a.yaml").write_text(ON_DUTY)
    configuration = load(tmp_path, {})
    environment = Environment(egress=Egress.OPEN, now=lambda: 0.0, on_template_error=pytest.fail)
    places = [make_destination(spec, environment) for spec in configuration.destinations]

    explanation = explain(event, configuration.rules, places, now=1_767_225_600.0)

    (rule,) = explanation.rules
    assert [sending.destination for sending in rule.sendings] == ["pager"]
    assert [(each.destination, each.is_on_duty) for each in rule.duties] == [
        *(("noc", False), ("pager", True))
    ]
    text = as_text(explanation)
    assert "\n  noc (during office) is off duty until 2026-01-01 07:00:00Z\n" in text
    assert "\n  pager (outside office) is on duty until 2026-01-01 07:00:00Z\n" in text


REMEMBERS = """
destinations: {noc: {capture: {}}, boss: {capture: {}}}
mute_times: {nights: {times: [{from: "18:00", to: "08:00"}]}}
rules:
  - name: burst
    events: [com.example.call]
    count: {at_least: 5, within: 1h30m, by: [data.region, "data.issues >\n  3"]}
    cooldown: {for: 500ms, by: [data.missing]}
    send_to: [noc]
  - name: awaited
    events: [com.example.call]
    absent: {event: com.example.end, for: 26h, by: [data.region]}
    send_to: [noc]
  - name: grouped
    events: [com.example.call]
    resolve: {events: [com.example.end, com.example.gone], by: [data.region]}
    group: {wait: 30s}
    escalate: [{after: 15m, send_to: [boss]}, {after: 1d, send_to: [boss, noc]}]
    mute_times: [nights]
    send_to: [noc]
  - name: on-trial
    events: [com.example.call]
    mode: shadow
    group: {}
    cooldown: {for: 1m}
    send_to: [noc]
  - name: does-not-hold
    events: [com.example.call]
    when: data.issues > 9
    count: {at_least: 5, within: 10m}
    send_to: [noc]
  - name: ended
    events: [com.example.other]
    resolve: {events: [com.example.call], when: data.issues > 3, by: [data.region]}
    send_to: [noc]
  - name: expects
    events: [com.example.other]
    absent: {event: com.example.call, for: 1h}
    send_to: [noc]
inhibitions:
  - {while: [ended, expects], hold_back: [grouped], equal: [data.region]}
"""


def test_what_a_rule_asks_of_its_memory_is_said_without_asking(
    tmp_path: Path, event: Event
) -> None:
    (tmp_path / "a.yaml").write_text(REMEMBERS)
    configuration = load(tmp_path, {})
    environment = Environment(
        egress=Egress.OPEN, now=lambda: 1_767_225_600.0, on_template_error=pytest.fail
    )
    places = [make_destination(spec, environment) for spec in configuration.destinations]

    explanation = explain(event, configuration.rules, places, now=1_767_225_600.0)

    assert {rule.rule: rule.memory for rule in explanation.rules} == {
        "burst": (
            'counts towards at_least 5 within 1h30m by data.region="us1", data.issues > 3=true',
            "notifies once in 500ms by data.missing=null",
        ),
        "awaited": ('alerts unless com.example.end comes within 1d2h by data.region="us1"',),
        "grouped": (
            'is resolved by com.example.end, com.example.gone within 7d by data.region="us1"',
            'is suppressed while ended or expects fires by data.region="us1"',
            "is muted in nights",
            "notifies with its group after 30s, then every 5m",
            "escalates to boss 15m after the notification",
            "escalates to boss, noc 1d after the previous level",
        ),
        "on-trial": ("notifies once in 1m",),
        "does-not-hold": (),
    }
    text = as_text(explanation)
    assert "rule awaited: matched\n  alerts unless com.example.end comes" in text
    assert text.endswith(
        "it ends:\n"
        '  ended: its alert is resolved by data.region="us1"\n'
        "  expects: the event that it waits for arrived\n"
        "\n2 rules are for other event types"
    )


def test_only_the_first_rule_of_a_list_has_messages(tmp_path: Path, event: Event) -> None:
    rules = """
destinations: {noc: {capture: {}}}
rules:
  - {name: last, events: [com.example.call], send_to: [noc]}
  - {name: worst, events: [com.example.call], when: data.issues > 8, send_to: [noc]}
  - {name: bad, events: [com.example.call], when: data.issues > 4, send_to: [noc]}
first_of: [worst, bad, last]
"""
    (tmp_path / "a.yaml").write_text(rules)
    configuration = load(tmp_path, {})
    environment = Environment(egress=Egress.OPEN, now=lambda: 0.0, on_template_error=pytest.fail)
    places = [make_destination(spec, environment) for spec in configuration.destinations]

    last, worst, bad = explain(event, configuration.rules, places, now=0.0).rules

    assert (len(last.sendings), len(worst.sendings), len(bad.sendings)) == (0, 0, 1)
    assert last.memory == ("is suppressed as first_of, because bad tells of this event",)
    assert bad.memory == ("is suppressed if worst raises an alert of this event",)


@pytest.mark.parametrize(
    ("severity", "line"),
    [
        (
            "data.issues > 4 ? 'critical' : 'info'",
            "critical, by data.issues > 4 ? 'critical' : 'info'",
        ),
        ("data.region", 'warning, because data.region is "us1"'),
    ],
)
def test_a_severity_by_value_is_explained(
    tmp_path: Path, event: Event, severity: str, line: str
) -> None:
    rules = f"""
destinations: {{noc: {{capture: {{}}}}}}
rules:
  - name: one
    events: [com.example.call]
    severity: "{{{{{severity}}}}}"
    send_to: [noc]
"""
    (tmp_path / "a.yaml").write_text(rules)
    configuration = load(tmp_path, {})
    environment = Environment(egress=Egress.OPEN, now=lambda: 0.0, on_template_error=pytest.fail)
    places = [make_destination(spec, environment) for spec in configuration.destinations]

    explanation = explain(event, configuration.rules, places, now=0.0)

    assert f"  severity = {line}" in as_text(explanation).splitlines()
