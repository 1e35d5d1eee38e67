"""What rules would have done about a recording."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from support.backtests import backtest, compare

from router.configuration.load import load
from router.configuration.model import Configuration
from router.offline.backtest import Backtest, Comparison, RuleTally, Tally
from router.offline.backtest_report import as_text, comparison_as_text

RULES = """
destinations: {noc: {capture: {}}, oncall: {capture: {}}}
rules:
  - name: bad
    events: [com.example.call]
    when: data.issues >= 3
    send_to: [noc, oncall]
    summary: "{{ data.issues }} issues"
  - name: quiet
    events: ["*"]
    mode: shadow
    send_to: [noc]
"""


def configuration(folder: Path, rules: str = RULES) -> Configuration:
    folder.mkdir(exist_ok=True)
    (folder / "a.yaml").write_text(rules)
    return load(folder, {})


def line(number: int, issues: object = 3, **attributes: object) -> bytes:
    event = {
        "specversion": "1.0",
        "id": str(number),
        "source": "test",
        "type": "com.example.call",
        "time": f"2026-01-01T00:00:{number:02}Z",
        "data": {"issues": issues},
    }
    return msgspec.json.encode({**event, **attributes}) + b"\n"


def tally(folder: Path, lines: list[bytes], rules: str = RULES) -> Tally:
    here = configuration(folder, rules)
    names = [spec.name for spec in here.destinations]
    return backtest(lines, Backtest(here.rules, names, here.silences))


def test_matches_alerts_and_deliveries_are_counted(tmp_path: Path) -> None:
    found = tally(tmp_path, [line(1), line(2, issues=2), line(3, issues="x"), line(4)])
    assert (found.events, found.first, found.last) == (
        4,
        "2026-01-01T00:00:01Z",
        "2026-01-01T00:00:04Z",
    )
    bad, quiet = found.rules["bad"], found.rules["quiet"]
    assert (bad.matches, bad.alerts, bad.errors) == (2, 2, 1)
    assert (quiet.matches, quiet.alerts, quiet.suppressed) == (4, 0, {"shadow": 4})
    assert found.destinations == {"noc": 2, "oncall": 2}
    assert [(each.event_id, each.at, each.summary) for each in bad.examples] == [
        ("1", "2026-01-01T00:00:01Z", "3 issues"),
        ("4", "2026-01-01T00:00:04Z", "3 issues"),
    ]


def test_a_repeat_counts_once(tmp_path: Path) -> None:
    found = tally(tmp_path, [line(1), line(1), line(1)])
    assert (found.events, found.repeats, found.rules["bad"].alerts) == (3, 2, 1)


def test_a_line_may_hold_several_events(tmp_path: Path) -> None:
    several = b"[" + line(1).strip() + b"," + line(2).strip() + b"]\n"
    assert tally(tmp_path, [several, b"\n"]).events == 2


def test_what_is_no_event_is_told_with_its_line_and_left_out(tmp_path: Path) -> None:
    found = tally(tmp_path, [line(1), b"nonsense\n", b'{"id": "2"}\n', line(3)])
    assert (found.events, found.unreadable) == (2, 2)
    assert [problem.split(":")[0] for problem in found.problems] == ["line 2", "line 3"]


def test_an_event_without_a_time_comes_right_after_the_one_before(tmp_path: Path) -> None:
    found = tally(tmp_path, [line(1), line(2, time=None), line(3, time="yesterday")])
    assert found.without_time == 2
    assert {each.at for each in found.rules["bad"].examples} == {"2026-01-01T00:00:01Z"}


def test_a_late_event_does_not_turn_the_clock_back(tmp_path: Path) -> None:
    found = tally(tmp_path, [line(9), line(1)])
    assert [each.at for each in found.rules["bad"].examples] == ["2026-01-01T00:00:09Z"] * 2
    assert (found.first, found.last) == ("2026-01-01T00:00:01Z", "2026-01-01T00:00:09Z")


def test_examples_say_when_a_message_would_be_sent_and_what_for(tmp_path: Path) -> None:
    rules = """
destinations: {noc: {capture: {}}, oncall: {capture: {}}}
rules:
  - name: down
    events: [down]
    resolve: {events: [up]}
    escalate: {after: 10s, send_to: [oncall]}
    remind: 15s
    summary: down
    send_to: [noc]
