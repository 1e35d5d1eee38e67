"""The reason that is given for an alert that did not come is the right one, also an earlier one."""

from pathlib import Path

import pytest

from router.configuration.load import load
from router.offline.rule_tests.reading import read_tests
from router.offline.rule_tests.running import run_case

RULES = """
destinations: {noc: {capture: {}}, boss: {capture: {}}}
mute_times:
  nights: {times: [{from: "22:00", to: "06:00"}]}
rules:
  - name: trunk-down
    events: [trunk.down]
    match: {data.level: major}
    resolve: {events: [trunk.up], by: [data.trunk], when: data.clean}
    escalate: {after: 15m, send_to: [boss]}
    mute_times: [nights]
    send_to: [noc]
  - name: many
    events: [trunk.down]
    count: {at_least: 2, within: 1m}
    send_to: [noc]
  - name: door
    events: [door.opened]
    absent: {event: door.closed, for: 5m, by: [data.door]}
    send_to: [noc]
  - name: share
    events: [trunk.down]
    ratio: {of: data.level == "major", at_least: 90%, min_events: 2, within: 10m}
    send_to: [noc]
  - name: grouped
    events: [call]
    group: {wait: 30s}
    send_to: [noc]
"""
EVENTS = """
events:
  down: {type: trunk.down, data: {level: major, trunk: t1}}
  up: {type: trunk.up, data: {trunk: t1, clean: true}}
  opened: {type: door.opened, data: {door: a}}
  closed: {type: door.closed, data: {door: a}}
  call: {type: call, data: {}}
"""
NIGHT = '"2026-01-01T23:00:00Z"'
DAY = '"2026-01-01T12:00:00Z"'


EARLIER = "in an earlier step, 0s from the beginning: "


def reasons(folder: Path, steps: str, rule: str, clock: str) -> list[str]:
    """Return the lines below the alert that did not come."""
    test = f"tests: [{{name: t, rules: [{rule}], clock: {clock}, steps: [{steps}]}}]"
    (folder / "a.yaml").write_text(RULES)
    (folder / "tests" / "a.yaml").write_text(EVENTS + test)
    configuration = load(folder, {})
    (case,) = read_tests(folder, configuration).cases
    result = run_case(case, configuration.rules)
    lines = [line for each in result.differences for line in each.lines]
    return [line.strip() for line in lines if not line.startswith("-")]


