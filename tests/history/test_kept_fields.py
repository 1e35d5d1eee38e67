"""The part of an event that history stores."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.conditions import NAMES, conditions, events
from support.expressions import Expressions

from router.cel import compile_condition
from router.cel.paths_read import paths_read
from router.configuration.load import load
from router.errors import ConditionError
from router.field_paths import parse_field_path
from router.history.kept_fields import NOTHING_KEPT, KeptFields, fields_of_rules

EVENT = {"specversion": "1.0", "id": "1", "source": "/s", "type": "com.twilio.t", "x": 1}


def kept(*paths: str) -> KeptFields:
    return KeptFields(parse_field_path(path) for path in paths)


@pytest.mark.parametrize(
    ("paths", "event", "part"),
    [
        ([], {"data": {"a": 1}, "o": {"a": 1}}, {}),
        (["data.a"], {"data": {"a": {"b": [1]}, "c": 1}}, {"data": {"a": {"b": [1]}}}),
        (["data"], {"data": {"a": 1}}, {"data": {"a": 1}}),
        (["data.a.b"], {"data": {"a": "long"}}, {"data": {"a": ""}}),
        (["data.a.b"], {"data": {"a": None}}, {"data": {"a": None}}),
        (["data.a.b"], {"data": {"a": [1]}}, {"data": {"a": []}}),
        (["data.a[*].b"], {"data": {"a": [{"b": 1, "c": 2}, 3]}}, {"data": {"a": [{"b": 1}, 3]}}),
        (
            ["data.*.b", "data.x.c"],
            {"data": {"x": {"a": 1, "b": 2, "c": 3}, "y": {"b": 4, "c": 5}}},
            {"data": {"x": {"b": 2, "c": 3}, "y": {"b": 4}}},
        ),
        (
            ["data.*", "data.x.c"],
            {"data": {"x": {"a": 1}}},
            {"data": {"x": {"a": 1}}},
        ),
        (
            ["data.a"],
            {"datacontenttype": "application/json", "data": '{"a":1,"b":2}'},
            {"datacontenttype": "application/json", "data": {"a": 1}},
        ),
        (
            ["data.a"],
            {
                "datacontenttype": "application/json",
                "data_base64": base64.b64encode(b'{"a":1,"b":2}').decode(),
            },
            {"datacontenttype": "application/json", "data": {"a": 1}},
        ),
        (["data.a"], {"data_base64": "AAAA"}, {}),
    ],
)
def test_the_attributes_and_the_named_fields_are_kept(paths, event, part):
    body = json.dumps(EVENT | event).encode()
    assert json.loads(kept(*paths).of_body(body)) == EVENT | part


def test_the_whole_event_stays_byte_for_byte():
    assert KeptFields([()]).of_body(b'{"a": 1.0}') == b'{"a": 1.0}'


@pytest.mark.parametrize("body", [b"", b"[]", b"5", b'{"a":', b"\xff"])
def test_what_is_no_event_leaves_nothing(body):
    assert NOTHING_KEPT.of_body(body) == b"{}"


@given(conditions, events)
def test_a_condition_has_the_same_verdict_for_the_fields_that_it_reads(source, event):
    _same_verdict(source, event)


@given(st.integers(0, 2**32))
def test_a_condition_of_the_whole_language_has_the_same_verdict(seed):
    generated = Expressions(seed)
    for _ in range(20):
        _same_verdict(generated.condition(), generated.event())


def _same_verdict(source: str, event: dict[str, Any]) -> None:
    try:
        condition = compile_condition(source, NAMES)
    except ConditionError:
        return
    part = KeptFields(paths_read(condition.tree)).of(event)
    assert condition.verdict(part) == condition.verdict(event), (source, event, part)


RULES = """
destinations: {noc: {capture: {}}, billing: {capture: {}}}
rules:
  - name: short-calls
    events: [call.*]
    let: {duration: data.seconds}
    labels: {carrier: "{{ data.carrier.name }}", team: voice}
    when: duration < 3 && !data.test
    count: {at_least: 5, within: 1m, by: [data.account]}
    resolve: {events: [call.ok], by: [data.account], when: data.ok}
    severity: "{{ data.seconds == 0 ? 'critical' : 'warning' }}"
    send_to: [noc]
    summary: "{{ data.from }}: {{ event.subject }} {% for leg in data.legs %}{{ leg.id }}{% endfor %}"
silences:
  - comment: known
    author: ann
    starts: "2025-01-01T00:00:00Z"
    ends: "2099-01-01T00:00:00Z"
    when: data.region == "x"
"""


def test_the_fields_of_rules_are_those_of_all_their_expressions_and_summaries(tmp_path: Path):
    (tmp_path / "rules.yaml").write_text(RULES)
    configuration = load(tmp_path, {})
    found = fields_of_rules(configuration.rules, configuration.silences)
    assert sorted(".".join(map(str, path)) for path in found) == [
        "data.account",
        "data.carrier.name",
        "data.from",
        "data.legs",
        "data.ok",
        "data.region",
        "data.seconds",
        "data.test",
        "subject",
    ]