"""
    lines = [line(1, type="down"), line(20, type="up")]
    found = tally(tmp_path, lines, rules).rules["down"].examples
    assert [(each.at[17:19], each.summary) for each in found] == [
        ("01", "down"),
        ("11", "Level 1: down"),
        ("16", "Reminder 1: down"),
    ]


def test_a_recording_is_read_as_a_stream(tmp_path: Path) -> None:
    rules = configuration(tmp_path)
    run = Backtest(rules.rules, [])
    ahead = 0

    def lines() -> Iterator[bytes]:
        nonlocal ahead
        for number in range(50):
            ahead = max(ahead, number - run.tally.events)
            yield line(number)

    compare(lines(), run, Backtest(rules.rules, []))
    assert (run.tally.events, ahead) == (50, 0)


# The difference to other rules


@pytest.fixture
def comparison(tmp_path: Path) -> Comparison:
    here = configuration(tmp_path / "here")
    other = (
        RULES.replace(">= 3", ">= 5").replace("name: quiet", "name: new").replace("shadow", "live")
    )
    there = configuration(tmp_path / "there", other)
    lines = [line(1), line(2, issues=5), line(3, issues=0)]
    return compare(lines, Backtest(here.rules, ["noc"]), Backtest(there.rules, ["noc"]))


def test_what_only_one_of_two_folders_tells(comparison: Comparison) -> None:
    changes = comparison.changes
    assert {name: (each.only_here, each.only_there) for name, each in changes.items()} == {
        "bad": (1, 0),
        "new": (0, 3),
    }
    assert [each.event_id for each in changes["bad"].examples_here] == ["1"]


def test_the_same_rules_tell_the_same(tmp_path: Path) -> None:
    rules = configuration(tmp_path).rules
    found = compare([line(1), line(2)], Backtest(rules, []), Backtest(rules, []))
    assert found.changes == {}
    assert "the same alerts go to the same destinations" in comparison_as_text(found, "a", "b")


def test_other_destinations_are_a_difference(tmp_path: Path) -> None:
    here = configuration(tmp_path / "here")
    there = configuration(tmp_path / "there", RULES.replace("[noc, oncall]", "[noc]"))
    found = compare([line(1)], Backtest(here.rules, []), Backtest(there.rules, []))
    assert (found.changes["bad"].only_here, found.changes["bad"].only_there) == (1, 1)


# As people read it


def test_the_report_is_a_table(tmp_path: Path) -> None:
    found = tally(tmp_path, [line(1), line(2, issues="x"), b"x\n"])
    assert as_text(found).splitlines() == [
        "2 events, 2026-01-01T00:00:01Z to 2026-01-01T00:00:02Z",
        "1 unreadable:",
        "  line 3: JSON is malformed: invalid character (byte 0)",
        "",
        "rule   matches   alerts   errors  suppressed",
        "bad          1        1        1",
        "quiet        2        0        0  2 shadow",
        "",
        "destination  deliveries",
        "noc                   1",
        "oncall                1",
        "",
        "bad, for example:",
        "  2026-01-01T00:00:01Z 1 -> noc, oncall: 3 issues",
    ]


def test_the_difference_is_told_by_rule(comparison: Comparison) -> None:
    lines = comparison_as_text(comparison, "here", "there").splitlines()
    assert lines[lines.index("against there:") :][:5] == [
        "against there:",
        "",
        "  bad: 1 alert there, 2 here",
        "  1 by here only, for example:",
        "    2026-01-01T00:00:01Z 1 -> noc, oncall: 3 issues",
    ]


WAITING = """
destinations: {noc: {capture: {}}, oncall: {capture: {}}}
rules:
  - name: awaited
    events: [com.example.call]
    absent: {event: com.example.end, for: 1h, by: [data.issues]}
    send_to: [noc]
  - name: grouped
    events: [com.example.call]
    group: {wait: 10s, interval: 1m}
    send_to: [noc]
  - name: escalates
    events: [com.example.call]
    escalate: [{after: 15m, send_to: [oncall]}, {after: 1h, send_to: [oncall]}]
    send_to: [noc]
"""


def test_what_the_recording_ends_before_is_told(tmp_path: Path) -> None:
    end = line(3, issues=1, type="com.example.end")
    found = tally(tmp_path, [line(1, issues=1), line(2), end, line(4, issues=4)], WAITING)

    assert [
        (each.rule, each.feature, each.alerts, each.first_due, each.last_due, each.send_to)
        for each in found.pending
    ] == [
        ("grouped", "group", 3, "2026-01-01T00:00:11Z", "2026-01-01T00:00:11Z", ("noc",)),
        ("escalates", "escalate", 3, "2026-01-01T00:15:01Z", "2026-01-01T00:15:04Z", ("oncall",)),
        # The first one's end came.
        ("awaited", "absent", 2, "2026-01-01T01:00:02Z", "2026-01-01T01:00:04Z", ("noc",)),
    ]
    assert found.rules["awaited"].alerts == 0
    assert (
        "pending when the recording ends, sent if no further event comes:\n"
        "  grouped: 3 alerts by group, due 2026-01-01T00:00:11Z -> noc\n"
    ) in as_text(found)


def test_what_is_over_is_not_waited_for(tmp_path: Path) -> None:
    flushed = line(1, issues=1, time="2026-01-01T00:00:00Z")
    rules = WAITING.split("  - name: escalates", maxsplit=1)[0]
    found = tally(tmp_path, [flushed, line(30, issues=1, type="com.example.end")], rules)
    assert found.pending == []
    assert "pending when" not in as_text(found)


def test_a_time_at_the_end_of_the_calendar_is_waited_for(tmp_path: Path) -> None:
    found = tally(tmp_path, [line(1, time="9999-12-31T23:59:59Z")], WAITING)
    assert {each.last_due for each in found.pending} == {"9999-12-31T23:59:59Z"}


def test_silences_of_the_folder_hold_in_the_recordings_time(tmp_path: Path) -> None:
    silences = """
silences:
  - {match: {rule: bad}, ends: "2026-01-01T00:00:02Z", author: ann, comment: works}
"""
    bad = tally(tmp_path, [line(1), line(2)], RULES + silences).rules["bad"]
    assert (bad.alerts, bad.suppressed) == (1, {"silenced": 1})


def test_a_state_without_room_is_reported() -> None:
    tally = Tally(
        rules={
            "full": RuleTally(used_ratio=1.0, overflowed=3),
            "nearly": RuleTally(used_ratio=0.85),
            "roomy": RuleTally(),
        }
    )

    lines = as_text(tally).splitlines()

    assert "full: its state was full, and had no room for 3 events" in lines
    assert "nearly: its state was 85% full" in lines
    assert not any(line.startswith("roomy:") for line in lines)
