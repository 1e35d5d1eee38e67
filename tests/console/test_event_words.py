"""Short forms of what pages say of events."""

import pytest

from router.api.event_views import ConditionPartView, PartResult
from router.console.event_words import part_values, short_type


@pytest.mark.parametrize(
    ("event_type", "shown"),
    [
        ("com.twilio.voice.insights.call-summary.complete", "call-summary.complete"),
        ("com.twilio.messaging.sent", "messaging.sent"),
        ("com.twilio.", "com.twilio."),
        ("com.example.order", "com.example.order"),
        ("x" * 60, f"{'x' * 32}…{'x' * 15}"),
    ],
)
def test_a_type_is_shown_without_its_family(event_type: str, shown: str) -> None:
    assert short_type(event_type) == shown


@pytest.mark.parametrize(
    ("text", "values", "result", "shown"),
    [
        ("data.a >= 3", "data.a = 2", PartResult.FALSE, "2"),
        ("data.a >= data.b", "data.a = 2, data.b = 3", PartResult.FALSE, "data.a = 2, data.b = 3"),
        ('data.a == "x = y"', 'data.a = "x = y"', PartResult.TRUE, 'data.a = "x = y"'),
        ("data.a.b == 1", "data.a.b = nothing", PartResult.NOTHING, "data.a.b = nothing"),
        ("is_late", "data.duration = 7", PartResult.TRUE, "data.duration = 7"),
        ("true", "", PartResult.TRUE, ""),
    ],
)
def test_a_single_value_needs_no_name(
    text: str, values: str, result: PartResult, shown: str
) -> None:
    part = ConditionPartView(text=text, result=result, values=values, decides=False)

    assert part_values(part) == shown
