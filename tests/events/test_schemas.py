"""The Structs agree with Twilio's documentation and reject no event."""

import msgspec
import pytest

from router.events.schemas import SCHEMAS, schema_violation, without_value
from router.events.schemas.conference import ConferenceSummary

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

    assert schema_violation(COMPLETE, {**data, "tag_info": tag_info}) is None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"status": "sumary_timeout"}, "Invalid enum value 'sumary_timeout' - at `$.status`"),
        ({"duration_seconds": "3600"}, "Expected `int | null`, got `str`"),
        ({"tags": "silent"}, "Expected `array`, got `str` - at `$.tags`"),
        ({"detected_issues": {"call_quality": 1.5}}, "at `$.detected_issues.call_quality`"),
    ],
)
def test_a_violation_has_its_path(
    data: dict[str, object], change: dict[str, object], expected: str
) -> None:
    assert expected in str(schema_violation(COMPLETE, {**data, **change}))


def test_fields_that_twilio_adds_are_no_violation(data: dict[str, object]) -> None:
    assert schema_violation(COMPLETE, {**data, "new_field": 1}) is None


def test_null_means_that_a_field_does_not_apply(data: dict[str, object]) -> None:
    assert schema_violation(COMPLETE, {**data, "ended_by": None, "detected_issues": None}) is None


def test_other_types_have_no_schema() -> None:
    assert schema_violation("com.example.other", 5) is None


# The data of Twilio's documented examples, shortened where they repeat themselves.
CALL_SUMMARY = {
    "call_sid": "CA0000000000000000000000000000001",
    "account_sid": "AC0000000000000000000000000000001",
    "parent_call_sid": "",
    "created_time": "2023-01-01T00:00:00Z",
    "duration": 120,
    "connect_duration": 115,
    "call_type": "carrier",
    "call_state": "completed",
    "from": {
        "caller": "+18089490189",
        "callee": "+1234567890",
        "connection": "pstn",
        "location": {"lat": 40.83885, "lon": -74.0456829},
        "sdk": {"type": "voice-ios", "version": "5.7.2", "browser": {"name": "Chrome"}},
    },
    "to": {"callee": "client:SOMECLIENT", "location": None, "sdk": None},
    "processing_state": "partial",
    "processing_version": 1,
    "sip_edge": None,
    "carrier_edge": {
        "metrics": {
            "inbound": {"codec_name": "pcmu", "packets_lost": 3, "jitter": {"avg": 1, "max": 9.5}}
        },
        "properties": {"media_region": "us1", "direction": "inbound"},
    },
    "tags": [],
    "attributes": None,
    "properties": {"pdd_ms": 0, "direction": "outbound_api", "disconnected_by": "callee"},
    "trust": {"verified_caller": {"verified": True}},
}
CALL_EVENT = {
    "timestamp": "2021-05-24T14:15:22Z",
    "call_sid": "CA0000000000000000000000000000001",
    "account_sid": "AC0000000000000000000000000000001",
    "edge": "ashburn",
    "name": "call.connected",
    "group": "call",
    "level": "UNKNOWN",
    "carrier_edge": {"metadata": {"region": "us1", "twilio_ip": "172.0.0.130"}},
    "sdk_edge": {
        "error": {"code": 31600, "message": "Call failed due to network issues."},
        "feedback": {"score": 1, "reason": "excellent_audio"},
        "metric": {"threshold": 0.5, "values": [0.1]},
        "ice_candidate_pair": {"remote": {"type": "host", "protocol": "udp"}},
        "metadata": {"client_name": "MyVoiceApp", "location": {"lat": 20.95, "lon": -157.2}},
    },
}
PARTICIPANT = {
    "participant_sid": "CP0000000000000000000000000000001",
    "label": "advisor",
    "conference_sid": "CF0000000000000000000000000000001",
    "call_direction": "inbound",
    "from": "+1234567890",
    "to": "+1234567890",
    "call_state": "completed",
    "is_moderator": True,
    "duration_seconds": 1800,
    "agent_audio": True,
    "jitter_buffer_size": "small",
    "coached_participants": ["CP0000000000000000000000000000001"],
    "call_type": "sip",
    "quality_issues": 0,
    "properties": {"start_conference_on_enter": True, "trim_recording": True},
    "events": {"hold": [1672574400], "unhold": []},
    # As the description of "Conference Participant Summary Resource" has it.
    "metrics": {
        "inbound": {
            "total_packets_lost": 0,
            "total_packets_received": 49,
            "packet_loss_percentage": 0.0,
            "jitter": {"avg": 0.34, "max": 0.53},
            "latency": {"avg": 0, "max": 0},
            "mos": 4.4,
        },
        "outbound": {"jitter": {"avg": 0.01, "max": 0.01, "timestamp": 1672574400}},
    },
}
CALL_METRIC = {
    "timestamp": "2023-10-05T14:48:00.000Z",
    "call_sid": "CA0000000000000000000000000000001",
    "account_sid": "AC0000000000000000000000000000001",
    "edge": "unknown_edge",
    "direction": "inbound",
    "carrier_edge": {
        "codec": 0,
        "codec_name": "pcmu",
        "interval": {
            "codec": 0,
            "codec_name": "pcmu",
            "packets_received": 0,
            "packets_sent": 0,
            "packets_lost": 0,
            "packets_loss_percentage": 0.0,
            "jitter": {"min": 0.0, "max": 10.0, "avg": 5.0, "value": 3.0},
            "rtt": {"min": 0.0, "max": 10.0, "avg": 5.0, "value": 3.0},
            "latency": {"min": 0.0, "max": 10.0, "avg": 5.0, "value": 3.0},
            "bytes_received": 0,
            "packet_delay_variation": {"d50": 20, "d70": 30},
        },
        "metadata": {"region": "us1", "twilio_ip": "172.0.0.130", "external_ip": "172.0.0.130"},
    },
    "sip_edge": None,
    "client_edge": None,
    # As the page "Call Metric Resource" has it.
    "sdk_edge": {
        "interval": {
            "packets_received": 50,
            "packets_lost": 0,
            "audio_in": {"value": 81.0},
            "audio_out": {"value": 5237.0},
            "jitter": {"value": 9},
            "mos": {"value": 4.39},
            "rtt": {"value": 81},
        },
        "cumulative": {
            "bytes_received": 547788,
            "bytes_sent": 329425,
            "packets_received": 3900,
            "packets_lost": 0,
            "packets_sent": 3934,
        },
        "metadata": {"client_name": "MyVoiceApp", "sdk": {"type": "voice-ios", "device": {}}},
    },
}
INSIGHTS = "com.twilio.voice.insights"


