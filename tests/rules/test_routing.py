"""Where alerts go: labels, routes, lookups; and what ``let`` names stand for."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.events import event_from

from router.alerts import Severity
from router.configuration.load import load
from router.configuration.model import Configuration
from router.destinations.rendering.summary import summary
from router.destinations.rendering.templates import TemplateTarget
from router.errors import RulesError
from router.events.model import document
from router.rules.label_matcher import LabelMatcher, MatcherText, label_matcher
from router.rules.model import Rule
from router.rules.routing import Route, relevant
from router.worker.evaluation.fan_out import raise_alert

PLACES = "destinations: {noc: {capture: {}}, voice: {capture: {}}, gold: {capture: {}}}\n"
NOW = 1.8e9
OTHER = """
rules:
  - {name: other, events: [x], labels: {team: x, tier: x}, send_to: [noc]}
"""
"""Has the labels that routes ask for."""
ROUTES = """
routes:
  - match: {severity: critical, team: voice}
    send_to: [voice, noc]
  - match: {severity: [critical, warning]}
    send_to: [voice]
  - send_to: [noc]
"""


def configured(folder: Path, *texts: str) -> Configuration:
    folder.mkdir(exist_ok=True)
    for number, text in enumerate([PLACES, *texts]):
        (folder / f"f{number}.yaml").write_text(text, encoding="utf-8")
    return load(folder, {})


def only_rule(folder: Path, *texts: str) -> Rule:
    """The one rule of ``texts``, beside OTHER."""
    rule, _ = configured(folder, *texts, OTHER).rules.rules
    return rule


def told(rule: Rule, **data: Any) -> tuple[str, ...]:
    event = {"data": data}
    return rule.recipients(event, rule.naming.labels_of(event), NOW).destinations


def rules(text: str) -> str:
    return f"rules:\n  - {{name: one, events: ['*'], {text}}}\n"


# Routes


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("severity: critical, labels: {team: voice}", ("voice", "noc")),
        ("severity: critical, labels: {team: data}", ("voice",)),
        ("severity: critical", ("voice",)),
        ("severity: warning, labels: {team: voice}", ("voice",)),
        ("severity: info, labels: {team: voice}", ("noc",)),
        ("severity: info, labels: {team: voice}, send_to: [gold]", ("gold",)),
    ],
)
def test_the_first_route_that_takes_an_alert_decides(
    tmp_path: Path, rule: str, expected: tuple[str, ...]
) -> None:
    one = only_rule(tmp_path / "rules", ROUTES, rules(rule))
    assert told(one) == expected
    assert one.send_to == expected


def test_a_route_may_let_those_below_it_be_asked_too(tmp_path: Path) -> None:
    routes = """
routes:
  - match: {severity: critical}
    send_to: [gold, noc]
    continue: true
  - match: {team: voice}
    send_to: [voice]
  - send_to: [noc]
"""
    one = only_rule(tmp_path / "rules", routes, rules("severity: critical, labels: {team: voice}"))
    assert one.recipients({}, {"team": "voice"}, NOW).destinations == ("gold", "noc", "voice")
    assert one.recipients({}, {"team": "voice"}, NOW).routes == (1, 2)


def test_a_route_may_ask_for_a_rule_and_for_a_label_that_is_not_there(tmp_path: Path) -> None:
    routes = """
routes:
  - match: {rule: [one], team: ""}
    send_to: [gold]
  - send_to: [noc]
"""
    assert told(only_rule(tmp_path / "rules", routes, rules("severity: info"))) == ("gold",)
    labelled = rules("severity: info, labels: {team: voice}")
    assert told(only_rule(tmp_path / "rules", routes, labelled)) == ("noc",)


def test_a_label_of_the_event_decides_event_by_event(tmp_path: Path) -> None:
    routes = """
routes:
  - match: {tier: gold}
    send_to: [gold]
  - send_to: [noc]