@pytest.mark.parametrize(
    ("rule", "clock", "steps", "expected"),
    [
        pytest.param(
            "share",
            DAY,
            "{event: down, with: {data.level: minor}}, {event: down, times: 3},"
            " {expect: [{rule: share}]}",
            [
                (
                    "it matched, and no alert was sent yet; is of the share that notifies at least 90% of"
                    " 2 events or more within 10m; now: 3 of 4 in the last 10m, 75.0 %"
                )
            ],
            id="a share that is not reached",
        ),
        pytest.param(
            "trunk-down",
            NIGHT,
            "{event: down, expect: []}, {after: 1h, expect: [{rule: trunk-down}]}",
            [f"{EARLIER}suppressed: muted"],
            id="muted earlier",
        ),
        pytest.param(
            "trunk-down",
            NIGHT,
            "{event: down, expect: []},"
            " {after: 1m, event: up, expect: [{rule: trunk-down, status: resolved}]}",
            [
                'its alert is resolved by data.trunk="t1", but no such alert was open',
                f"{EARLIER}suppressed: muted",
            ],
            id="resolved, but muted earlier",
        ),
        pytest.param(
            "trunk-down",
            DAY,
            "{silence: {match: {rule: trunk-down}, for: 25m}, event: down, expect: []},"
            " {after: 20m, expect: [{rule: trunk-down, escalation: 1}]}",
            [f"{EARLIER}suppressed: silenced"],
            id="silenced earlier, so not escalated",
        ),
        pytest.param(
            "trunk-down",
            DAY,
            "{event: down, expect: [{rule: trunk-down}]}, {after: 1m, acknowledge: trunk-down},"
            " {after: 20m, expect: [{rule: trunk-down, escalation: 1}]}",
            [
                "an operator acknowledged its alerts 60s from the beginning",
                f"{EARLIER}its alert was sent",
            ],
            id="acknowledged earlier",
        ),
        pytest.param(
            "trunk-down",
            DAY,
            "{event: down, expect: [{rule: trunk-down}]}, {after: 1m, expect: [{rule: trunk-down}]}",
            [f"{EARLIER}its alert was sent"],
            id="sent earlier",
        ),
        pytest.param(
            "trunk-down",
            DAY,
            "{event: down, with: {data.level: minor}, expect: []},"
            " {after: 1m, expect: [{rule: trunk-down}]}",
            [f'{EARLIER}data.level == "major" is false: data.level = "minor"'],
            id="did not match earlier",
        ),
        pytest.param(
            "trunk-down",
            DAY,
            "{event: down, expect: [{rule: trunk-down}]}, {after: 1m, event: up,"
            " with: {data.clean: false}, expect: [{rule: trunk-down, status: resolved}]}",
            [
                "resolve: data.clean is false",
            ],
            id="resolving event does not match",
        ),
        pytest.param(
            "trunk-down",
            DAY,
            "{event: down, expect: [{rule: trunk-down}]}, {after: 1m, event: up,"
            " with: {data.trunk: t2}, expect: [{rule: trunk-down, status: resolved}]}",
            [
                'its alert is resolved by data.trunk="t2", but no such alert was open',
                f"{EARLIER}its alert was sent",
            ],
            id="resolves another alert",
        ),
        pytest.param(
            "trunk-down",
            DAY,
            "{event: call, expect: [{rule: trunk-down}]}",
            ["no event came that trunk-down is for: it is for trunk.down, and there were call"],
            id="another type",
        ),
        pytest.param(
            "trunk-down",
            DAY,
            "{expect: [{rule: trunk-down}]}",
            ["no event came that trunk-down is for"],
            id="no event at all",
        ),
        pytest.param(
            "trunk-down",
            NIGHT,
            "{event: down}, {event: down, with: {data.level: minor}, expect: [{rule: trunk-down}]}",
            ["suppressed: muted"],
            id="the later event does not explain it",
        ),
        pytest.param(
            "trunk-down",
            NIGHT,
            "{event: down, expect: []}, {after: 1m, acknowledge: trunk-down, expect: []}",
            [f"{EARLIER}suppressed: muted"],
            id="acknowledged what was muted",
        ),
        pytest.param(
            "many",
            DAY,
            "{event: down, expect: [{rule: many}]}",
            [
                "it matched, and no alert was sent yet; counts towards at_least 2 within 1m; now: 1 of 2 within 1m"
            ],
            id="counts",
        ),
        pytest.param(
            "door",
            DAY,
            "{event: opened, expect: [{rule: door}]}",
            [
                (
                    "it matched, and no alert was sent yet;"
                    ' alerts unless door.closed comes within 5m by data.door="a";'
                    " now: waits until 2026-01-01T12:05:00Z"
                )
            ],
            id="waits",
        ),
        pytest.param(
            "door",
            DAY,
            "{event: opened}, {after: 1m, event: closed, expect: []},"
            " {after: 10m, expect: [{rule: door}]}",
            [
                (
                    "in an earlier step, 60s from the beginning:"
                    ' the event that it waits for arrived by data.door="a"'
                )
            ],
            id="what it waits for came",
        ),
        pytest.param(
            "grouped",
            DAY,
            "{event: call, expect: []}, {after: 10s, expect: [{rule: grouped}]}",
            [
                (
                    f"{EARLIER}it matched, and no alert was sent yet;"
                    " notifies with its group after 30s, then every 5m"
                )
            ],
            id="waits with its group",
        ),
        pytest.param(
            "grouped",
            DAY,
            "{event: call, with: {id: x, source: s}, expect: []},"
            " {after: 10s, event: call, with: {id: x, source: s}, expect: [{rule: grouped}]}",
            ["a repeat: the event x came before"],
            id="a repeat",
        ),
    ],
)
def test_the_reason_is_that_of_the_rule_and_says_its_step(
    folder: Path, rule: str, clock: str, steps: str, expected: list[str]
) -> None:
    """Case R20: "no event came" was said of an event that an earlier step had muted."""
    assert reasons(folder, steps, rule, clock) == expected
