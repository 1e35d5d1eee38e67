"""Event data as Twilio documents it, one Struct per schema.

Source: Twilio, "Conference Summary" event type pages, schemas ``VoiceInsights.ConferenceSummary/1``
and ``/2`` (version 2 changed only the schema's metadata, so one Struct serves both), for both
``conference-summary.partial`` and ``conference-summary.complete``.

The Structs describe, they do not gate: an event that departs from its schema is counted and still
judged, because Twilio may add fields and values before anybody here hears of it, and a departure
is no reason to keep an alert from people.
"""

from typing import Any, Literal

import msgspec

CONFERENCE_SUMMARY_PARTIAL = "com.twilio.voice.insights.conference-summary.partial"
CONFERENCE_SUMMARY_COMPLETE = "com.twilio.voice.insights.conference-summary.complete"
TEST_EVENT = "com.twilio.eventstreams.test-event"


class DuplicateIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """A participant who joined more than once."""

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
    """How many issues of each sort were found."""

    call_quality: int | None = None
    region_configuration: int | None = None
    participant_behavior: int | None = None


class ConferenceSummary(msgspec.Struct, frozen=True, kw_only=True):
    """``data`` of a conference summary, v1 and v2. Times are ISO 8601 text, durations seconds."""

    conference_sid: str
    account_sid: str
    start_time: str
    create_time: str
    end_time: str
    status: Literal["in_progress", "not_started", "completed", "summary_timeout"]
    """``summary_timeout``: 24 hours passed without a ``last_participant_left``."""
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


SCHEMAS: dict[str, type[msgspec.Struct]] = {
    CONFERENCE_SUMMARY_PARTIAL: ConferenceSummary,
    CONFERENCE_SUMMARY_COMPLETE: ConferenceSummary,
}
"""Event type -> the documented shape of its ``data``. Types not listed pass untyped."""


def departure(event_type: str, data: Any) -> str | None:
    """How ``data`` departs from the documented schema of its type, or None where it does not.

    The answer names the JSON path, for example ``Expected `str`, got `int` - at `$.status```.
    """
    schema = SCHEMAS.get(event_type)
    if schema is None:
        return None
    try:
        msgspec.convert(data, schema)
    except msgspec.ValidationError as error:
        return str(error)
    return None
