"""Warnings about rules that show a masked field."""

from pathlib import Path

import pytest

from router.configuration.load import load
from router.field_paths import FieldPaths
from router.runtime.masked_fields_shown import MaskedFieldsShown

RULES = """
destinations: {noc: {capture: {}}}
rules:
  - name: calls
    events: [a]
    let: {caller: data.from}
    labels: {to: "{{ data.legs[0].to }}"}
    fields: {Caller: data.caller, Source: null}
    when: data.from == "x"
    cooldown: {for: 1h, by: [data.from, data.account]}
    send_to: [noc]
    summary: "{{ data.name }}"
  - {name: calm, events: [a], when: data.from == "x", send_to: [noc]}
"""


@pytest.mark.parametrize(
    ("masked", "shown"),
    [
        ("data.from", {"data.from": "calls (cooldown.by), calls (let.caller)"}),
        ("data.legs[*].to, subject", {"data.legs[*].to": "calls (labels.to)"}),
        ("data.*.to", {"data[*].to": "calls (labels.to)"}),
        (
            "data.account, data.name",
            {"data.account": "calls (cooldown.by)", "data.name": "calls (summary)"},
        ),
        ("data.caller", {"data.caller": "calls (fields.Caller)"}),
        ("data.region", {}),
    ],
)
def test_a_masked_field_that_rules_show_is_logged_once_with_the_keys_that_do(
    masked: str, shown: dict[str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)
    rules = load(tmp_path, {}).rules.rules
    warnings = MaskedFieldsShown(FieldPaths.parse(masked), lambda: rules)
    warnings.changed()
    warnings.changed()

    lines = [vars(each) for each in caplog.records]
    assert {line["field"]: line["rules"] for line in lines} == shown
    assert len(lines) == len(shown)
