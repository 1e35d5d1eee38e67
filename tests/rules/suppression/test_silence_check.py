"""Silences that silence nothing, or everything, are found before they are added."""

from pathlib import Path
from typing import Any

import pytest

from router.configuration.load import load
from router.rules.index.rule_set import RuleSet
from router.rules.suppression.silence_check import (
    SilenceProblem,
    matching_rules,
    problem_of,
    silences_everything,
)
from router.rules.suppression.silences import SilenceText, silence

NOW = 1_700_000_000.0
ENDS = "2030-01-01T00:00:00Z"
RULES = """
destinations: {noc: {capture: {}}}
rules:
  - name: call-quality
    events: [e]
    severity: critical
    labels: {team: voice, limit: "5"}
    send_to: [noc]
  - name: trunk-down
    events: [e]
    labels: {team: voice, region: "{{ data.region }}"}
    send_to: [noc]
  - {name: other, events: [e], severity: info, send_to: [noc]}
"""


@pytest.fixture
def rules(tmp_path: Path) -> RuleSet:
    (tmp_path / "a.yaml").write_text(RULES)
    return load(tmp_path, {}).rules


def text(match: dict[str, Any] | None = None, when: str | None = None) -> SilenceText:
    return SilenceText(match=match, when=when, ends=ENDS, author="ann", comment="work")


@pytest.mark.parametrize(
    ("match", "when", "message", "hint"),
    [
        ({"rule": "call-qualty"}, None, 'no rule "call-qualty"', 'mean "call-quality"'),
        ({"rule": ["other", "otherr"]}, None, 'no rule "otherr"', 'mean "other"'),
        ({"rule": {"!=": "call-qualty"}}, None, 'no rule "call-qualty"', 'mean "call-quality"'),
        ({"severity": "crittical"}, None, 'no severity "crittical"', 'mean "critical"'),
        ({"severity": 3}, None, 'no severity "3"', "critical, info, warning"),
        ({"labels.no_such": "x"}, None, 'no rule has the label "no_such"', "there are"),
        ({"labels.taem": {"exists": True}}, None, 'no rule has the label "taem"', 'mean "team"'),
        (None, "rule == 'call-qualty'", 'no rule "call-qualty"', 'mean "call-quality"'),
        (None, "'crittical' == severity", 'no severity "crittical"', 'mean "critical"'),
        (None, "data.x == 1 && rule in ['other', 'x']", 'no rule "x"', "there are"),
        (None, "severity == 3", "severity is text, so that it is never 3", 'write "3"'),
        (None, "labels.limit == 5", "labels.limit is text, so that it is never 5", 'write "5"'),
        (None, "labels.limit > 5", "text, which has no order", "double(labels.limit)"),
        (None, "labels['taem'] == 'voice'", 'no rule has the label "taem"', 'mean "team"'),
        (None, "'taem' in labels", 'no rule has the label "taem"', 'mean "team"'),
        (None, "has(labels.taem)", 'no rule has the label "taem"', 'mean "team"'),
        (None, "labels.?taem.orValue('') == 'x'", 'no rule has the label "taem"', 'mean "team"'),
        (None, "rule == null", "rule is text, so that it is never null", ""),
        ({"rule": {"matches": ""}}, None, "this silences every alert", "name a rule"),
        ({"rule": {"matches": ".*"}}, None, "this silences every alert", "name a rule"),
        ({"rule": {"matches": "[a-z]"}}, None, "this silences every alert", "name a rule"),
        (None, "rule.size() > 2 || rule == 'other'", "this silences every alert", "name a rule"),
        ({"key": {"prefix": ""}}, None, "this silences every alert", "name a rule"),
        ({"key": {"matches": "^a[kl]_"}}, None, "this silences every alert", "name a rule"),
        ({"severity": ["info", "warning", "critical"]}, None, "silences every alert", ""),
        (None, "true", "this silences every alert", ""),
        (None, "has(data.x) || !has(data.x)", "this silences every alert", ""),
        ({"rule": "other", "severity": "critical"}, None, "silences no alert of any rule", ""),
        ({"rule": {"matches": "^nope"}}, None, "silences no alert of any rule", ""),
        ({"labels.team": "video"}, None, "silences no alert of any rule", ""),
        (None, "rule == 'other' && has(labels.team)", "silences no alert of any rule", ""),
    ],
)
def test_a_silence_of_nothing_or_everything_is_refused(
    rules: RuleSet, match: Any, when: str | None, message: str, hint: str
) -> None:
    """Case R13."""
    problem = problem_of(text(match, when), rules.by_name, NOW)

    assert problem is not None
    assert (problem.field, message in problem.message, hint in problem.hint) == (
        "match" if when is None else "when",
        True,
        True,
    )


