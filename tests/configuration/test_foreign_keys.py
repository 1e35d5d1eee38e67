"""Hints about what authors write who know other systems: what a colleague would say."""

from pathlib import Path

import pytest

from router.configuration.load import load
from router.configuration.variables import MissingVariable
from router.errors import Diagnostic, RulesError

HEAD = "destinations: {a: {capture: {}}}\n"
RULE = "rules:\n  - name: r\n    events: [com.example.e]\n    send_to: [a]\n    "


def findings(folder: Path, text: str) -> list[Diagnostic]:
    (folder / "a.yaml").write_text(text)
    try:
        load(folder, {}, missing=MissingVariable.KEEP)
    except RulesError as error:
        return error.diagnostics
    return []


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("count: 5", "write count: {at_least: 5"),
        ("group: [data.x]", "write group: {by: […]"),
        ("resolve: [com.example.u]", "write resolve: {events: […]}"),
        ("resolve: com.example.u", "write resolve: {events: [com.example.u]}"),
        ("resolve: true", "write resolve: {events: […]}"),
        ("mute_times: [{days: [sat]}]", "write the name of a mute time"),
        ("severity: data.x > 5", "an expression needs {{ }} around it"),
        ("absent: com.example.u", "write absent: {event: com.example.u, for: …}"),
        ("cooldown: {for: 10}", "write 10s for seconds"),
        ("cooldown: {for: 10 min}", "write 10m"),
        ("cooldown: {for: PT10M}", "write 10m"),
        ("cooldown: 10", "write cooldown: {for: 10m}"),
        ("cooldown: 5 minutes", "write cooldown: {for: 5m}"),
        ("cooldown: PT1H", "write cooldown: {for: 1h}"),
        ("pending: 1h 30m", "write 1h30m"),
        ("mode: SHADOW", 'did you mean "shadow"?'),
        ("repeat_interval: 1h", 'did you mean "remind"?'),
        ("keep_firing_for: 5m", "write it in resolve: (hold)"),
        ("hold: 5m", "write it in resolve: (hold)"),
        ("resolve: {events: [up], keep_firing_for: 5m}", 'did you mean "hold"?'),
        ("when_over: drop", "write it in silences or mute_times, the sections of the file"),
        ("until_resolved: true", "write it in silences, the section of the file"),
        ("during: office", "write it in an item of send_to: {to: …, during: …}"),
        ("first_of: [r, s]", "it is a section of the file, beside rules"),
        ("throttle: 5m", 'did you mean "cooldown"?'),
        ("group_by: [data.x]", 'did you mean "group"?'),
        ("group_wait: 3s", 'did you mean "group"?'),
        ("matchers: [a]", 'did you mean "match"?'),
        ("expr: a > 1", 'did you mean "when"?'),
        ("condition: a > 1", 'did you mean "when"?'),
        ("for: 5m", "write pending:, or within in count:, or for in absent:"),
        ("annotations: {a: b}", 'did you mean "summary"?'),
        ("priority: high", 'did you mean "severity"?'),
        ("receiver: a", 'did you mean "send_to"?'),
        ("destinations: [a]", 'did you mean "send_to"?'),
        ("type: e", 'did you mean "events"?'),
        ("enabled: false", 'did you mean "mode"?'),
        ("severty: info", 'did you mean "severity"?'),
        ("absent: {event: f, within: 26h}", 'did you mean "for"?'),
        ("count: {threshold: 3, within: 1m}", 'did you mean "at_least"?'),
        ("count: {at_least: 3, for: 1m}", 'did you mean "within"?'),
        ("cooldown: {for: 1m, group_by: [data.x]}", 'did you mean "by"?'),
        ("group: {group_wait: 1m}", 'did you mean "wait"?'),
        ("cooldown: 10m", "write cooldown: {for: 10m}"),
        ("group: 30s", "write group: {wait: 30s}"),
        ("absent: 1h", "write absent: {event: …, for: 1h}"),
        ("escalate: 30m", "write escalate: {send_to: …, after: 30m}"),
        ("resolve: com.example.f", "write resolve: {events: [com.example.f]}"),
        ("summary: {{ data.x }}", 'write for example "{{ data.name }}"'),
        ("labels: {team: {{ data.x }}}", 'write for example "{{ data.name }}"'),
        ("severity: error", 'did you mean "critical"?'),
        ("severity: warn", 'did you mean "warning"?'),
        ("severity: low", 'did you mean "info"?'),
        ("mode: off", 'did you mean "shadow"?'),
        ("match: data.a == 1", "write a condition in CEL as when:"),
        ("when: {data.a: 1}", "write it as match:"),
        ("match: {data.a: {gt: 3}}", 'did you mean ">"?'),
        ("match: {data.a: {eq: 3}}", 'did you mean "=="?'),
        ("match: {data.a: {regex: x}}", 'did you mean "matches"?'),
        ("match: {data.a: {starts_with: x}}", 'did you mean "prefix"?'),
        ("match: {account_sid: x}", "write data.account_sid for a field of the event"),
        ("\tseverity: info", "use spaces"),
    ],
)
def test_a_rule_that_is_written_as_elsewhere_gets_a_hint(
    tmp_path: Path, text: str, hint: str
) -> None:
    """Case O13."""
    found = findings(tmp_path, HEAD + RULE + text + "\n")

    assert any(each.hint.startswith(hint) for each in found), found


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("destinations: {a: {slack: {url: 'https://x'}}}", 'did you mean "webhook_url"?'),
        ("destinations: {a: {http: {webhook_url: 'https://x'}}}", 'did you mean "url"?'),
        ("destinations: {a: {webhook: {url: 'https://x'}}}", 'did you mean "http"?'),
        ("destinations: {a: {mail: {to: [x]}}}", 'did you mean "email"?'),
        ("destinations: {a: {msteams: {url: x}}}", 'did you mean "teams"?'),
        ("destinations: {a: {discord: {url: x}}}", 'did you mean "apprise"?'),
        ("destinations: {a: {slack: 'https://x'}}", "write slack: {webhook_url: …}"),
        ("destinations: {a: {http: 'https://x'}}", "write http: {url: …}"),
        ("destinations: {a: {http: {url: 'https://x', method: post}}}", 'did you mean "POST"?'),
        ("destinations: {a: {type: slack, webhook_url: x}}", "write slack: {…}"),
        ("destinations: {a: {kind: email}}", "write email: {…}"),
        ("destinations: {a: {pagerduty: {service_key: x}}}", 'did you mean "routing_key"?'),
        ("destinations: {a: {email: {to: [a@b.c], smarthost: x}}}", 'did you mean "smtp_url"?'),
        ("destinations: {a: {slack: {webhook_url: '${{ secrets.X }}'}}}", "write ${NAME}"),
        ("destinations: {a: {slack: {webhook_url: '${X:-y}'}}}", "write ${NAME}"),
        ("destinations: {a: {slack: {webhook_url: $SLACK_URL}}}", "write ${NAME} for a variable"),
        (
            "destinations: {a: {slack: {webhook_url: '%SLACK_URL%'}}}",
            "write ${NAME} for a variable",
        ),
        ("destinations: {a: {slack: {webhook_url: '{{ env.SLACK }}'}}}", "write ${NAME} for a"),
        ("rules: {x: {events: [a]}}", "write a hyphen before each item: - name: x"),
        ("rules: {name: x, events: [a]}", "write a hyphen before each item: - name: …"),
        ("destinations: [{name: a, slack: {}}]", "write the name of each item as its key"),
        ("receivers: []", 'did you mean "destinations"?'),
        ("route: {}", 'did you mean "routes"?'),
        ("groups: []", 'did you mean "rules"?'),
        ("inhibit_rules: []", 'did you mean "inhibitions"?'),
        ("time_intervals: []", 'did you mean "mute_times"?'),
        ("routes: [{matchers: {rule: r}, receiver: a}]", 'did you mean "match"?'),
        ("routes: [{matchers: {rule: r}, receiver: a}]", 'did you mean "send_to"?'),
        ("inhibitions: [{source_match: [r], target_match: [r]}]", 'did you mean "while"?'),
        ("inhibitions: [{source_match: [r], target_match: [r]}]", 'did you mean "hold_back"?'),
        ("mute_times: {n: {location: UTC, times: [{weekdays: [sat]}]}}", '"time_zone"?'),
        ("silences: [{matchers: {rule: r}, endsAt: x, createdBy: y}]", 'did you mean "author"?'),
    ],
)
def test_a_section_that_is_written_as_elsewhere_gets_a_hint(
    tmp_path: Path, text: str, hint: str
) -> None:
    """Case O13."""
    found = findings(tmp_path, text + "\n")

    assert any(hint in each.hint for each in found), found


