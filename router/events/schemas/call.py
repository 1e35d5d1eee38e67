"""Data of Voice Insights events: summaries of calls and what happened during them.

Written by ``make schemas`` from ``twilio/call.yaml``, which describes the fields: change that.

Source: Twilio, event type pages "Call Summary" (schema VoiceInsights.CallSummary, versions 1 to
7), "Gateway Call Event" and "Voice SDK Events" (VoiceInsights.CallEvent, versions 2 and 3) of
Event Streams; "Webhook Quickstart" for a predicted summary; "Call Summary Resource", "Details:
Call Summary" and "Call Insights Event Resource" for the values of enumerations and for edges.
Values are enumerated only where the pages of the events and of the API agree on their spelling:
properties.direction is outbound-api in one and outbound_api in the other.
"""

from typing import Any, Literal

import msgspec

from router.events.schemas.parts import EdgeMetadata, Location, Sdk, SdkMetadata, Statistics


class Party(msgspec.Struct, frozen=True, kw_only=True):
    """The calling or the called side."""

    caller: str | None = None
    callee: str | None = None
    carrier: str | None = None
    connection: str | None = None
    number_prefix: str | None = None
    location: Location | None = None
    city: str | None = None
    country_code: str | None = None
    country_subdivision: str | None = None
    ip_address: str | None = None
    sdk: Sdk | None = None


class StreamMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """One direction of the media of an edge."""

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


class Attributes(msgspec.Struct, frozen=True, kw_only=True):
    """Details of the call flow."""

    conference_participant: bool | None = None


class CallProperties(msgspec.Struct, frozen=True, kw_only=True):
    """Properties of a call that do not depend on its edge."""

    direction: str | None = None
    disconnected_by: str | None = None
    pdd_ms: int | None = None
    last_sip_response_num: int | None = None
    queue_time: int | None = None


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
    """``data`` of ``VoiceInsights.CallSummary/7``: a summary of a call.

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
    call_type: Literal["carrier", "sip", "trunking", "client", "whatsapp"] | None = None
    call_state: (
        Literal[
            "ringing", "completed", "busy", "fail", "noanswer", "canceled", "answered", "undialed"
        ]
        | None
    ) = None
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


class SdkEdge(msgspec.Struct, frozen=True, kw_only=True):
    """An event as the SDK saw it."""

    error: SdkError | None = None
    feedback: SdkFeedback | None = None
    metric: SdkMetric | None = None
    ice_candidate_pair: CandidatePair | None = None
    metadata: SdkMetadata | None = None


class CallEvent(msgspec.Struct, frozen=True, kw_only=True):
    """``data`` of ``VoiceInsights.CallEvent/3``.

    An event of a call from a gateway or from the SDK.
    """

    call_sid: str
    account_sid: str
    timestamp: str | None = None
    edge: str | None = None
    name: str | None = None
    group: str | None = None
    level: Literal["UNKNOWN", "DEBUG", "INFO", "WARNING", "ERROR"] | None = None
    carrier_edge: GatewayEdge | None = None
    client_edge: GatewayEdge | None = None
    sip_edge: GatewayEdge | None = None
    sdk_edge: SdkEdge | None = None
