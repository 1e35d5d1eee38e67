"""Rules that measure, in memory: the examples of the guide, and what a rule test says of them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from support.backtests import backtest
from support.world import event

from router.configuration.load import load
from router.offline.backtest import Backtest
from router.offline.backtest_report import as_text
from router.offline.simulation import Simulation
from router.rules.describe import describe_state
from router.rules.index.rule_set import RuleSet

GUIDE = (Path(__file__).parents[2] / "docs" / "reference" / "rules.md").read_text("utf-8")
PLACES = "destinations: {voice-oncall: {capture: {}}, noc-mail: {capture: {}}}\n"
CALL = "com.twilio.voice.insights.call-summary.complete"
START = 1_700_000_000.0


def rules_of(folder: Path, key: str) -> RuleSet:
    """The example in the section of a feature."""
    example = GUIDE.split(f"\n### `{key}`\n")[1].split("```yaml\n")[1].split("```")[0]
    (folder / "places.yaml").write_text(PLACES)
    (folder / "example.yaml").write_text(example)
    return load(folder, {}).rules


def told(rules: RuleSet, events: Iterable[tuple[float, str, dict[str, Any]]]) -> list[str]:
    """Send events, each at its second; return what was measured for each alert."""
    simulation = Simulation(rules, now=START)
    found = []
    for number, (second, kind, data) in enumerate(events):
        now = START + second
        outcome = simulation.receive(event(str(number), now, type=kind, **data), now=now)
        found += [sent.alert.measure.text for sent in outcome.sent if sent.alert.measure]
    return found


def test_the_example_of_a_share_tells_of_failed_calls(tmp_path: Path) -> None:
    calls = [(number, CALL, {"call_state": "completed"}) for number in range(95)]
    calls += [(100, CALL, {"call_state": "canceled"})] * 50
    calls += [(101, CALL, {"call_state": "fail"})] * 9

    assert told(rules_of(tmp_path, "ratio"), calls) == ["5 of 100 in the last 10m, 5.0 %"]


def test_the_example_of_an_average_tells_of_jitter(tmp_path: Path) -> None:
    def call(jitter: float) -> dict[str, Any]:
        metrics = {"inbound": {"jitter": {"avg": jitter}}}
        return {"to": {"carrier": "x"}, "carrier_edge": {"metrics": metrics}}

    calls = [(number, CALL, call(25 + number)) for number in range(30)]

    assert told(rules_of(tmp_path, "measure"), calls) == ["avg 34.5 of 20 events in the last 5m"]


def test_the_example_of_a_spike_tells_of_many_errors(tmp_path: Path) -> None:
    kind = "com.twilio.error.logged"
    errors = [(number * 9, kind, {"account_sid": "AC1"}) for number in range(301)]
    errors += [(2701 + number, kind, {"account_sid": "AC1"}) for number in range(300)]

    (text,) = told(rules_of(tmp_path, "spike"), errors)

    assert text.endswith(", 3 times as many")


def test_a_backtest_shows_what_was_measured(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, "ratio")
    lines = [
        event(str(number), START, type=CALL, time="2026-01-01T00:00:00Z", call_state="fail").body
        for number in range(60)
    ]

    text = as_text(backtest(lines, Backtest(rules, ["voice-oncall"])))

    assert "Calls fail: 50 of 50 in the last 10m, 100.0 %" in text


@pytest.mark.parametrize(
    ("key", "data", "sentence"),
    [
        (
            "ratio",
            {"call_state": "fail"},
            "is of the share that notifies at least 5% of 50 events or more within 10m",
        ),
        (
            "ratio",
            {"call_state": "completed"},
            "is not of the share that notifies at least 5% of 50 events or more within 10m",
        ),
        ("measure", {}, "no number, is not measured towards avg above 30 within 5m"),
    ],
)
def test_explain_says_what_the_event_adds(
    tmp_path: Path, key: str, data: dict[str, Any], sentence: str
) -> None:
    rules = rules_of(tmp_path, key)

    (found,) = describe_state(rules.rules[0], {"type": CALL, "data": data})

    assert found.startswith(sentence)
