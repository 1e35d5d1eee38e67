"""The life of an alert in words, the same for all kinds."""

import math
import re
from pathlib import Path

import msgspec
import pytest

from router.alerts import Alert, AlertStatus
from router.destinations.rendering.life import REASONS, beginning, ending, span_words, suppressed
from router.destinations.rendering.notes import message_title, title

RULES = Path(__file__).parents[3] / "docs" / "reference" / "rules.md"
AROSE = 1_700_000_000.0
"""2023-11-14 22:13:20 UTC."""


def changed(alert: Alert, **values: object) -> Alert:
    return msgspec.structs.replace(alert, raised_at=AROSE, **values)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.9, ""),
        (1, "1 s"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (3601, "1 h"),
        (7800, "2 h 10 min"),
        (86_400 + 59, "1 d"),
        (3 * 86_400 + 4 * 3600 + 5, "3 d 4 h"),
        (-5, ""),
        (math.nan, ""),
        (math.inf, ""),
    ],
)
def test_a_span_has_two_units_at_most(seconds: float, words: str) -> None:
    assert span_words(seconds) == words


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({}, ""),
        ({"since": AROSE}, "Since 2023-11-14 22:13:20 UTC."),
        ({"since": AROSE + 60}, "Since 2023-11-14 22:14:20 UTC."),
        (
            {"since": AROSE - 7800},
            "Since 2023-11-14 20:03:20 UTC (2 h 10 min ago at 22:13:20 UTC).",
        ),
        (
            {"since": AROSE - 90_000},
            "Since 2023-11-13 21:13:20 UTC (1 d 1 h ago at 2023-11-14 22:13:20 UTC).",
        ),
        ({"reminder": 2}, "Still firing: reminder 2."),
        (
            {"reminder": 2, "since": AROSE - 60},
            "Still firing: reminder 2, since 2023-11-14 22:12:20 UTC (1 min ago at 22:13:20 UTC).",
        ),
        ({"since": math.nan}, "Since 1970-01-01 00:00:00 UTC."),
        ({"since": 1e300}, "Since 9999-12-31 23:59:59 UTC."),
    ],
)
def test_since_when_it_fires(values: dict[str, object], sentence: str, alert: Alert) -> None:
    assert beginning(changed(alert, **values)) == sentence


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({}, ""),
        ({"held_because": ("muted",)}, "It was suppressed until now: at a mute time."),
        (
            {"held_because": ("muted", "inhibited"), "held_back": 1},
            (
                "1 more alert was suppressed since the last message:"
                " at a mute time, while another rule fired."
            ),
        ),
        ({"held_because": ("new\nreason",)}, "It was suppressed until now: new reason."),
    ],
)
def test_what_was_suppressed_and_why(
    values: dict[str, object], sentence: str, alert: Alert
) -> None:
    assert suppressed(changed(alert, **values)) == sentence


@pytest.mark.parametrize(
    ("since", "sentence"),
    [
        (0.0, "Resolved. It was an alert of severity warning."),
        (
            AROSE - 7800,
            (
                "Resolved after 2 h 10 min. It was an alert of severity warning,"
                " since 2023-11-14 20:03:20 UTC."
            ),
        ),
        (
            AROSE + 1,
            "Resolved. It was an alert of severity warning, since 2023-11-14 22:13:21 UTC.",
        ),
    ],
)
def test_how_long_it_lasted(since: float, sentence: str, alert: Alert) -> None:
    assert ending(changed(alert, since=since, status=AlertStatus.RESOLVED)) == sentence


def test_a_reminder_is_one_only_while_it_fires(alert: Alert) -> None:
    again = changed(alert, reminder=2)
    over = changed(alert, reminder=2, status=AlertStatus.RESOLVED)
    assert title(again) == f"Still firing: {alert.rule}"
    assert message_title(again, "x") == "[WARNING] Reminder 2: x"
    assert title(over) == f"Resolved: {alert.rule}"
    assert message_title(over, "x") == "[RESOLVED] x"


def test_each_documented_reason_for_which_an_alert_is_told_later_has_words() -> None:
    """``resolved`` is for alerts that are over before they are told."""
    table = RULES.read_text().split("| step | reason | |")[1].split("\n\n")[0]
    rows = re.findall(r"^\|.*\| `(\w+)` \|.*\|$", table, re.MULTILINE)
    assert {"muted", "silenced"} <= set(rows)
    assert set(rows) - {"resolved"} <= set(REASONS)
