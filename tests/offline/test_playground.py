"""Edited rules beside a folder: what is found, what matches, what would be sent; no secret is read."""

from pathlib import Path
from typing import Final

import msgspec
import pytest

from router.offline.explain import RuleResult
from router.offline.playground import FILE, PlaygroundInput, PlaygroundResult, evaluate

FOLDER: Final = {
    "places.yaml": """
destinations:
  noc: {slack: {webhook_url: "${SLACK_URL}"}}
  tickets: {http: {url: "https://example.com/hunter2-hunter2", signing_secret: "${KEY}"}}
""",
    "rules.yaml": """
rules:
  - name: many
    events: [com.example.call]
    when: data.issues > 100
    send_to: [noc]
  - name: other
    events: ["*"]
    send_to: [tickets]
inhibitions:
  - {while: [other], hold_back: [many]}
""",
}
RULE: Final = """
rules:
  - name: many
    events: [com.example.call]
    when: data.issues >= 3 && data.region == "us1"
    send_to: [noc, tickets]
    summary: "{{ data.issues }} issues, {{ data.nothing }}"
"""
EVENT: Final = """{"specversion": "1.0", "id": "1", "source": "test", "type": "com.example.call",
"data": {"issues": 5, "region": "us1"}}"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FOLDER.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def tried(folder: Path | None, rules: str, event: str = EVENT, **more: object) -> PlaygroundResult:
    given = msgspec.convert({"rules": rules, "event": event, **more}, PlaygroundInput)
    return evaluate(given, folder, now=1_700_000_000.0)


def test_a_rule_replaces_that_of_the_folder_and_uses_what_else_is_there(folder: Path) -> None:
    result = tried(folder, RULE)
    assert (result.is_valid, result.findings, result.event_problem) == (True, (), "")
    assert result.explanation is not None
    [many] = result.explanation.rules
    assert (many.rule, many.result) == ("many", RuleResult.MATCHED)
    assert [(each.text, each.value) for each in many.steps][:2] == [
        ("data.issues", "5"),
        ("data.issues >= 3", "true"),
    ]
    assert [each.destination for each in many.sendings] == ["noc", "tickets"]
    assert "nothing" in result.template_errors["many"]
    assert result.unset == {"noc": ("SLACK_URL",), "tickets": ("KEY",)}


def test_no_secret_is_in_a_result(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_URL", "https://hooks.slack.com/services/T0/B0/deadbeef")
    monkeypatch.setenv("KEY", "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0")
    text = msgspec.json.encode(tried(folder, RULE))
    assert b"missing.invalid" in text
    assert not [word for word in (b"deadbeef", b"c2VjcmV0", b"hunter2") if word in text]


@pytest.mark.parametrize(
    ("more", "rules", "files"),
    [
        ({}, "rules: [{name: Many}]", {FILE}),
        ({"file": "rules.yaml"}, RULE.replace("data.issues", "data.", 1), {"rules.yaml"}),
        ({"file": "places.yaml"}, "destinations: {noc: {capture: {}}}", {"rules.yaml"}),
        ({"alone": True}, RULE, {FILE}),
    ],
)
def test_findings_name_their_file(
    folder: Path, more: dict[str, object], rules: str, files: set[str]
) -> None:
    result = tried(folder, rules, **more)
    assert not result.is_valid
    assert {each.file for each in result.findings} == files
    edited = more.get("file", FILE)
    assert {bool(each.source) for each in result.findings if each.file == edited} <= {True}
    assert {bool(each.source) for each in result.findings if each.file != edited} <= {False}


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        ("{", "ends too early"),
        ("[]", "the list is empty"),
        ('{"specversion": "1.0"}', "at $"),
        (" ", ""),
    ],
)
def test_an_event_that_would_be_rejected_is_said_so(folder: Path, event: str, problem: str) -> None:
    result = tried(folder, RULE, event)
    assert result.is_valid
    assert result.explanation is None
    assert problem in result.event_problem
    assert bool(problem) == bool(result.event_problem)


def test_an_event_of_another_type_is_counted_as_such() -> None:
    rules = RULE + "destinations: {noc: {capture: {}}, tickets: {capture: {}}}"
    result = tried(None, rules, EVENT.replace("com.example.call", "com.example.other"))
    assert result.explanation is not None
    assert (result.explanation.rules, result.explanation.other_rules) == ((), 1)
