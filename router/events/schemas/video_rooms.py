"""Data of Video events: summaries of video rooms.

Written by ``make schemas`` from ``twilio/video_rooms.yaml``, which describes the fields: change that.

Source: Twilio, event type pages "Video Room Summary" (schema VideoInsights.RoomSummaryApi/2) and
"Video Track Summary" (VideoInsights.TrackSummaryApi/2) of Event Streams; the fields of
VideoInsights.VideoLogAnalyzerRoomSummary from the field list that Elastic's Twilio integration
derived from the schema. Types whose fields could not be read have no Struct.
"""

from typing import Any

import msgspec


class VideoRoomIssueProperties(msgspec.Struct, frozen=True, kw_only=True):
    """The place of an issue."""

    participant_sid: str | None = None
    participant_identity: str | None = None
    directions: list[str] | None = None


class VideoRoomIssue(msgspec.Struct, frozen=True, kw_only=True):
    """An issue of a room."""

    issue_type: str | None = None
    severity: str | None = None
    properties: VideoRoomIssueProperties | None = None


class VideoRoomIssues(msgspec.Struct, frozen=True, kw_only=True):
    """Issues of a room."""

    details: list[VideoRoomIssue] | None = None


class VideoRoomSummary(msgspec.Struct, frozen=True, kw_only=True):
    """``data`` of ``VideoInsights.RoomSummaryApi/2``: a summary of a room."""

    room_sid: str | None = None
    room_name: str | None = None
    room_type: str | None = None
    account_sid: str | None = None
    create_time: str | None = None
    end_time: str | None = None
    duration_sec: int | None = None
    total_participant_duration_sec: int | None = None
    total_recording_duration_sec: int | None = None
    status: str | None = None
    processing_state: str | None = None
    created_method: str | None = None
    end_reason: str | None = None
    max_participants_allowed: int | None = None
    participants: int | None = None
    unique_participant_identities: int | None = None
    max_concurrent_participants: int | None = None
    codecs: list[str] | None = None
    media_region: str | None = None
    recording_enabled: bool | None = None
    detected_issues: VideoRoomIssues | None = None


class VideoTrackMetric(msgspec.Struct, frozen=True, kw_only=True):
    """A metric of a track."""

    count: float | None = None
    percentage: float | None = None
    avg: float | None = None
    min: float | None = None
    max: float | None = None
    p25: float | None = None
    p50: float | None = None
    p75: float | None = None
    p99: float | None = None


class VideoTrackSummary(msgspec.Struct, frozen=True, kw_only=True):
    """``data`` of ``VideoInsights.TrackSummaryApi/2``: a summary of a track."""

    account_sid: str | None = None
    room_sid: str | None = None
    participant_sid: str | None = None
    track_sid: str | None = None
    track_type: str | None = None
    direction: str | None = None
    codec: str | None = None
    start_time: str | None = None
    end_time: str | None = None
    duration_secs: int | None = None
    metrics: dict[str, VideoTrackMetric] | None = None


class VideoLogRoomSummary(msgspec.Struct, frozen=True, kw_only=True):
    """``data`` of ``VideoInsights.VideoLogAnalyzerRoomSummary``.

    A summary of a room by the Log Analyzer.
    """

    room_sid: str | None = None
    room_name: str | None = None
    room_type: str | None = None
    room_status: str | None = None
    room_region: str | None = None
    account_sid: str | None = None
    create_time: str | None = None
    end_time: str | None = None
    duration_sec: int | None = None
    total_participant_duration_sec: int | None = None
    total_recording_duration_sec: int | None = None
    processing_state: str | None = None
    created_method: str | None = None
    end_reason: str | None = None
    status_callback: str | None = None
    status_callback_method: str | None = None
    max_participants: int | None = None
    max_concurrent_participants: int | None = None
    concurrent_participants: int | None = None
    unique_participants: int | None = None
    unique_participant_identities: int | None = None
    codecs: Any = None
    media_region: str | None = None
    edge_location: str | None = None
    recording_enabled: bool | None = None
