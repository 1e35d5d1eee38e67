"""What of an expression is not checked although its events are documented."""

import pytest

from router.cel import compile_condition
from router.rules.unchecked_fields import unchecked_fields

PARTICIPANT = "com.twilio.voice.insights.conference-participant-summary.complete"


@pytest.mark.parametrize(
    ("event", "condition", "unchecked"),
    [
        (PARTICIPANT, "data.metrics.inbound.mos < 3.5", ("data.metrics.inbound.mos",)),
        (PARTICIPANT, "data.metrics.inbound.mos.avg < 3.5", ("data.metrics.inbound.mos",)),
        (PARTICIPANT, "data.metrics.inbound.jitter.avg > 30", ()),
        (PARTICIPANT, "event.tenant == 'a' && data['new_field'] == 1", ()),
        ("com.example.trunk.down", "data.x == 1", ()),
        (
            "com.twilio.voice.insights.call-summary.*",
            "size(data.carrier_edge.events) > 0 || data.sdk_edge.properties.settings.x == 1",
            ("data.carrier_edge.events", "data.sdk_edge.properties.settings"),
        ),
        (
            "com.twilio.voice.status-callback.call.completed",
            "data.request.parameters.CallStatus == 'busy'",
            ("data.request.parameters.CallStatus",),
        ),
    ],
)
def test_fields_of_unknown_shape_are_found(
    event: str, condition: str, unchecked: tuple[str, ...]
) -> None:
    assert unchecked_fields(compile_condition(condition), [event]) == unchecked
