"""The message of a rule with a threshold, before any event was measured."""

from pathlib import Path

import msgspec
import pytest

from router.alerts import Alert
from router.configuration.load import load
from router.events.decode import decode_strictly
from router.offline.preview import sample_delivery

EVENT = {"specversion": "1.0", "type": "a", "source": "s", "id": "1", "data": {}}


def previewed(folder: Path, feature: str) -> Alert:
    """Return the alert of a preview of a rule with a feature."""
    (folder / "rules.yaml").write_text(
        f"""
destinations: {{noc: {{http: {{url: http://127.0.0.1:1/}}}}}}
rules: [{{name: r, events: [a], send_to: [noc], {feature}}}]
"""
    )
    (rule,) = load(folder, {}).rules.rules
    (event,) = decode_strictly(msgspec.json.encode(EVENT), received_at=0.0, max_events=1)
    return sample_delivery(rule, event, "noc", now=0.0).alert


@pytest.mark.parametrize(
    ("feature", "text"),
    [
        (
            "ratio: {of: data.bad, at_least: 7%, min_events: 20, within: 15m}",
            "2 of 20 in the last 15m, 10.0 %",
        ),
        (
            "ratio: {of: data.good, at_most: 50%, min_events: 5, within: 1h}",
            "2 of 5 in the last 1h, 40.0 %",
        ),
        (
            "measure: {value: data.ms, p95: {above: 30}, min_events: 40, within: 1h}",
            "p95 30 of 40 events in the last 1h",
        ),
        (
            "spike: {times: 3, min_events: 10, within: 5m}",
            "10 in the last 5m, 3 in the 5m before, 3.3333 times as many",
        ),
    ],
)
def test_a_preview_has_the_figures_at_which_the_rule_notifies(
    feature: str, text: str, tmp_path: Path
) -> None:
    measured = previewed(tmp_path, feature).measure

    assert measured is not None
    assert measured.text == text


def test_a_preview_of_a_rule_that_counts_has_its_count(tmp_path: Path) -> None:
    assert previewed(tmp_path, "count: {at_least: 25, within: 15m}").count == 25


def test_a_preview_of_a_rule_without_a_threshold_is_about_one_event(tmp_path: Path) -> None:
    alert = previewed(tmp_path, "severity: info")

    assert (alert.count, alert.measure) == (1, None)
