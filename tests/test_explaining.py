"""What the rules say of one event, and why, as people read it."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from support.golden import golden

from router.configuration import load
from router.destinations import Environment
from router.events import Event, decode_strictly
from router.explaining import Result, as_text, explain
from router.settings import Egress
from router.worker.roster import make_destination

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
        Result.MATCHED,
        Result.NOT_MATCHED,
        Result.ERROR,
        Result.SHADOW,
        Result.NOT_MATCHED,
    ]
    (sending,) = explanation.rules[0].sendings
    assert sending.destination == "noc"
    told_nobody = [replace(rule, sendings=()) for rule in explanation.rules]
    seen = as_text(replace(explanation, rules=tuple(told_nobody))) + "\n"
    assert golden("explanation.txt", seen) == seen
