"""Data of call events.

Source: Twilio, event type pages "Call Summary" (schema ``VoiceInsights.CallSummary``, versions 1 to
7), "Gateway Call Event" and "Voice SDK Events" (``VoiceInsights.CallEvent``, versions 2 and 3) of
Event Streams; "Webhook Quickstart" for a predicted summary; "Call Summary Resource", "Details:
Call Summary" and "Call Insights Event Resource" for the values of enumerations and for edges.

Values are enumerated only where the pages of the events and of the API agree on their spelling:
``properties.direction`` is ``outbound-api`` in one and ``outbound_api`` in the other.
"""

from typing import Any, Literal

import msgspec

from router.events.schemas.parts import Location, Sdk, Statistics

CallType = Literal["carrier", "sip", "trunking", "client", "whatsapp"]
CallState = Literal[
    "ringing", "completed", "busy", "fail", "noanswer", "canceled", "answered", "undialed"
]
Level = Literal["UNKNOWN", "DEBUG", "INFO", "WARNING", "ERROR"]


class Party(msgspec.Struct, frozen=True, kw_only=True):
    """The calling or the called side."""

    caller: str | None = None
    callee: str | None = None
    carrier: str | None = None
    connection: str | None = None
    """For example ``landline``, ``mobile``, ``voip``, ``twilio_sdk``."""
    number_prefix: str | None = None
    """Country code and three digits."""
    location: Location | None = None
    city: str | None = None
    country_code: str | None = None
    country_subdivision: str | None = None
    ip_address: str | None = None
    sdk: Sdk | None = None


class CallProperties(msgspec.Struct, frozen=True, kw_only=True):
    """Properties of a call that do not depend on its edge; times are milliseconds."""

    direction: str | None = None
    disconnected_by: str | None = None
    pdd_ms: int | None = None
    """Post-dial delay."""
    last_sip_response_num: int | None = None
    queue_time: int | None = None


class Attributes(msgspec.Struct, frozen=True, kw_only=True):
    """Details of the call flow."""

    conference_participant: bool | None = None


class StreamMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """One direction of the media of an edge. Jitter and latency are milliseconds."""

    codec: int | None = None
    codec_name: str | None = None
    packets_received: int | None = None
    packets_sent: int | None = None
    packets_lost: int | None = None
    packets_loss_percentage: float | None = None
    jitter: Statistics | None = None
    latency: Statistics | None = None
    packet_delay_variation: dict[str, int] | None = None
    mos: Statistics | None = None
    """SDK edges only, as are the four fields below."""
    rtt: Statistics | None = None
    audio_in: Statistics | None = None
    audio_out: Statistics | None = None
    tags: Any = None


class Streams(msgspec.Struct, frozen=True, kw_only=True):
    """Both directions, as the edge sees them."""

    inbound: StreamMetrics | None = None
    outbound: StreamMetrics | None = None


class EdgeProperties(msgspec.Struct, frozen=True, kw_only=True):
    """The path of a call's media."""

    direction: str | None = None
    media_region: str | None = None
    signaling_region: str | None = None
    twilio_media_ip: str | None = None
    twilio_signaling_ip: str | None = None
    external_media_ip: str | None = None
    external_signaling_ip: str | None = None
    sip_call_id: str | None = None
    user_agent: str | None = None
    selected_region: str | None = None
    region: str | None = None
    disconnected_by: str | None = None
    trunk_sid: str | None = None
    edge_location: str | None = None
    settings: Any = None


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """Twilio's side of a call: of a carrier, of a SIP domain, of a client or in its SDK."""

    metrics: Streams | None = None
    properties: EdgeProperties | None = None
    events: Any = None
    """SDK edges only: counts by level, group and error."""


class BrandedCall(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the callee saw the caller's brand."""

    branded: bool | None = None
    brand_sid: str | None = None
    branded_channel_sid: str | None = None
    caller: str | None = None
    use_case: str | None = None


class VerifiedCaller(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the caller's number was verified (SHAKEN/STIR)."""

    verified: bool | None = None


class Trust(msgspec.Struct, frozen=True, kw_only=True):
    """Trusted communication."""

    branded_call: BrandedCall | None = None
    verified_caller: VerifiedCaller | None = None


class CallSummary(msgspec.Struct, frozen=True, kw_only=True):
    """``data`` of a call summary. Times are ISO 8601 text, durations seconds.

    An edge is present if the call has it: a SIP trunking call has ``sip_edge`` and
    ``carrier_edge``.
    """

    call_sid: str
    account_sid: str
    parent_call_sid: str | None = None
    parent_account_sid: str | None = None
    created_time: str | None = None
    start_time: str | None = None
    end_time: str | None = None
    duration: int | None = None
    connect_duration: int | None = None
    call_type: CallType | None = None
    call_state: CallState | None = None
    answered_by: str | None = None
    from_: Party | None = msgspec.field(default=None, name="from")
    to: Party | None = None
    processing_state: str | None = None
    processing_version: int | None = None
    carrier_edge: Edge | None = None
    client_edge: Edge | None = None
    sdk_edge: Edge | None = None
    sip_edge: Edge | None = None
    tags: list[str] | None = None
    attributes: Attributes | None = None
    properties: CallProperties | None = None
    trust: Trust | None = None
    annotation: Any = None


class EdgeMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """The location of a gateway's event."""

    region: str | None = None
    twilio_ip: str | None = None
    external_ip: str | None = None
    edge_location: str | None = None


class GatewayEdge(msgspec.Struct, frozen=True, kw_only=True):
    """An event as a gateway saw it."""

    metadata: EdgeMetadata | None = None


class SdkError(msgspec.Struct, frozen=True, kw_only=True):
    """An error that the SDK reported."""

    code: int | None = None
    message: str | None = None


class SdkFeedback(msgspec.Struct, frozen=True, kw_only=True):
    """The user's rating of the call."""

    score: int | None = None
    reason: str | None = None


class SdkMetric(msgspec.Struct, frozen=True, kw_only=True):
    """A metric that crossed a threshold."""

    threshold: float | None = None
    values: list[float] | None = None


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One end of a connection."""

    type: str | None = None
    protocol: str | None = None


class CandidatePair(msgspec.Struct, frozen=True, kw_only=True):
    """The connection that was chosen."""

    remote: Candidate | None = None
    local: Candidate | None = None


class SdkMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """The client and its location."""

    client_name: str | None = None
    location: Location | None = None
    city: str | None = None
    country_code: str | None = None
    country_subdivision: str | None = None
    ip_address: str | None = None
    sdk: Sdk | None = None


class SdkEdge(msgspec.Struct, frozen=True, kw_only=True):
    """An event as the SDK saw it."""

    error: SdkError | None = None
    feedback: SdkFeedback | None = None
    metric: SdkMetric | None = None
    ice_candidate_pair: CandidatePair | None = None
    metadata: SdkMetadata | None = None


class CallEvent(msgspec.Struct, frozen=True, kw_only=True):
    """``data`` of a call event from a gateway or from the SDK; the level is in upper case."""

    call_sid: str
    account_sid: str
    timestamp: str | None = None
    edge: str | None = None
    name: str | None = None
    group: str | None = None
    level: Level | None = None
    carrier_edge: GatewayEdge | None = None
    client_edge: GatewayEdge | None = None
    sip_edge: GatewayEdge | None = None
    sdk_edge: SdkEdge | None = None
