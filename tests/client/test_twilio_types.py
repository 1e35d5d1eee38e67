"""The choice of event types: by name, by pattern, by the number of a group."""

import pytest

from router.client.twilio_resources import TwilioEventType
from router.client.twilio_types import choose_types, patterns_of, type_groups
from router.errors import ConfigurationError

TYPES = [
    TwilioEventType(type=name, status=status)
    for name, status in (
        ("com.twilio.voice.insights.call-summary.complete", "available"),
        ("com.twilio.voice.insights.call-event.gateway", None),
        ("com.twilio.voice.insights.call-event.old", "deprecated"),
        ("com.twilio.messaging.message.sent", "available"),
        ("com.twilio.messaging.secret.sent", "restricted"),
        ("com.twilio.studio.flow.step.ended", "discontinued"),
    )
]


@pytest.mark.parametrize(
    ("patterns", "chosen", "left_out"),
    [
        (["com.twilio.voice.insights.*"], ["complete", "gateway"], ["old"]),
        (["com.twilio.messaging.message.sent"], ["sent"], []),
        (["*complete", "*complete"], ["complete"], []),
        (["com.twilio.voice.insights.call-event.old"], ["old"], []),
        (
            ["*.old", "com.twilio.voice.insights.call-event.old", "*.sent"],
            ["old", "sent"],
            ["sent"],
        ),
        (["*.call-[es]*.[cg]*"], ["complete", "gateway"], []),
    ],
)
def test_types_are_chosen(patterns: list[str], chosen: list[str], left_out: list[str]) -> None:
    found = choose_types(TYPES, patterns)

    assert [each.type.rpartition(".")[2] for each in found.types] == chosen
    assert [each.type.rpartition(".")[2] for each in found.left_out] == left_out


@pytest.mark.parametrize(
    ("patterns", "reason"),
    [
        (["com.twilio.messaging.message.send"], 'did you mean "com.twilio.messaging.message.sent"'),
        (["*complete", "com.example.*"], "'com.example.*' matches no event type"),
        (["com.twilio.studio.flow.step.ended"], "Twilio has discontinued this event type"),
        (["com.twilio.studio.*"], r"must be named in full.*ended \(discontinued\)"),
        (["COM.TWILIO.*"], "matches no event type"),
    ],
)
def test_what_cannot_be_chosen_is_said(patterns: list[str], reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        choose_types(TYPES, patterns)


def test_types_are_offered_by_group() -> None:
    groups = type_groups([*TYPES, TwilioEventType(type="com.twilio.thing")])

    assert groups == {
        "com.twilio.messaging": 1,
        "com.twilio.thing": 1,
        "com.twilio.voice.insights": 2,
    }


@pytest.mark.parametrize(
    ("answer", "patterns"),
    [
        ("1", ("com.a.*",)),
        ("2, com.c.d", ("com.b.*", "com.c.d")),
        (" 1 2,,", ("com.a.*", "com.b.*")),
        ("", ()),
    ],
)
def test_an_answer_has_numbers_and_patterns(answer: str, patterns: tuple[str, ...]) -> None:
    assert patterns_of(answer, ["com.a", "com.b"]) == patterns


@pytest.mark.parametrize("answer", ["0", "3", "1 99999999999999999999999"])
def test_a_number_without_a_group_is_rejected(answer: str) -> None:
    with pytest.raises(ConfigurationError, match="write 1 to 2"):
        patterns_of(answer, ["com.a", "com.b"])
