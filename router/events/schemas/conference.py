"""Data of Voice Insights events: summaries of conferences and of their participants.

Written by ``make schemas`` from ``twilio/conference.yaml``, which describes the fields: change that.

Source: Twilio, event type pages "Conference Summary" (schemas VoiceInsights.ConferenceSummary/1
and /2; version 2 changed only the schema's metadata, so one Struct serves both) and "Conference
Participant Summary" (VoiceInsights.ConferenceParticipantSummary/1 and /2, with the schema's
definitions MetricStats and HistogramAndTimestamp) of Event Streams; "Conference Insights Event
Stream" for the second name of a participant's summary; "Conference Participant Summary Resource"
in Twilio's OpenAPI documents for the values of enumerations and the names of the metrics.
"""

from typing import Any, Literal

import msgspec


class DuplicateIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """A participant that joined more than once."""

    participant_identity: str
    participant_sids: list[str]


class StartFailure(msgspec.Struct, frozen=True, kw_only=True):
    """Why the conference never started."""

    reason: str | None = None


class TagInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Details of the tags. Twilio sends either member without the other."""

    duplicate_identity: list[DuplicateIdentity] | None = None
    start_failure: StartFailure | None = None


class DetectedIssues(msgspec.Struct, frozen=True, kw_only=True):
    """The number of detected issues of each kind."""

    call_quality: int | None = None
    region_configuration: int | None = None
    participant_behavior: int | None = None


class ConferenceSummary(msgspec.Struct, frozen=True, kw_only=True):
    """``data`` of ``VoiceInsights.ConferenceSummary/2``: a summary of a conference."""

    conference_sid: str
    account_sid: str
    start_time: str
    create_time: str
    end_time: str
    status: Literal["in_progress", "not_started", "completed", "summary_timeout"]
    end_reason: str
    tags: list[str]
    mixer_region: str
    mixer_region_requested: str
    friendly_name: str | None = None
    duration_seconds: int | None = None
    connect_duration_seconds: int | None = None
    max_participants: int | None = None
    max_concurrent_participants: int | None = None
    unique_participants: int | None = None
    ended_by: str | None = None
    recording_enabled: bool | None = None
    tag_info: TagInfo | None = None
    detected_issues: DetectedIssues | None = None
    processing_state: str | None = None


class ParticipantProperties(msgspec.Struct, frozen=True, kw_only=True):
    """How a participant was added."""

    start_conference_on_enter: bool | None = None
    end_conference_on_exit: bool | None = None
    play_early_media: bool | None = None
    recording_enabled: bool | None = None
    trim_recording: bool | None = None
    requested_region: str | None = None
    beep_on_enter: bool | None = None
    beep_on_exit: bool | None = None
    enter_muted: bool | None = None


class ParticipantEvents(msgspec.Struct, frozen=True, kw_only=True):
    """The times of a participant's actions, each a list of Unix times."""

    coaching: list[int] | None = None
    coaching_stopped: list[int] | None = None
    hold: list[int] | None = None
    unhold: list[int] | None = None
    mute: list[int] | None = None
    unmute: list[int] | None = None
    modify_beep: list[int] | None = None
    modify_coached_participant: list[int] | None = None
    modify_exit: list[int] | None = None


class ParticipantStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """A metric over the participation."""

    avg: float | None = None
    max: float | None = None
    timestamp: int | None = None


class ParticipantStream(msgspec.Struct, frozen=True, kw_only=True):
    """One direction of a participant's media."""

    total_packets_lost: int | None = None
    total_packets_received: int | None = None
    packet_loss_percentage: float | None = None
    jitter: ParticipantStatistics | None = None
    latency: ParticipantStatistics | None = None
    mos: Any = None


class ParticipantMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """Quality of the media, from Twilio's perspective."""

    inbound: ParticipantStream | None = None
    outbound: ParticipantStream | None = None


class ConferenceParticipantSummary(msgspec.Struct, frozen=True, kw_only=True):
    """``data`` of ``VoiceInsights.ConferenceParticipantSummary/2``.

    A summary of a participant.
    """

    conference_sid: str
    participant_sid: str | None = None
    call_sid: str | None = None
    account_sid: str | None = None
    label: str | None = None
    call_direction: Literal["inbound", "outbound"] | None = None
    from_: str | None = msgspec.field(default=None, name="from")
    to: str | None = None
    call_state: str | None = None
    call_status: str | None = None
    country_code: str | None = None
    is_moderator: bool | None = None
    join_time: str | None = None
    leave_time: str | None = None
    duration_seconds: int | None = None
    whisper: str | None = None
    agent_audio: bool | None = None
    outbound_queue_length: int | None = None
    outbound_time_in_queue: int | None = None
    jitter_buffer_size: Literal["large", "small", "medium", "off"] | None = None
    is_coach: bool | None = None
    coached_participants: list[str] | None = None
    participant_region: str | None = None
    conference_region: str | None = None
    call_type: Literal["carrier", "client", "sip"] | None = None
    quality_issues: int | None = None
    properties: ParticipantProperties | None = None
    events: ParticipantEvents | None = None
    metrics: ParticipantMetrics | None = None
    processing_state: Literal["complete", "in_progress", "timeout"] | None = None
