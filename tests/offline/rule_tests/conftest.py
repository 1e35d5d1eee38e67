"""A folder of rules with tests."""

from pathlib import Path

import pytest

RULES = """
destinations: {noc: {capture: {}}, oncall: {capture: {}}}
rules:
  - name: bad
    events: [com.example.call]
    when: data.issues >= 3 && data.region == "us1"
    severity: critical
    send_to: [noc, oncall]
    summary: "{{ data.issues }} issues"
  - name: all
    events: ["com.example.*"]
    send_to: [noc]
  - name: quiet
    events: ["com.example.*"]
    mode: shadow
    send_to: [noc]
"""
EVENTS = """
events:
  call: {type: com.example.call, data: {issues: 3, region: us1, more: {x: 1}}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """By a relative path, so that places read the same everywhere."""
    (tmp_path / "rules" / "tests").mkdir(parents=True)
    (tmp_path / "rules" / "a.yaml").write_text(RULES)
    monkeypatch.chdir(tmp_path)
    return Path("rules")