"""
    one = only_rule(tmp_path / "rules", routes, rules("labels: {tier: '{{ data.tier }}'}"))

    assert told(one, tier="gold") == ("gold",)
    assert told(one, tier="silver") == ("noc",)
    assert told(one) == ("noc",)
    assert one.send_to == ()


def test_a_route_that_only_some_alerts_of_a_rule_take_is_not_enough() -> None:
    tier = LabelMatcher(frozenset({"gold"}))
    gold = Route(number=1, match={"tier": tier}, recipients=("gold",), goes_on=False)
    rest = Route(number=2, match={}, recipients=("noc",), goes_on=False)
    beyond = Route(number=3, match={}, recipients=("noc",), goes_on=False)

    assert relevant((gold,), {}, frozenset({"tier"})) is None
    assert relevant((gold, rest, beyond), {}, frozenset({"tier"})) == (gold, rest)
    assert relevant((gold, rest), {"tier": "tin"}, frozenset()) == (rest,)
    assert relevant((gold,), {"tier": "gold"}, frozenset()) == (gold,)
    assert relevant((), {}, frozenset()) is None


def test_a_test_of_a_label_of_the_event_is_not_decided_before() -> None:
    """A label that is missing passes the test, but that of the event may not."""
    tier = label_matcher(MatcherText(unequal="gold"))
    other = Route(number=1, match={"tier": tier}, recipients=("noc",), goes_on=False)

    assert relevant((other,), {}, frozenset({"tier"})) is None
    assert relevant((other,), {}, frozenset()) == (other,)
    assert relevant((other,), {"tier": "tin"}, frozenset()) == (other,)
    assert relevant((other,), {"tier": "gold"}, frozenset()) is None


def test_a_route_may_test_labels_in_other_ways(tmp_path: Path) -> None:
    routes = """
routes:
  - match: {team: {matches: "^voi"}, severity: {"!=": info}}
    send_to: [voice]
  - match: {rule: {prefix: o, suffix: ne}}
    send_to: [gold]
  - send_to: [noc]
"""
    for number, (keys, expected) in enumerate(
        [
            ("labels: {team: voice}", ("voice",)),
            ("labels: {team: voice}, severity: info", ("gold",)),
            ("labels: {team: invoices}", ("gold",)),
        ]
    ):
        one = only_rule(tmp_path / f"rules{number}", routes, rules(keys))
        assert told(one) == expected
        assert one.send_to == expected


def test_a_test_of_a_label_of_the_event_decides_event_by_event(tmp_path: Path) -> None:
    routes = """
routes:
  - match: {tier: {matches: "^(gold|silver)$"}, team: {"!=": x}}
    send_to: [gold]
  - send_to: [noc]
"""
    one = only_rule(tmp_path / "rules", routes, rules("labels: {tier: '{{ data.tier }}'}"))

    assert [told(one, tier=tier) for tier in ("gold", "silver", "golden")] == [
        *(("gold",), ("gold",), ("noc",))
    ]
    assert told(one) == ("noc",)
    assert one.send_to == ()


# Labels and let


def test_an_alert_carries_labels_and_names(tmp_path: Path, sample: bytes) -> None:
    text = """
rules:
  - name: one
    events: ["*"]
    let:
      issues: data.detected_issues
      calls: issues.call_quality
      bad: calls >= 3
      missing: data.nothing.at_all
    when: bad && calls == 5
    labels:
      team: voice
      calls: "{{ calls }}"
      bad: "{{ bad }}"
      place: "{{ data.mixer_region + '-' + data.status }}"
      missing: "{{ missing }}"
      list: "{{ data.tags }}"
    summary: "{{ calls }} calls of {{ issues.call_quality }}{{ missing or '' }}"
    send_to: [noc]
