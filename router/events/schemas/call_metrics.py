"""Data of Voice Insights events: one sample of an edge's media every ten seconds while a call goes on.

Written by ``make schemas`` from ``twilio/call_metrics.yaml``, which describes the fields: change that.

Source: Twilio, event type pages "Gateway Metrics" and "Voice SDK Metrics" (schema
VoiceInsights.CallMetric/2) of Event Streams; "Call Insights Event Stream"; "Call Metric Resource"
and its description in Twilio's OpenAPI documents for the values of enumerations.
"""

from typing import Any, Literal

import msgspec

from router.events.schemas.parts import EdgeMetadata, SdkMetadata


class SampledValue(msgspec.Struct, frozen=True, kw_only=True):
    """A metric of a sample: ``value`` of an interval, the others since the call began."""

    min: float | None = None
    max: float | None = None
    avg: float | None = None
    value: float | None = None


class SampledMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """The metrics of a stream."""

    codec: int | None = None
    codec_name: str | None = None
    packets_received: int | None = None
    packets_sent: int | None = None
    packets_lost: int | None = None
    packets_loss_percentage: float | None = None
    bytes_received: int | None = None
    bytes_sent: int | None = None
    jitter: SampledValue | None = None
    latency: SampledValue | None = None
    rtt: SampledValue | None = None
    mos: SampledValue | None = None
    audio_in: SampledValue | None = None
    audio_out: SampledValue | None = None
    packet_delay_variation: dict[str, int] | None = None
    tags: Any = None


class GatewayMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """A sample as a media gateway measured it."""

    codec: int | None = None
    codec_name: str | None = None
    cumulative: SampledMetrics | None = None
    interval: SampledMetrics | None = None
    metadata: EdgeMetadata | None = None


class SdkMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """A sample as the Voice SDK measured it."""

    codec: int | None = None
    codec_name: str | None = None
    cumulative: SampledMetrics | None = None
    interval: SampledMetrics | None = None
    metadata: SdkMetadata | None = None


class CallMetric(msgspec.Struct, frozen=True, kw_only=True):
    """``data`` of ``VoiceInsights.CallMetric/2``: a sample.

    The edge that ``edge`` names has the metrics.
    """

    call_sid: str
    account_sid: str
    timestamp: str | None = None
    edge: Literal["unknown_edge", "carrier_edge", "sip_edge", "sdk_edge", "client_edge"] | None = (
        None
    )
    direction: Literal["unknown", "inbound", "outbound", "both"] | None = None
    carrier_edge: GatewayMetrics | None = None
    sip_edge: GatewayMetrics | None = None
    client_edge: GatewayMetrics | None = None
    sdk_edge: SdkMetrics | None = None
