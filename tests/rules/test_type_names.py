"""Event types that are probably misspelt."""

import pytest

from router.cel import compile_condition
from router.events.schemas import SCHEMAS
from router.rules.type_names import misspelling, misspelt_comparisons

INSIGHTS = "com.twilio.voice.insights"
CONFERENCE = f"{INSIGHTS}.conference-summary.complete"


@pytest.mark.parametrize(
    ("pattern", "meant"),
    [
        (f"{INSIGHTS}.conference-sumary.complete", CONFERENCE),
        (f"{INSIGHTS}.conference-summary.completed", CONFERENCE),
        (f"{INSIGHTS}.Conference-Summary.Complete", CONFERENCE),
        (f"{INSIGHTS}.conference_summary.complete", CONFERENCE),
        (f"{INSIGHTS}.conference.summary.complete", CONFERENCE),
        ("com.twillio.voice.insight.conference-summary.complete", CONFERENCE),
        ("conference-summary.complete", CONFERENCE),
        ("voice.insights.conference-summary.complete", CONFERENCE),
        (f"{INSIGHTS}.conference-summary", f"{INSIGHTS}.conference-summary.*"),
        ("com.twilio.voice.insight.*", f"{INSIGHTS}.*"),
        ("com.twilio.voice.insight.conference-summary.*", f"{INSIGHTS}.conference-summary.*"),
        (f"{INSIGHTS}.conference-sumary*", f"{INSIGHTS}.conference-summary.*"),
        ("conference-summary.*", f"{INSIGHTS}.conference-summary.*"),
        ("insights.conference-summary*", f"{INSIGHTS}.conference-summary.*"),
    ],
)
def test_a_type_that_is_nearly_known_has_a_suggestion(pattern: str, meant: str) -> None:
    """Case R16."""
    assert misspelling(pattern) == f'did you mean "{meant}"?'


@pytest.mark.parametrize(
    "pattern",
    [
        "com.twilio.insights.conference-summary.complete",
        "com.twilio.conference-summary.complete",
        "com.twilio.video.insights.conference-summary.complete",
        "com.twilio.voice.Conference-Summary.Complete",
    ],
)
def test_a_twilio_type_with_other_segments_in_between_has_a_suggestion(pattern: str) -> None:
    """Case R16."""
    assert misspelling(pattern) == f'did you mean "{CONFERENCE}"?'


def test_an_unknown_end_of_a_known_beginning_lists_the_ends() -> None:
    """Case R16."""
    assert misspelling(f"{INSIGHTS}.conference-summary.done") == (
        f"there are {INSIGHTS}.conference-summary.partial, {CONFERENCE}"
    )


@pytest.mark.parametrize("pattern", [*SCHEMAS, *(f"{known[:-3]}*" for known in SCHEMAS)])
def test_a_known_type_is_not_suspected(pattern: str) -> None:
    assert misspelling(pattern) is None


@pytest.mark.parametrize(
    "pattern",
    [
        *("*", "com.*", "com.twilio.*", "com.twilio.voice.*", f"{INSIGHTS}.*"),
        *("complete", "heartbeat", "door.opened", "com.example.trunk.down", "com.example.*"),
        "com.twilio.eventstreams.test-event",
        "com.twilio.messaging.message.delivered",
        "com.twilio.voice.status-callback.call.completed",
        "com.example.conference-summary.complete",
        "x" * 300,
    ],
)
def test_a_type_of_another_sender_is_not_suspected(pattern: str) -> None:
    assert misspelling(pattern) is None


@pytest.mark.parametrize(
    ("source", "suspected"),
    [
        (f'event.type == "{INSIGHTS}.call-sumary.complete"', ["call-sumary"]),
        (f'"{INSIGHTS}.call-sumary.complete" != event.type', ["call-sumary"]),
        (f'event.type in ["com.example.a", "{INSIGHTS}.call-sumary.complete"]', ["call-sumary"]),
        (f'event.type == "{CONFERENCE}" || event.type == "com.example.a"', []),
        (f'data.kind == "{INSIGHTS}.call-sumary.complete"', []),
        ("event.type == data.other", []),
    ],
)
def test_types_in_conditions_are_suspected_too(source: str, suspected: list[str]) -> None:
    """Case R16."""
    found = misspelt_comparisons(compile_condition(source).tree)

    assert all(problem.is_warning for problem in found)
    assert [source[each.offset :][: each.length].split(".")[-2] for each in found] == suspected
