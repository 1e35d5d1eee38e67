"""Event data as Twilio documents it, one Struct per schema: which event type has which.

The Structs describe, they do not gate: an event that departs from its schema is counted and still
judged, because Twilio may add fields and values before anybody here hears of it, and a departure
is no reason to keep an alert from people. A field is written down where Twilio documents it; it
may be null or absent unless every source has it.

Each module names its sources. Types not listed pass untyped: Twilio documents hundreds.
"""

from typing import Any

import msgspec

from router.events.schemas.call import CallEvent, CallSummary
from router.events.schemas.conference import (
    ConferenceParticipantSummary,
    ConferenceSummary,
)

TEST_EVENT = "com.twilio.eventstreams.test-event"
_INSIGHTS = "com.twilio.voice.insights"

SCHEMAS: dict[str, type[msgspec.Struct]] = {
    f"{_INSIGHTS}.conference-summary.partial": ConferenceSummary,
    f"{_INSIGHTS}.conference-summary.complete": ConferenceSummary,
    f"{_INSIGHTS}.conference-participant-summary.partial": ConferenceParticipantSummary,
    f"{_INSIGHTS}.conference-participant-summary.complete": ConferenceParticipantSummary,
    f"{_INSIGHTS}.call-summary.partial": CallSummary,
    f"{_INSIGHTS}.call-summary.predicted-complete": CallSummary,
    f"{_INSIGHTS}.call-summary.complete": CallSummary,
    f"{_INSIGHTS}.call-event.gateway": CallEvent,
    f"{_INSIGHTS}.call-event.sdk": CallEvent,
}
"""Event type -> the documented shape of its ``data``. Types not listed pass untyped."""


def schema_violation(event_type: str, data: Any) -> str | None:
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