@pytest.mark.parametrize(
    ("match", "when", "matched"),
    [
        ({"rule": "call-quality"}, None, ["call-quality"]),
        ({"rule": ["call-quality", "other"]}, None, ["call-quality", "other"]),
        ({"rule": {"!=": "other"}}, None, ["call-quality", "trunk-down"]),
        ({"rule": {"matches": "^t"}}, None, ["trunk-down"]),
        ({"severity": "critical"}, None, ["call-quality"]),
        (None, "severity != 'critical'", ["trunk-down", "other"]),
        ({"labels.team": "voice"}, None, ["call-quality", "trunk-down"]),
        ({"labels.limit": 5}, None, ["call-quality"]),
        ({"labels.limit": {"==": 5}}, None, ["call-quality"]),
        ({"labels.limit": {"in": [4, 5]}}, None, ["call-quality"]),
        ({"labels.region": "de1"}, None, ["trunk-down"]),
        ({"labels.region": "de1", "labels.team": "voice"}, None, ["trunk-down"]),
        ({"data.region": "de1", "severity": "info"}, None, ["other"]),
        ({"key": "x", "rule": "other"}, None, ["other"]),
        (None, "rule == 'other' || data.x == 1", ["call-quality", "trunk-down", "other"]),
        (None, "data.x == 1", ["call-quality", "trunk-down", "other"]),
    ],
)
def test_a_silence_says_of_which_rules_it_can_match_alerts(
    rules: RuleSet, match: Any, when: str | None, matched: list[str]
) -> None:
    """Case R13."""
    asked = text(match, when)

    assert problem_of(asked, rules.by_name, NOW) is None
    assert list(matching_rules(silence("s", asked).condition, rules.by_name)) == matched


def test_without_rules_only_what_needs_none_is_checked() -> None:
    assert problem_of(text({"rule": "any"}), None, NOW) is None
    assert problem_of(text({"severity": "crittical"}), None, NOW) is not None
    assert problem_of(text(when="true"), None, NOW) is not None


def test_an_end_in_the_past_is_refused(rules: RuleSet) -> None:
    """Case R13."""
    asked = SilenceText(
        match={"rule": "other"}, ends="2020-01-01T00:00:00Z", author="a", comment="c"
    )

    problem = problem_of(asked, rules.by_name, NOW)

    assert problem == SilenceProblem("ends", "ends is 2020-01-01T00:00:00Z, which is past")


def test_a_rule_that_is_excluded_is_not_everything() -> None:
    assert not silences_everything(silence("s", text({"rule": {"!=": "one"}})).condition)


@pytest.mark.parametrize(
    "when",
    [
        "!has(labels.team)",
        "!has(data.host)",
        "!has(event.subject)",
        "!has(data.a.b) || !has(data.c)",
    ],
)
def test_alerts_that_lack_a_field_are_not_all(when: str) -> None:
    assert not silences_everything(silence("s", text(None, when)).condition)


@pytest.mark.parametrize("wanted", [5, "5", [4, 5], {"==": 5}, {"in": [5]}, {"!=": 4}], ids=repr)
def test_labels_compare_as_text(wanted: Any) -> None:
    """Case R13: `labels.limit: 5` did not match the label 5."""
    alert = {"rule": "r", "severity": "info", "key": "k", "labels": {"limit": "5"}}

    assert silence("s", text({"labels.limit": wanted})).matches({"alert": alert}, NOW)
