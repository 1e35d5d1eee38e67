"""Rules with defaults of their file are those in which the same keys are written."""

import textwrap
from pathlib import Path
from typing import Any

import pytest

from router.configuration.json_schema import json_schema
from router.configuration.load import load
from router.errors import RulesError
from router.rules.model import Rule

PLACES = """
destinations: {noc: {capture: {}}, desk: {capture: {}}}
mute_times: {nights: {times: [{from: "18:00", to: "08:00"}]}}
"""


def rules_of(folder: Path, **files: str) -> dict[str, Any]:
    (folder / "places.yaml").write_text(PLACES)
    for stem, text in files.items():
        (folder / f"{stem}.yaml").write_text(textwrap.dedent(text))
    configuration = load(folder, {})
    assert configuration.warnings == ()
    return {rule.name: _described(rule) for rule in configuration.rules.rules}


def _described(rule: Rule) -> Any:
    """Return all that a rule consists of; features with their states and mute times."""
    naming = rule.naming
    features = [
        (type(each), each.text, each.state, each.suppression(0.0)) for each in rule.features.all
    ]
    sources = {
        name: each if isinstance(each, str) else each.source
        for name, each in (*naming.lets.items(), *naming.labels.items())
    }
    return (
        *(rule.severity, rule.send_to, rule.summary, rule.description, rule.mode),
        *(sources, list(sources), features),
    )


def test_a_rule_has_each_default_as_if_it_were_written(tmp_path: Path) -> None:
    keys = """
      severity: critical
      description: Call the carrier.
      summary: "{{ calls }} calls"
      send_to: [noc]
      mode: shadow
      mute_times: [nights]
      let: {calls: data.calls}
      labels: {team: voice, calls: "{{ calls }}"}
      cooldown: {for: 10m, by: [data.sid]}
      group: {by: [data.account], wait: 1m}
      resolve: {events: [call.good], by: [data.sid]}
      escalate: {after: 5m, send_to: [desk]}
    """
    rule = "rules:\n  - name: bad\n    events: [call.bad]\n"
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    dedented = textwrap.dedent(keys)

    defaults = rules_of(tmp_path / "one", a=f"defaults:{textwrap.indent(dedented, '  ')}\n{rule}")
    written = rules_of(tmp_path / "other", a=f"{rule}{textwrap.indent(dedented, '    ')}")

    assert defaults == written


def test_a_rule_replaces_defaults_adds_to_maps_and_leaves_some_out(tmp_path: Path) -> None:
    rules = rules_of(
        tmp_path,
        a="""
            defaults:
              severity: critical
              send_to: [noc]
              let: {calls: data.calls, bad: calls.bad}
              labels: {team: voice, product: calls}
              cooldown: {for: 10m}
            rules:
              - {name: all, events: [e]}
              - name: own
                events: [e]
                severity: info
                send_to: [desk]
                let: {worst: bad.worst, calls: data.all_calls}
                labels: {product: media, tier: "{{ worst }}"}
                cooldown: {for: 5m, by: [data.sid]}
              - {name: some, events: [e], without: [cooldown, labels.team, severity]}
              - {name: bare, events: [e], without: [labels, let], labels: {a: b}}
        """,
        other="""
            rules:
              - {name: elsewhere, events: [e], send_to: [noc]}
        """,
    )

    shown = {
        name: (severity, send_to, sources, [kind.key for kind, *_ in features if kind.key])
        for name, (severity, send_to, *_, sources, _order, features) in rules.items()
    }
    lets = {"calls": "data.calls", "bad": "calls.bad"}
    labels = {"team": "voice", "product": "calls"}
    assert shown == {
        "all": ("critical", ("noc",), {**lets, **labels}, ["cooldown"]),
        "own": (
            "info",
            ("desk",),
            {
                "worst": "bad.worst",
                "calls": "data.all_calls",
                "bad": "calls.bad",
                "team": "voice",
                "product": "media",
                "tier": " worst ",
            },
            ["cooldown"],
        ),
        "some": ("warning", ("noc",), {**lets, "product": "calls"}, []),
        "bare": ("critical", ("noc",), {"a": "b"}, ["cooldown"]),
        "elsewhere": ("warning", ("noc",), {}, []),
    }


def test_routes_and_silences_know_the_labels_of_defaults(tmp_path: Path) -> None:
    rules = rules_of(
        tmp_path,
        a="""
            defaults: {labels: {team: voice}}
            rules: [{name: a, events: [e]}]
            routes: [{match: {team: voice}, send_to: [desk]}]
            silences:
              - {match: {labels.team: voice, data.a: 1}, ends: "2099-01-01T00:00:00Z", author: a, comment: b}
        """,
    )

    assert rules["a"][1] == ("desk",)


def test_a_problem_of_a_default_is_reported_once(tmp_path: Path) -> None:
    text = """
        defaults: {labels: {a: "{{ datum }}"}, send_to: [nox], summary: "{{ x }"}
        rules: [{name: a, events: [e]}, {name: b, events: [e]}, {name: c, events: [e]}]
    """

    with pytest.raises(RulesError) as caught:
        rules_of(tmp_path, a=text)

    assert [(each.line, each.column) for each in caught.value.diagnostics] == [
        (2, 28),
        (2, 50),
        (2, 66),
    ]


def test_the_schema_has_the_defaults(tmp_path: Path) -> None:  # noqa: ARG001
    schema = json_schema()

    assert schema["properties"]["defaults"] == {"$ref": "#/$defs/DefaultsText"}
    assert (
        "required" not in schema["$defs"]["DefaultsText"]
        or not schema["$defs"]["DefaultsText"]["required"]
    )
