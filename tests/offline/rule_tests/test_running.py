"""What a rule test proves, and how it says what it found instead."""

from pathlib import Path

import pytest
from offline.rule_tests.conftest import EVENTS

from router.configuration.load import load
from router.offline.rule_tests.reading import read_tests
from router.offline.rule_tests.running import CaseResult, run_case


def results(folder: Path, tests: str) -> list[CaseResult]:
    (folder / "tests" / "a.yaml").write_text(EVENTS + tests, encoding="utf-8")
    configuration = load(folder, {})
    cases = read_tests(folder, configuration).cases
    return [run_case(case, configuration.rules, configuration.silences) for case in cases]


def differences(folder: Path, tests: str) -> list[str]:
    (result,) = results(folder, tests)
    return [line for difference in result.differences for line in difference.lines]


BAD = "tests: [{name: t, rules: [bad], event: call, "


@pytest.mark.parametrize(
    "test",
    [
        "expect: [{rule: bad}]}]",
        "expect: [{rule: bad, send_to: [oncall, noc], severity: critical, summary: 3 issues}]}]",
        "with: {data.issues: 2}, expect: []}]",
        "with: {data.region: de1}, expect: []}]",
        "without: [data.region], expect: []}]",
        "with: {type: com.example.other}, expect: []}]",
    ],
)
def test_what_is_so_passes(folder: Path, test: str) -> None:
    assert differences(folder, BAD + test) == []


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        (
            "expect: [{rule: bad, send_to: [noc], severity: critical}]}]",
            ['- bad  send_to: ["noc"]', '+ bad  send_to: ["noc","oncall"]'],
        ),
        ("expect: []}]", ['+ bad  send_to: ["noc","oncall"]  summary: "3 issues"']),
        (
            "with: {data.issues: 2}, expect: [{rule: bad, count: 1}]}]",
            ["- bad  count: 1", "  data.issues >= 3 is false: data.issues = 2"],
        ),
        (
            "without: [data.region], expect: [{rule: bad}]}]",
            ["- bad", "  evaluation failed: no such field: data.region"],
        ),
        (
            "with: {type: com.example.other}, expect: [{rule: bad}]}]",
            [
                "- bad",
                (
                    "  no event came that bad is for: it is for com.example.call, and there were"
                    " com.example.other"
                ),
            ],
        ),
        (
            "expect: [{rule: bad}, {rule: bad}]}]",
            ["- bad", "  it sent 1 alert only, which other expectations take"],
        ),
    ],
)
def test_what_is_not_so_is_shown_with_what_came_instead(
    folder: Path, test: str, expected: list[str]
) -> None:
    assert differences(folder, BAD + test) == expected


def test_alerts_of_other_rules_count_unless_the_test_is_about_some(folder: Path) -> None:
    test = "tests: [{name: t, event: call, expect: [{rule: bad}]}]"
    assert differences(folder, test) == [
        '+ all  send_to: ["noc"]  summary: "all: com.example.call"'
    ]


def test_a_shadow_is_silent_and_says_so(folder: Path) -> None:
    test = "tests: [{name: t, rules: [quiet], event: call, expect: [{rule: quiet}]}]"
    assert differences(folder, test) == ["- quiet", "  suppressed: shadow"]


STEPS = """
tests:
  - name: t
    rules: [all]
    steps:
      - event: call
        times: 2
        every: 10s
        expect: [{rule: all}, {rule: all}]
      - after: 5s
        event: call
        with: {id: "1", source: x}
      - event: call
        with: {id: "1", source: x}
        expect: [{rule: all}]
      - at: 1m
        expect: []
"""


def test_steps_come_one_after_the_other_and_a_repeat_is_dropped(folder: Path) -> None:
    assert differences(folder, STEPS) == []


def test_a_difference_says_where_and_when(folder: Path) -> None:
    (result,) = results(folder, STEPS.replace("expect: []", "expect: [{rule: all}]"))
    assert [(each.location, each.at) for each in result.differences] == [
        ("rules/tests/a.yaml:20:18", 60.0)
    ]


def test_an_alert_after_the_last_expectation_is_a_difference(folder: Path) -> None:
    steps = "tests: [{name: t, rules: [all], steps: [{expect: []}, {event: call}]}]"
    assert len(differences(folder, steps)) == 1


def test_a_test_that_passes_shows_which_rules_fire_and_which_are_silent(folder: Path) -> None:
    (one, two, failing) = results(
        folder,
        """
tests:
  - {name: a, rules: [bad], event: call, expect: [{rule: bad}]}
  - {name: b, rules: [bad, quiet], event: call, with: {data.issues: 0}, expect: []}
  - {name: c, rules: [all], event: call, expect: []}
""",
    )
    assert (one.fired, one.silent) == (("bad",), ())
    assert (two.fired, two.silent) == ((), ("bad", "quiet"))
    assert (failing.fired, failing.silent) == ((), ())


