"""What explain says of the features that count, wait for others and remember values."""

from pathlib import Path
from typing import Any

import pytest

from router.configuration.load import load
from router.rules.describe import describe_ending, describe_state

FOLDER = """
destinations: {{noc: {{capture: {{}}}}}}
rules:
  - name: rule
    events: [a]
    {feature}
    send_to: [noc]
"""


def content(**data: Any) -> dict[str, Any]:
    return {"specversion": "1.0", "id": "1", "source": "s", "type": "a", "data": data}


@pytest.mark.parametrize(
    ("feature", "sentences"),
    [
        (
            "count: {at_least: 5, distinct: data.x, within: 10m, by: [data.k]}",
            ['counts data.x="v" towards at_least 5 different values within 10m by data.k="k"'],
        ),
        (
            "count: {at_least: 5, distinct: data.none, within: 10m}",
            ["is not counted, because it has no value for distinct"],
        ),
        (
            "count: {at_least: 5, within: 10m, keep: 3}",
            ["counts towards at_least 5 within 10m", "the alert shows up to 3 of the events"],
        ),
        (
            "count: {at_least: 5, in_a_row: true, broken_by: {events: [b]}}",
            ["counts towards at_least 5 in a row within 7d"],
        ),
        (
            "first_seen: {by: [data.x], forget: 30d, learn: 7d}",
            ['alerts if it is the first in 30d by data.x="v", but not in the first 7d'],
        ),
        (
            "follows: {event: b, within: 10m, by: [data.k], at_least: 3}",
            ['alerts if it follows 3 b within 10m by data.k="k"'],
        ),
        (
            "follows: {event: b, within: 10m, by: [data.none]}",
            ["follows nothing, because a value is missing by data.none=null"],
        ),
    ],
)
def test_a_match_is_described(tmp_path: Path, feature: str, sentences: list[str]) -> None:
    (tmp_path / "rules.yaml").write_text(FOLDER.format(feature=feature))
    (rule,) = load(tmp_path, {}).rules.rules

    assert list(describe_state(rule, content(x="v", k="k"))) == sentences


@pytest.mark.parametrize(
    ("feature", "sentence"),
    [
        (
            "count: {at_least: 5, in_a_row: true, broken_by: {events: [b]}, by: [data.k]}",
            'rule: it breaks what is in a row by data.k="k"',
        ),
        (
            "follows: {event: b, within: 10m, by: [data.k]}",
            'rule: its own events may follow this one by data.k="k"',
        ),
    ],
)
def test_an_event_that_is_watched_is_described(tmp_path: Path, feature: str, sentence: str) -> None:
    (tmp_path / "rules.yaml").write_text(FOLDER.format(feature=feature))
    (rule,) = load(tmp_path, {}).rules.rules

    (watch,) = [watch for watch in rule.watches if watch.ends is not None]

    assert (watch.events, describe_ending(watch, content(k="k"))) == (("b",), sentence)


def test_the_place_in_a_list_is_described(tmp_path: Path) -> None:
    rules = "".join(f"  - {{name: {name}, events: [a], send_to: [noc]}}\n" for name in "abc")
    text = f"destinations: {{noc: {{capture: {{}}}}}}\nrules:\n{rules}first_of: [c, a, b]\n"
    (tmp_path / "rules.yaml").write_text(text)

    described = [list(describe_state(each, content())) for each in load(tmp_path, {}).rules.rules]

    assert described == [
        ["is suppressed if c raises an alert of this event"],
        ["is suppressed if c or a raises an alert of this event"],
        [],
    ]
