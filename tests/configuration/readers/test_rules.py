"""Items of the section ``rules``."""

from pathlib import Path

import pytest
from support.documents import parse, problems

from router.cel import Verdict
from router.configuration.load import load
from router.configuration.readers.features import MuteTimes
from router.configuration.readers.routes import SendToScope
from router.configuration.readers.rules import RuleReader
from router.rules.label_matcher import LabelMatcher
from router.rules.model import Rule
from router.rules.routing import Route

SCOPE = SendToScope({"noc", "boss"}, {})
HEAD = "name: all, events: ['*']"


def read(text: str, routes: list[Route] | None = None) -> tuple[Rule | None, list[str]]:
    document, root = parse(text + "\n")
    return RuleReader(document, SCOPE, routes, MuteTimes()).read(root), problems(document)


def route(*destinations: str, **match: str) -> Route:
    values = {name: LabelMatcher(frozenset({value})) for name, value in match.items()}
    return Route(number=1, match=values, recipients=destinations, goes_on=False)


def test_a_rule_has_the_values_of_its_keys() -> None:
    rule, reported = read(f"{{{HEAD}, severity: critical, summary: x, send_to: [noc, boss]}}")
    assert reported == []
    assert rule is not None
    assert (rule.name, rule.events, rule.severity, rule.summary, rule.send_to, rule.condition) == (
        "all",
        ("*",),
        "critical",
        "x",
        ("noc", "boss"),
        None,
    )


@pytest.mark.parametrize(
    "keys",
    [
        "when: data.n > 3",
        "match: {data.n: {'>': 3}}",
        "when: 'data.n > 3 // comment', match: {data.n: {'<': 9}}",
    ],
)
def test_when_and_match_become_one_condition(keys: str) -> None:
    rule, reported = read(f"{{{HEAD}, {keys}, send_to: [noc]}}")
    assert reported == []
    assert rule is not None
    assert rule.condition is not None
    assert [rule.condition.verdict({"data": {"n": n}}) for n in (3, 4)] == [
        Verdict.NO_MATCH,
        Verdict.MATCH,
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x", '1:1: this rule: expected a map of keys and values, found "x"'),
        ("{events: ['*'], send_to: [noc]}", '1:1: this rule needs "name"'),
        ("{name: all, send_to: [noc]}", '1:1: rule "all" needs "events"'),
        ("{name: All, events: ['*'], send_to: [noc]}", "1:8: "),
        ("{name: all, events: [], send_to: [noc]}", "1:21: events is empty, it needs at least"),
        ("{name: all, events: ['a*b'], send_to: [noc]}", "1:22: "),
        (f"{{{HEAD}, send_to: [nok]}}", 'there is no destination "nok"'),
        (f"{{{HEAD}, send_to: [noc], severty: info}}", '(did you mean "severity"?)'),
        (f"{{{HEAD}, send_to: [noc], when: data.n >}}", "1:"),
        (f"{{{HEAD}, send_to: [noc], match: {{data.n: {{'=>': 3}}}}}}", "1:61: "),
        (f"{{{HEAD}, send_to: [noc], summary: '{{{{ x'}}", "summary: "),
        (f"{{{HEAD}, send_to: [noc], mute_times: [nights]}}", 'there is no mute time "nights"'),
    ],
)
def test_a_wrong_rule_is_reported(text: str, expected: str) -> None:
    rule, (reported,) = read(text)
    assert rule is None
    assert expected in reported


def test_an_error_in_one_key_does_not_hide_those_in_others() -> None:
    _, reported = read("{name: A, events: ['a*b'], when: data., send_to: [nok], summary: '{{'}")
    assert len(reported) == 5


def test_the_destinations_of_a_rule_may_come_from_routes() -> None:
    rule, reported = read(f"{{{HEAD}}}", [route("noc")])
    assert reported == []
    assert rule is not None
    assert rule.send_to == ("noc",)


@pytest.mark.parametrize(
    ("keys", "routes", "expected"),
    [
        ("", [], 'rule "all" needs "send_to", or a route that matches its alerts'),
        ("", [route("noc", team="a")], 'alerts of rule "all" may have no destination'),
        (
            ", labels: {team: '{{ data.team }}'}",
            [route("noc", team="a")],
            'alerts of rule "all" may have no destination',
        ),
    ],
)
def test_a_rule_whose_alerts_may_have_no_destination_is_reported(
    keys: str, routes: list[Route], expected: str
) -> None:
    _, (reported,) = read(f"{{{HEAD}{keys}}}", routes)
    assert expected in reported


@pytest.mark.parametrize(
    ("keys", "routes"),
    [
        (", labels: {team: a}", [route("noc", team="a")]),
        ("", [route("noc", team="a"), route("boss")]),
        ("", [route("noc", rule="all")]),
    ],
)
def test_a_route_that_matches_all_alerts_of_a_rule_is_enough(
    keys: str, routes: list[Route]
) -> None:
    assert read(f"{{{HEAD}{keys}}}", routes)[1] == []


@pytest.mark.parametrize(
    "rule",
    [
        "events: [TYPE]",
        "events: [e]\n    absent: {event: TYPE, for: 1h}",
        "events: [e]\n    resolve: {events: [TYPE]}",
    ],
)
def test_a_misspelt_event_type_is_a_warning_wherever_it_is(tmp_path: Path, rule: str) -> None:
    """Case R16: it matched nothing, and nothing of it was checked."""
    event_type = "com.twilio.voice.insights.conference-sumary.complete"
    (tmp_path / "a.yaml").write_text(
        "destinations: {a: {capture: {}}}\nrules:\n  - name: r\n    send_to: [a]\n    "
        + rule.replace("TYPE", event_type)
    )

    (warning,) = load(tmp_path, {}).warnings

    assert warning.message == f'no event type "{event_type}" is known'
    assert warning.hint.startswith('did you mean "com.twilio.voice.insights.conference-summary')
    assert warning.source[warning.column - 1 :].startswith(event_type)