PEOPLE = """
destinations: {noc: {capture: {}}, boss: {capture: {}}}
rules:
  - name: down
    events: [com.example.call]
    escalate: [{after: 15m, send_to: [boss]}, {after: 30m, send_to: [boss]}]
    send_to: [noc]
silences:
  - match: {data.region: de1}
    ends: "2026-01-01T02:00:00Z"
    author: ann
    comment: works
"""


@pytest.mark.parametrize(
    "steps",
    [
        (
            "{event: call, expect: [{rule: down, escalation: 0}]},"
            "{at: 15m, expect: [{rule: down, send_to: [boss], escalation: 1}]},"
            "{at: 20m, acknowledge: down}, {at: 2h, expect: []}"
        ),
        # An acknowledgement is about what was told before the step's own event.
        (
            "{event: call}, {at: 1m, acknowledge: down, event: call},"
            "{at: 16m, expect: [{rule: down}, {rule: down}, {rule: down, escalation: 1}]}"
        ),
        (
            "{silence: {match: {rule: down}, for: 10m}, event: call, expect: []},"
            "{at: 9m, event: call, expect: []},"
            "{at: 10m, event: call, expect: [{rule: down}, {rule: down}, {rule: down}]}"  # two of them late
        ),
        (
            "{event: call, expect: [{rule: down}]},"
            "{at: 14m, silence: {when: 'labels == {} && severity == \"warning\"', for: 2m}},"
            "{at: 15m59s, expect: []}, {at: 16m, expect: [{rule: down, escalation: 1}]}"
        ),
        (
            "{event: call, with: {data.region: de1}, expect: []},"
            "{at: 3h, event: call, with: {data.region: de1}, expect: [{rule: down}]}"
        ),
    ],
)
def test_people_acknowledge_and_silence_and_the_folders_silences_hold(
    folder: Path, steps: str
) -> None:
    (folder / "a.yaml").write_text(PEOPLE)
    assert differences(folder, f"tests: [{{name: t, steps: [{steps}]}}]") == []


def test_nobody_acknowledges_what_was_not_told(folder: Path) -> None:
    (folder / "a.yaml").write_text(PEOPLE)
    steps = "{acknowledge: down}, {event: call, expect: [{rule: down}]}"
    assert differences(folder, f"tests: [{{name: t, steps: [{steps}]}}]") == [
        "- acknowledge: down has sent no alert so far"
    ]


def test_a_row_that_never_spoke_is_told_when_time_passes(folder: Path) -> None:
    (folder / "hosts.yaml").write_text(
        """
tables: {hosts: {rows: {edge-1: {site: Graz}, edge-2: {site: Bern}}}}
rules:
  - name: silent-host
    events: [com.example.beat]
    absent: {event: com.example.beat, for: 5m, by: [data.host], expected: tables.hosts}
    resolve: {events: [com.example.beat], by: [data.host]}
    summary: "{{ data.host }} in {{ data.site }}"
    send_to: [noc]
"""
    )

    assert (
        differences(
            folder,
            """
tests:
  - name: t
    rules: [silent-host]
    steps:
      - {at: 4m, event: {type: com.example.beat, data: {host: edge-1}}, expect: []}
      - {at: 5m, expect: [{rule: silent-host, summary: edge-2 in Bern}]}
      - at: 6m
        event: {type: com.example.beat, data: {host: edge-2}}
        expect: [{rule: silent-host, status: resolved}]
""",
        )
        == []
    )


LASTING = """
mute_times: {night: {times: [{from: "00:00", to: "06:00"}]}}
rules:
  - name: down
    events: [down]
    resolve: {events: [up]}
    remind: 4h
    mute_times: [night]
    send_to: [noc]
"""
LATE = """
tests:
  - name: t
    rules: [down]
    clock: "2026-03-01T03:00:00Z"
    steps:
      - {at: 0s, event: {type: down}, expect: []}
      - {at: 5m, event: {type: down}, expect: []}
      - {at: 3h, expect: [{rule: down, held_because: [muted], held_back: 1, reminder: 0}]}
      - {at: 7h, expect: [{rule: down, held_because: [], reminder: NUMBER}]}
"""


@pytest.mark.parametrize(
    ("number", "shown"), [("1", []), ("2", ["- down  reminder: 2", "+ down  reminder: 1"])]
)
def test_what_is_told_late_and_again_is_compared(
    folder: Path, number: str, shown: list[str]
) -> None:
    (folder / "down.yaml").write_text(LASTING)

    assert differences(folder, LATE.replace("NUMBER", number)) == shown


def test_what_no_step_expects_is_shown_with_what_it_is(folder: Path) -> None:
    (folder / "down.yaml").write_text(LASTING)
    steps = LATE.partition("      - {at: 3h")[0]

    assert differences(folder, steps + "      - {at: 7h, event: {type: up}, expect: []}\n") == [
        '+ down  send_to: ["noc"]  summary: "down: down"  held_because: ["muted"]',
        '+ down  send_to: ["noc"]  summary: "down: down"  reminder: 1',
        '+ down  send_to: ["noc"]  summary: "down: down"  status: "resolved"',
    ]
