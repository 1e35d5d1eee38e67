"""Severities that an expression selects."""

from pathlib import Path
from typing import Any

import pytest

from router.configuration.load import load
from router.rules.model import Rule
from router.rules.severity_by_value import SeverityByValue, possible_severities
from router.rules.suppression.silence_check import problem_of
from router.rules.suppression.silences import SilenceText

TABLES = "tables: {tiers: {rows: {a: {severity: critical}, b: {severity: ''}, c: {}}}}"


def rule_of(folder: Path, severity: str) -> Rule:
    rule = f"{{name: one, events: [e], send_to: [noc], severity: {severity}}}"
    text = f"destinations: {{noc: {{capture: {{}}}}}}\n{TABLES}\nrules: [{rule}]\n"
    (folder / "a.yaml").write_text(text, encoding="utf-8")
    (rule,) = load(folder, {}).rules.rules
    return rule


WORD = '"{{ data.level }}"'
BY_CALLS = """\"{{ data.calls > 9 ? 'critical' : 'info' }}\""""
BY_TIER = '{from: "tables.tiers[data.account].severity", otherwise: info}'


@pytest.mark.parametrize(
    ("severity", "data", "selected", "problem"),
    [
        ("critical", {}, "critical", None),
        (WORD, {"level": "critical"}, "critical", ""),
        (WORD, {"level": "info"}, "info", ""),
        (WORD, {"level": "p1"}, "warning", 'data.level is "p1"'),
        (WORD, {"level": "Critical"}, "warning", 'data.level is "Critical"'),
        (WORD, {"level": 3}, "warning", "data.level is 3"),
        (WORD, {"level": ["critical"]}, "warning", 'data.level is ["critical"]'),
        (WORD, {}, "warning", "data.level has no value"),
        (BY_CALLS, {"calls": 10}, "critical", ""),
        (BY_CALLS, {"calls": 9}, "info", ""),
        (BY_TIER, {"account": "a"}, "critical", ""),
        (BY_TIER, {"account": "b"}, "info", 'tables.tiers[data.account].severity is ""'),
        (BY_TIER, {"account": "x"}, "info", "tables.tiers[data.account].severity is null"),
    ],
)
def test_an_expression_selects_the_severity(
    tmp_path: Path, severity: str, data: dict[str, Any], selected: str, problem: str | None
) -> None:
    rule = rule_of(tmp_path, severity)
    event = {"data": data}

    assert rule.severity_of(event) == selected
    if problem is not None:
        assert isinstance(rule.severity, SeverityByValue)
        assert rule.severity.problem(event).strip() == problem


@pytest.mark.parametrize(
    ("severity", "possible", "excluded"),
    [
        ("info", {"info"}, {"warning", "critical"}),
        (WORD, {"info", "warning", "critical"}, set()),
        (BY_CALLS, {"info", "warning", "critical"}, set()),
        (BY_TIER, {"info", "critical"}, {"warning"}),
        (
            """\"{{ data.bad ? 'critical' : data.odd ? 'warning' : 'critical' }}\"""",
            {"warning", "critical"},
            {"info"},
        ),
    ],
)
def test_a_silence_of_a_severity_that_a_rule_never_has_is_refused(
    tmp_path: Path, severity: str, possible: set[str], excluded: set[str]
) -> None:
    rule = rule_of(tmp_path, severity)

    def is_refused(word: str) -> bool:
        match = {"severity": word, "data.account": "a"}
        text = SilenceText(match=match, ends="2099-01-01T00:00:00Z", author="a", comment="c")
        return problem_of(text, {"one": rule}, 0.0) is not None

    assert possible_severities(rule.severity) == possible
    assert {word for word in ("info", "warning", "critical") if is_refused(word)} == excluded