@pytest.mark.parametrize(
    ("event_type", "documented"),
    [
        (f"{INSIGHTS}.call-summary.complete", CALL_SUMMARY),
        (f"{INSIGHTS}.call-summary.partial", CALL_SUMMARY),
        (f"{INSIGHTS}.call-summary.predicted-complete", CALL_SUMMARY),
        (f"{INSIGHTS}.call-event.gateway", CALL_EVENT),
        (f"{INSIGHTS}.call-event.sdk", CALL_EVENT),
        (f"{INSIGHTS}.conference-participant-summary.complete", PARTICIPANT),
        (f"{INSIGHTS}.conference-participant-summary.partial", PARTICIPANT),
        (f"{INSIGHTS}.participant-summary.complete", PARTICIPANT),
        (f"{INSIGHTS}.participant-summary.partial", PARTICIPANT),
        (f"{INSIGHTS}.call-metrics.gateway", CALL_METRIC),
        (f"{INSIGHTS}.call-metrics.sdk", CALL_METRIC),
    ],
)
def test_other_documented_examples_agree_with_their_structs(
    event_type: str, documented: dict[str, object]
) -> None:
    summary = msgspec.convert(documented, SCHEMAS[event_type])

    assert schema_violation(event_type, documented) is None
    assert _given(msgspec.to_builtins(summary)) == _given(documented)


@pytest.mark.parametrize(
    ("event_type", "documented", "change", "expected"),
    [
        ("call-summary.complete", CALL_SUMMARY, {"call_state": "COMPLETED"}, "`$.call_state`"),
        ("call-summary.complete", CALL_SUMMARY, {"from": {"caller": 5}}, "`$.from.caller`"),
        ("call-event.sdk", CALL_EVENT, {"level": "warning"}, "`$.level`"),
        ("call-metrics.sdk", CALL_METRIC, {"edge": "SDK_EDGE"}, "`$.edge`"),
        ("call-metrics.gateway", CALL_METRIC, {"direction": "in"}, "`$.direction`"),
        (
            "call-metrics.gateway",
            CALL_METRIC,
            {"carrier_edge": {"interval": {"jitter": 5}}},
            "`$.carrier_edge.interval.jitter`",
        ),
        ("participant-summary.complete", PARTICIPANT, {"call_type": "fax"}, "`$.call_type`"),
        (
            "conference-participant-summary.complete",
            PARTICIPANT,
            {"events": {"hold": ["noon"]}},
            "`$.events.hold[0]`",
        ),
        (
            "participant-summary.complete",
            PARTICIPANT,
            {"metrics": {"inbound": {"jitter": 3}}},
            "`$.metrics.inbound.jitter`",
        ),
    ],
)
def test_violations_of_other_types_have_their_path(
    event_type: str, documented: dict[str, object], change: dict[str, object], expected: str
) -> None:
    assert expected in str(schema_violation(f"{INSIGHTS}.{event_type}", {**documented, **change}))


def _given(value: object) -> object:
    """Return ``value`` without null members, because absent members are encoded as null."""
    if isinstance(value, dict):
        return {name: _given(each) for name, each in value.items() if each is not None}
    return value


@pytest.mark.parametrize(
    ("violation", "logged"),
    [
        ("Invalid enum value '+1 - at `x' - at `$.status`", "Invalid enum value - at `$.status`"),
        ("Invalid enum value 'a'", "Invalid enum value"),
        ("Expected `str`, got `int` - at `$.x`", "Expected `str`, got `int` - at `$.x`"),
    ],
)
def test_a_violation_is_logged_without_the_value(violation: str, logged: str) -> None:
    assert without_value(violation) == logged