"""
    rule = only_rule(tmp_path / "rules", text)
    event = event_from(sample)
    content = document(event)

    alert = raise_alert(event, content, rule, now=0.0)

    assert rule.condition is not None
    assert rule.condition.verdict(content).value == "match"
    assert alert.labels == {
        "team": "voice",
        "calls": "5",
        "bad": "true",
        "place": f"{content['data']['mixer_region']}-{content['data']['status']}",
    }
    issues = content["data"]["detected_issues"]
    assert alert.values == {"issues": issues, "calls": 5, "bad": True}
    assert summary(alert, TemplateTarget.TEXT).text == "5 calls of 5"


def test_a_label_is_cut_and_a_large_value_is_left_out(tmp_path: Path) -> None:
    rule = only_rule(
        tmp_path / "rules",
        rules("let: {name: data.name}, labels: {name: '{{ name }}'}, send_to: [noc]"),
    )
    event = {"data": {"name": "x" * 10_000}}

    assert rule.naming.labels_of(event) == {"name": "x" * 256}
    assert rule.naming.values_of(event) == {}


def test_a_number_that_json_cannot_hold_is_left_out(tmp_path: Path) -> None:
    rule = only_rule(tmp_path / "rules", rules("let: {num: data.num}, send_to: [noc]"))
    assert rule.naming.values_of({"data": {"num": 10**30}}) == {}
    assert rule.naming.values_of({"data": {"num": 10**10}}) == {"num": 10**10}


# Lookups

CUSTOMERS = """
tables:
  customers:
    rows:
      AC1: {owner: Ann, place: gold, limit: 3}
      AC2: {owner: Bob, place: "", limit: 7}
"""


@pytest.mark.parametrize(
    ("account", "expected"),
    [("AC1", ("noc", "gold")), ("AC2", ("noc", "voice")), ("AC3", ("noc", "voice"))],
)
def test_a_table_says_who_is_told(tmp_path: Path, account: str, expected: tuple[str, ...]) -> None:
    text = """
rules:
  - name: one
    events: ["*"]
    let: {customer: "tables.customers[data.account_sid]"}
    send_to: [noc, {from: customer.place, otherwise: voice}]
"""
    one = only_rule(tmp_path / "rules", CUSTOMERS, text)
    assert told(one, account_sid=account) == expected
    assert told(one) == ("noc", "voice")
    assert one.send_to == ()
    assert one.routing is not None
    assert one.routing.destinations == {"noc", "voice", "gold"}


def test_a_route_may_look_up_too(tmp_path: Path) -> None:
    routes = """
routes:
  - send_to: [{from: "tables.customers[data.account_sid].place", otherwise: noc}, noc]
"""
    one = only_rule(tmp_path / "rules", CUSTOMERS, routes, rules("severity: info"))
    assert told(one, account_sid="AC1") == ("gold", "noc")
    assert told(one, account_sid="AC9") == ("noc",)


def test_a_condition_and_a_label_may_look_up(tmp_path: Path) -> None:
    text = """
rules:
  - name: one
    events: ["*"]
    let: {customer: "tables.customers[data.account_sid]"}
    when: data.issues > customer.limit
    match: {customer.owner: [Ann, Bob]}
    labels: {owner: "{{ customer.owner }}"}
    send_to: [noc]
"""
    one = only_rule(tmp_path / "rules", CUSTOMERS, text)
    assert one.condition is not None
    verdicts = [
        one.condition.verdict({"data": {"account_sid": account, "issues": 5}}).value
        for account in ("AC1", "AC2", "AC3")
    ]
    assert verdicts == ["match", "no match", "no match"]
    assert one.naming.labels_of({"data": {"account_sid": "AC2"}}) == {"owner": "Bob"}


def test_the_alerts_of_an_account_that_is_not_in_the_table_go_elsewhere(tmp_path: Path) -> None:
    """Case R15: the guide's own example notified no destination of an account that is not in its table."""
    guide = (Path(__file__).parents[2] / "docs" / "reference" / "rules.md").read_text("utf-8")
    (example,) = (each for each in guide.split("```") if each.startswith("yaml\ntables:\n  tiers:"))
    places = "destinations: {voice-oncall: {capture: {}}, noc-mail: {capture: {}}}"
    configuration = configured(tmp_path / "rules", places, example.removeprefix("yaml"))
    (one,) = configuration.rules.rules
    assert one.condition is not None

    def told_about(account: str, calls: int) -> tuple[str, ...]:
        event = {"data": {"account_sid": account, "detected_issues": {"call_quality": calls}}}
        matches = one.condition.verdict(event).value == "match"  # type: ignore[union-attr]
        labels = one.naming.labels_of(event)
        return one.recipients(event, labels, NOW).destinations if matches else ()

    gold, basic = "AC0000000000000000000000000000001", "AC0000000000000000000000000000002"
    assert told_about(gold, 1) == ("noc-mail", "voice-oncall")
    assert told_about(basic, 4) == ()
    assert told_about(basic, 5) == ("noc-mail", "voice-oncall")
    assert told_about("AC9", 4) == ()
    assert told_about("AC9", 5) == ("noc-mail", "voice-oncall")
    assert configuration.warnings == ()


