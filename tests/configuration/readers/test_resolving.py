"""Warnings about rules whose destinations cannot be told that an alert is resolved."""

import textwrap

import pytest

from router.configuration.load import load
from router.configuration.variables import MissingVariable

PAGER = "pagerduty://0123456789abcdef0123456789abcdef@0123456789abcdef0123456789abcdef"


def warnings(folder, text: str) -> list[str]:
    (folder / "a.yaml").write_text(textwrap.dedent(text))
    configuration = load(folder, {}, missing=MissingVariable.KEEP)
    return [f"{each.line}: {each.message} ({each.hint})" for each in configuration.warnings]


RULES = f"""
    destinations:
      pager: {{apprise: {{url: "{PAGER}"}}}}
      native: {{pagerduty: {{routing_key: R0123456789ABCDEF0123456789ABCDE}}}}
      chat: {{apprise: {{url: "tgram://123456789:abcdefghijklmnopqrstuvwxyz123456789/12315544/"}}}}
    routes:
      - {{match: {{severity: critical}}, send_to: [pager]}}
      - {{send_to: [chat]}}
    rules:
      - name: door
        events: [door.opened]
        severity: warning
        ANYWAY: true
        resolve: {{events: [door.closed], by: [data.door], within: 1d}}
"""


@pytest.mark.parametrize(
    "recipients",
    [
        "send_to: [native, pager]",
        "severity: critical",
        "escalate: {after: 5m, send_to: [pager]}",
        "escalate: [{after: 5m, send_to: [native]}, {after: 9m, send_to: [pager]}]",
    ],
)
def test_a_service_that_cannot_resolve_is_warned_of(recipients, tmp_path):
    """Case D18: the resolved alert opens a second incident."""
    replaced = "severity: warning" if "severity" in recipients else "ANYWAY: true"
    text = RULES.replace(replaced, recipients).replace("        ANYWAY: true\n", "")
    (warning,) = warnings(tmp_path, text)
    assert 'rule "door": "pager" cannot be told that the alert is resolved' in warning
    assert "Apprise cannot resolve an incident of pagerduty" in warning
    assert "use the kind pagerduty" in warning
    assert "0123456789abcdef" not in warning


@pytest.mark.parametrize("recipients", ["send_to: [native]", "send_to: [chat]", "labels: {a: b}"])
def test_a_service_that_resolves_or_is_told_is_not(recipients, tmp_path):
    assert warnings(tmp_path, RULES.replace("ANYWAY: true", recipients)) == []


def test_a_rule_without_resolve_is_not(tmp_path):
    rules = "\n".join(line for line in RULES.splitlines() if "resolve" not in line)
    assert warnings(tmp_path, rules.replace("ANYWAY: true", "send_to: [pager]")) == []
