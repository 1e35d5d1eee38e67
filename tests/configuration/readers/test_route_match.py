"""``match`` of routes: names that exist, and tests of labels."""

import pytest
from support.documents import parse, problems

from router.configuration.readers.route_match import MatchScope, label_problem
from router.configuration.readers.routes import SendToScope, read_route


def read(
    match: str, *, labels: set[str] | None = frozenset({"team"}), rules: set[str] | None = None
) -> list[str]:
    document, root = parse(f"{{match: {match}, send_to: [noc]}}\n")
    route = read_route(document, root, SendToScope({"noc"}, {}), MatchScope(labels, rules), 1)
    assert (route is None) == bool(problems(document))
    return problems(document)


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ("{taem: a}", '1:10: no rule has the label "taem" (did you mean "team"?)'),
        ("{te-am: a}", '1:10: "te-am" cannot be a label: expected at most 64 letters'),
        ("{team: []}", "1:16: team is empty, it needs at least one value"),
        ("{severity: high}", "severity: expected one of info, warning, critical, found"),
        ("{rule: bad-cals}", '1:16: there is no rule "bad-cals" (did you mean "bad-calls"?)'),
    ],
)
def test_a_wrong_match_is_reported(match: str, expected: str) -> None:
    (reported,) = read(match, rules={"bad-calls"})
    assert expected in reported


def test_a_label_is_not_checked_while_rules_are_unknown() -> None:
    assert read("{taem: a, rule: x}", labels=None) == []


@pytest.mark.parametrize(
    "match",
    [
        '{team: {matches: "^voi", "!=": void}}',
        '{team: {"==": voice}, severity: {in: [info, critical]}, rule: {prefix: bad}}',
        "{team: {suffix: e, substring: oi}}",
    ],
)
def test_labels_are_tested_as_fields_in_rules_are(match: str) -> None:
    assert read(match, rules={"bad-calls"}) == []


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ("{team: {}}", "1:16: a test is needed, such as {prefix: voice}"),
        ('{team: {matches: "("}}', "1:26: matches: not a regular expression in RE2 syntax"),
        ("{team: {matches: ''}}", "1:26: matches is empty, which every value matches"),
        ("{team: {in: []}}", "1:21: in is empty, it needs at least one value"),
        ("{team: {regex: x}}", 'unknown key "regex" in match: team (did you mean "matches"?)'),
        ('{team: {"!=": 5}}', '!=: expected text, found the number 5 (write "5")'),
        ("{severity: {in: [info, hihg]}}", "severity: expected one of info, warning, critical"),
        ('{rule: {"!=": bad-cals}}', 'no rule "bad-cals" (did you mean "bad-calls"?)'),
        ("{taem: {prefix: x}}", '1:10: no rule has the label "taem" (did you mean "team"?)'),
    ],
)
def test_a_wrong_test_of_a_label_is_reported(match: str, expected: str) -> None:
    (reported,) = read(match, rules={"bad-calls"})
    assert expected in reported


@pytest.mark.parametrize(
    ("name", "is_valid"),
    [("team", True), ("_x1", True), ("a" * 64, True), ("a" * 65, False), ("1a", False)],
)
def test_a_label_is_an_identifier_of_limited_length(name: str, *, is_valid: bool) -> None:
    assert (label_problem(name) is None) == is_valid