# CSV


def with_csv(folder: Path, content: bytes | str, table: str = "key: sid") -> Configuration:
    folder.mkdir(exist_ok=True)
    raw = content if isinstance(content, bytes) else content.encode()
    (folder / "customers.csv").write_bytes(raw)
    return configured(
        folder,
        f"tables: {{customers: {{file: customers.csv, {table}}}}}\n"
        + rules(
            "let: {customer: 'tables.customers[data.sid]'},"
            " send_to: [{from: customer.place, otherwise: noc}]"
        ),
    )


def rows_of(configuration: Configuration, sid: str) -> Any:
    (rule,) = configuration.rules.rules
    return rule.naming.values_of({"data": {"sid": sid}}).get("customer")


def test_a_table_comes_from_a_csv_file(tmp_path: Path) -> None:
    text = (
        "\ufeffsid,owner,place,limit\r\n"
        'AC1,"Ann ""A."", Ltd",gold,3\r\n'
        "\r\n"
        'AC2,"two\r\nlines",,2.5\r\n'
        "AC3,,voice,"
    )
    configuration = with_csv(tmp_path / "rules", text, "key: sid, numbers: [limit]")

    assert rows_of(configuration, "AC1") == {
        "sid": "AC1",
        "owner": 'Ann "A.", Ltd',
        "place": "gold",
        "limit": 3,
    }
    assert rows_of(configuration, "AC2")["owner"] == "two\r\nlines"
    assert rows_of(configuration, "AC2")["limit"] == 2.5
    assert rows_of(configuration, "AC3")["limit"] is None
    assert rows_of(configuration, "AC4") == dict.fromkeys(("sid", "owner", "place", "limit"))
    (rule,) = configuration.rules.rules
    assert [told(rule, sid=sid) for sid in ("AC1", "AC2", "AC3")] == [
        ("gold",),
        ("noc",),
        ("voice",),
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "customers.csv: the file is empty"),
        ("sid,place\nAC1\n", "customers.csv:2:1: this row has 1 cell, expected 2 as in the"),
        ("sid,place\nAC1,noc,x\n", "customers.csv:2:1: this row has 3 cells"),
        ("sid,place\nAC1,noc\nAC1,noc\n", 'customers.csv:3:1: the key "AC1" is given twice'),
        ("place,sid\nnoc,\n", 'customers.csv:2:5: this row has no value in the key column "sid"'),
        ("sid,sid\n", 'customers.csv:1:5: the column "sid" is given twice'),
        ("sid,,place\n", "customers.csv:1:5: this column has no name"),
        ('sid,place\nAC1,"noc\n', "customers.csv:2:5: the text that begins here has no closing"),
        ('sid,place\n"AC1"x,noc\n', "customers.csv:2:6: expected a comma or the end of the line"),
        ('sid,place\nA"C1,noc\n', "customers.csv:2:2: expected a comma or the end of the line"),
        ("sid,place\nAC1,ncc\n", 'customers.csv:2:1: place: there is no destination "ncc"'),
        (b"sid,place\nAC1,\xff\n", "customers.csv:2:5: byte 0xff is not UTF-8"),
        ("id,place\nAC1,noc\n", 'customers.csv has no column "sid" (did you mean "id"?)'),
        ("sid," + "x," * 100 + "\n", "a row has at most 100 cells"),
        ("sid,place\n" + "x" * 5000 + ",noc\n", "a cell has at most 4096 characters"),
    ],
)
def test_what_is_wrong_with_a_csv_file_is_found_at_its_place(
    tmp_path: Path, content: bytes | str, expected: str
) -> None:
    with pytest.raises(RulesError) as caught:
        with_csv(tmp_path / "rules", content)
    assert any(expected in str(finding) for finding in caught.value.diagnostics)