@pytest.mark.parametrize(
    "rule", ["when: data.is_api == 'true'", "match: {data.is_api: 'true'}"], ids=["when", "match"]
)
def test_a_text_that_is_meant_as_a_boolean_is_refused_where_the_type_is_known(
    tmp_path: Path, rule: str
) -> None:
    """Case O13."""
    event = "com.twilio.voice.insights.call-summary.complete"
    found = findings(tmp_path, HEAD + RULE.replace("com.example.e", event) + rule + "\n")

    assert found


@pytest.mark.parametrize("kind", ["slack", "http", "teams", "email"])
def test_a_url_in_place_of_a_destinations_keys_is_not_shown(tmp_path: Path, kind: str) -> None:
    """Case O13: it is the secret of a web hook."""
    found = findings(tmp_path, f"destinations: {{a: {{{kind}: https://h/canary}}}}\n")

    assert found
    assert "canary" not in str(found)


@pytest.mark.parametrize(
    "key", ["event: com.example.e", "on: [com.example.e]", "eventz: [com.example.e]"]
)
def test_a_misspelt_key_is_one_error_and_not_a_missing_key_too(tmp_path: Path, key: str) -> None:
    rule = f"{HEAD}rules:\n  - name: r\n    {key}\n    send_to: [a]\n".replace(
        "rules:\nrules:", "rules:"
    )
    found = findings(tmp_path, rule)
    assert 'did you mean "events"?' in {each.hint for each in found}
    assert not [each for each in found if "needs" in each.message]


@pytest.mark.parametrize(
    "event", ["a.(b|c).d", "/com.example/", ".*", "a.b,a.c", "^a$", "a.[bc]", "a{b}"]
)
def test_an_event_type_that_looks_like_a_pattern_is_warned_of(event: str, tmp_path: Path) -> None:
    text = f"destinations: {{a: {{capture: {{}}}}}}\nrules: [{{name: r, events: ['{event}'], send_to: [a]}}]\n"
    (tmp_path / "a.yaml").write_text(text)
    (warning,) = load(tmp_path, {}).warnings
    assert "is compared as text, and looks like a pattern or a list" in str(warning)


@pytest.mark.parametrize(
    "event", ["com.example.a-b_c", "a/b:c", "urn:x:y#z", "com.example.*", "é.x"]
)
def test_other_event_types_are_not(event: str, tmp_path: Path) -> None:
    text = f"destinations: {{a: {{capture: {{}}}}}}\nrules: [{{name: r, events: ['{event}'], send_to: [a]}}]\n"
    (tmp_path / "a.yaml").write_text(text)
    assert load(tmp_path, {}).warnings == ()
