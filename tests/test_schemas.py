"""The Structs are what Twilio documents, and only describe."""

import msgspec
import pytest

from router.schemas import SCHEMAS, ConferenceSummary, departure

COMPLETE = "com.twilio.voice.insights.conference-summary.complete"


@pytest.fixture
def data(sample: bytes) -> dict[str, object]:
    content: dict[str, object] = msgspec.json.decode(sample)["data"]
    return content


def test_the_documented_example_is_a_conference_summary(data: dict[str, object]) -> None:
    summary = msgspec.convert(data, ConferenceSummary)

    assert summary.status == "completed"
    assert summary.detected_issues is not None
    assert summary.detected_issues.call_quality == 5
    assert msgspec.to_builtins(summary) == data


@pytest.mark.parametrize("member", ["duplicate_identity", "start_failure"])
def test_tag_info_may_lack_either_member(data: dict[str, object], member: str) -> None:
    tag_info = dict(data["tag_info"])  # type: ignore[call-overload]
    del tag_info[member]

    assert departure(COMPLETE, {**data, "tag_info": tag_info}) is None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"status": "sumary_timeout"}, "Invalid enum value 'sumary_timeout' - at `$.status`"),
        ({"duration_seconds": "3600"}, "Expected `int | null`, got `str`"),
        ({"tags": "silent"}, "Expected `array`, got `str` - at `$.tags`"),
        ({"detected_issues": {"call_quality": 1.5}}, "at `$.detected_issues.call_quality`"),
    ],
)
def test_a_departure_says_where(
    data: dict[str, object], change: dict[str, object], expected: str
) -> None:
    assert expected in str(departure(COMPLETE, {**data, **change}))


def test_fields_that_twilio_adds_are_no_departure(data: dict[str, object]) -> None:
    assert departure(COMPLETE, {**data, "new_field": 1}) is None


def test_null_stands_for_what_does_not_apply(data: dict[str, object]) -> None:
    assert departure(COMPLETE, {**data, "ended_by": None, "detected_issues": None}) is None


def test_other_types_are_not_judged() -> None:
    assert departure("com.example.other", 5) is None


def test_both_kinds_of_summary_are_known() -> None:
    assert {name.rsplit(".", 1)[1] for name in SCHEMAS} == {"partial", "complete"}
