"""The keys of rules that measure: what is wrong, where, and what would be right."""

import pytest
from support.documents import parse, problems

from router.configuration.readers.features import MuteTimes
from router.configuration.readers.routes import SendToScope
from router.configuration.readers.rules import RuleReader
from router.rules.model import Rule

CALL = "com.twilio.voice.insights.call-summary.complete"
CHOICE = "sum, avg, min, max, p50, p90, p95, p99, stddev"
SHARE = "expected a share from 0% to 100% such as 5% or 0.05"


def read(keys: str, event: str = "a") -> tuple[Rule | None, list[str]]:
    document, root = parse(f"{{name: r, events: [{event}], send_to: [noc],\n{keys}}}\n")
    reader = RuleReader(document, SendToScope({"noc"}, {}), None, MuteTimes())
    return reader.read(root), problems(document)


def ratio(keys: str, of: str = 'data["x"] == 1') -> str:
    return f"ratio: {{of: '{of}', min_events: 5, within: 10m, {keys}}}"


def measure(keys: str, value: str = 'data["x"]') -> str:
    return f"measure: {{value: '{value}', within: 10m, {keys}}}"


@pytest.mark.parametrize(
    ("written", "share"),
    [
        ("5%", 0.05),
        ("'5%'", 0.05),
        ("0.05", 0.05),
        ("5 %", 0.05),
        ("0.7%", 0.007),
        ("7%", 0.07),
        ("100%", 1),
        ("1", 1),
        ("33.3%", 0.333),
    ],
)
def test_a_share_is_a_percentage_or_a_number(written: str, share: float) -> None:
    """Mutant: 0.7 / 100 is not the double of 0.007."""
    rule, reported = read(ratio(f"at_least: {written}"))

    assert reported == []
    assert rule is not None
    (feature, *_) = rule.features.all
    assert feature.text.at_least == share


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        (ratio("at_least: 5"), f"at_least: {SHARE}, found the number 5 (write 5%)"),
        (ratio("at_least: 105%"), f'at_least: {SHARE}, found "105%"'),
        (ratio("at_least: '%'"), f'at_least: {SHARE}, found "%"'),
        (ratio("at_least: five"), f'at_least: {SHARE}, found "five"'),
        (ratio("at_least: true"), f"at_least: {SHARE}, found true"),
        (ratio("at_most: -0.1"), f"at_most: {SHARE}, found the number -0.1"),
        (ratio("at_least: 0%"), "at_least: a share is always at least 0, write for example 5%"),
        (ratio("at_most: 100%"), "at_most: a share is always at most 100%, write for example 95%"),
        (ratio("by: [data.call_sid]"), "ratio needs one threshold, either at_least or at_most"),
        (
            ratio("at_least: 5%, at_most: 1%"),
            "ratio needs one threshold, either at_least or at_most",
        ),
        (
            "ratio: {of: data.duration == 1, at_least: 5%, within: 10m}",
            'ratio needs "min_events"',
        ),
        (
            "ratio: {of: data.duration == 1, at_least: 5%, within: 10m, min_events: 0}",
            "min_events is 0, expected 1 to 1000000",
        ),
        (
            ratio("at_least: 5%", of="data.x + 1"),
            "a condition must be true or false (compare it with something)",
        ),
        (ratio("at_least: 5%", of="data.x =="), "expected a value, found the end"),
        (
            ratio("at_least: 5%", of="data.duration"),
            "data.duration is a number, not true or false (compare it with something)",
        ),
        (
            ratio("at_least: 5%", of='data.call_state == "failed"'),
            'data.call_state is never "failed" (did you mean "fail"? (data["call_state"] is not checked))',
        ),
        (measure("avg: {above: 3}", "data.call_state"), "data.call_state is text, not a number"),
        (
            measure("avg: {above: 3}", "data.duration > 3"),
            "data.duration > 3 is a bool, not a number",
        ),
        (
            measure("avg: {above: 3}", "data.duratio"),
            'data has no field "duratio" (did you mean "duration"? (data["duratio"] is not checked))',
        ),
        (
            measure("min_events: 2"),
            f"measure needs one of {CHOICE}, such as avg: {{above: 30}}; it has none",
        ),
        (
            measure("avg: {above: 3}, p95: {above: 3}"),
            f"measure needs one of {CHOICE}, such as avg: {{above: 30}}; it has avg and p95",
        ),
        (
            measure("avg: 30"),
            "avg: expected a map of keys and values, found the number 30 (write avg: {above: 30})",
        ),
        (
            measure("avg: {above: 3, below: 2}"),
            "a threshold is either above or below a number: {above: 30}",
        ),
        (measure("avg: {}"), "a threshold is either above or below a number: {above: 30}"),
        (measure("avg: {above: 30ms}"), 'above: expected a number, found "30ms"'),
        (measure("p97: {above: 3}"), 'unknown key "p97" in measure (did you mean "p99"?)'),
        (
            "spike: {times: 1, within: 15m, min_events: 100}",
            "times must be more than 1 and at most 1000000",
        ),
        (
            "spike: {times: 3, within: 15m, min_events: 100}, count: {at_least: 3, within: 5m}",
            "a rule cannot have both count and spike (make it two rules)",
        ),
        (
            f"{ratio('at_least: 5%')}, {measure('avg: {above: 3}')}",
            "a rule cannot have both ratio and measure (make it two rules)",
        ),
        (
            f"{ratio('at_least: 5%')}, absent: {{event: b, for: 5m}}",
            "a rule cannot have both absent and ratio (make it two rules)",
        ),
        (
            f"{measure('avg: {above: 3}')}, spike: {{times: 3, within: 15m, min_events: 100}}",
            "a rule cannot have both measure and spike (make it two rules)",
        ),
        (
            ratio("at_least: 5%, back: 6%"),
            "back is beyond the threshold: no share would ever be back",
        ),
        (
            ratio("at_most: 90%, back: 80%"),
            "back is beyond the threshold: no share would ever be back",
        ),
        (
            measure("avg: {above: 30, back: 31}"),
            "back is beyond the threshold: no number would ever be back",
        ),
        (
            "spike: {times: 3, within: 15m, min_events: 100, back: 4}",
            "back is more than 0 and at most times",
        ),
        (
            "count: {at_least: 3, within: 5m}, resolve: {back: true}",
            (
                "back: the rule measures nothing, it has none of ratio, measure, spike"
                " (write the events that resolve it: events: […])"
            ),
        ),
        (
            f"{ratio('at_least: 5%')}, resolve: {{back: true, by: [data.call_sid]}}",
            "by: an alert that is resolved when it is back has the by of ratio (remove it)",
        ),
        (
            f"{ratio('at_least: 5%')}, resolve: {{within: 1h}}",
            'resolve needs "events", or "back: true" in a rule that measures',
        ),
        (
            f"{ratio('at_least: 5%')}, resolve: {{back: true, events: [b]}}",
            'resolve needs "events", or "back: true" in a rule that measures',
        ),
    ],
)
def test_what_is_wrong_is_said_with_what_would_be_right(keys: str, problem: str) -> None:
    _, reported = read(keys, CALL)

    assert [each.partition(" ")[2] for each in reported] == [problem]
    assert all(each.startswith("2:") for each in reported)


def test_names_of_let_can_be_measured() -> None:
    rule, reported = read(
        f"let: {{ms: data.metrics.jitter}}, {measure('avg: {above: 30}, by: [ms]', 'ms * 2')}"
    )

    assert reported == []
    assert rule is not None
