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
    when: data.from == "x"
    cooldown: {for: 1h, by: [data.from, data.account]}
    send_to: [noc]
    summary: "{{ data.name }}"
  - {name: calm, events: [a], when: data.from == "x", send_to: [noc]}
"""


@pytest.mark.parametrize(
    ("masked", "shown"),
    [
        ("data.from", ["cooldown.by data.from", "let.caller data.from"]),
        ("data.legs[*].to, subject", ["labels.to data.legs[*].to"]),
        ("data.*.to", ["labels.to data[*].to"]),
        ("data.account, data.name", ["cooldown.by data.account", "summary data.name"]),
        ("data.region", []),
    ],
)
def test_a_key_that_shows_a_masked_field_is_logged_once(
    masked: str, shown: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)
    rules = load(tmp_path, {}).rules.rules
    warnings = MaskedFieldsShown(FieldPaths.parse(masked), lambda: rules)
    warnings.changed()
    warnings.changed()

    lines = [vars(each) for each in caplog.records]
    assert [f"{line['key']} {line['field']}" for line in lines] == shown
    assert {line["rule"] for line in lines} <= {"calls"}