def test_a_cell_that_is_no_number_is_found(tmp_path: Path) -> None:
    with pytest.raises(RulesError) as caught:
        with_csv(
            tmp_path / "rules", "sid,place,num\nAC1,,many\nAC2,,012\n", "key: sid, numbers: [num]"
        )
    assert [finding.message for finding in caught.value.diagnostics] == [
        'num: expected a number, found "many"',
        'num: expected a number, found "012"',
    ]


def test_a_table_is_a_part_of_the_generation(tmp_path: Path) -> None:
    first = with_csv(tmp_path / "rules", "sid,place\nAC1,noc\n")
    second = with_csv(tmp_path / "rules", "sid,place\nAC1,voice\n")
    again = with_csv(tmp_path / "rules", "sid,place\nAC1,noc\n")
    assert first.generation == again.generation != second.generation


def test_a_large_table_is_read_in_a_moment_and_one_too_large_is_refused(tmp_path: Path) -> None:
    lines = "".join(f"AC{number},noc\n" for number in range(100_000))
    configuration = with_csv(tmp_path / "rules", f"sid,place\n{lines}")
    assert rows_of(configuration, "AC99999") == {"sid": "AC99999", "place": "noc"}
    with pytest.raises(RulesError) as caught:
        with_csv(tmp_path / "rules", f"sid,place\n{lines}AC100000,noc\n")
    assert "at most 100000 rows" in str(caught.value)
    with pytest.raises(RulesError) as caught:
        with_csv(tmp_path / "rules", b"x" * ((16 << 20) + 1))
    assert "customers.csv: the file is larger than 16 MiB" in str(caught.value)


def test_a_broken_table_is_told_once(tmp_path: Path) -> None:
    with pytest.raises(RulesError) as caught:
        with_csv(tmp_path / "rules", "sid,place\nAC1\n")
    assert len(caught.value.diagnostics) == 1


def test_a_value_of_a_name_is_what_json_has(tmp_path: Path) -> None:
    rule = only_rule(tmp_path / "rules", rules("let: {all: data}, send_to: [noc]"))
    data = {"a": [1, 2.5, None, True, "x"], "b": {"c": {}}}
    assert rule.naming.values_of({"data": data}) == {"all": data}
    assert msgspec.msgpack.encode(rule.naming.values_of({"data": data}))
    assert rule.severity is Severity.WARNING


# Severity by value


BY_CALLS = """severity: "{{ data.calls > 9 ? 'critical' : 'info' }}\""""


def test_routes_share_the_alerts_of_a_rule_by_their_severity(tmp_path: Path) -> None:
    routes = """
routes:
  - {match: {severity: critical}, send_to: [voice]}
  - {match: {severity: [info, warning]}, send_to: [noc]}
"""
    rule = only_rule(tmp_path, rules(BY_CALLS), routes)

    assert told(rule, calls=10) == ("voice",)
    assert told(rule, calls=1) == ("noc",)
    assert told(rule) == ("noc",)
    assert rule.send_to == ()


def test_a_severity_without_a_route_is_refused(tmp_path: Path) -> None:
    routes = "routes: [{match: {severity: [info, critical]}, send_to: [voice]}]\n"

    with pytest.raises(RulesError, match="no route matches all of them of severity warning"):
        only_rule(tmp_path, rules(BY_CALLS), routes)
    never_warning = BY_CALLS.replace("severity: ", "severity: {otherwise: info, from: ")
    never_warning = never_warning.replace("{{ ", "").replace(" }}", "") + "}"
    assert told(only_rule(tmp_path, rules(never_warning), routes)) == ("voice",)
