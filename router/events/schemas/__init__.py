"""The documented data of Twilio's event types, one Struct per schema.

The Structs describe events, they do not reject them. An event that violates its schema is counted
and still evaluated, because Twilio may add fields and values before this module has them. A violation
is no reason to suppress an alert. A field is listed if Twilio documents it; it may be null or absent
unless every source has it.

Each module names its sources. Types that are not listed have no schema: Twilio documents hundreds.
"""

import re
from typing import Any, Final

import msgspec

from router.events.schemas.call import CallEvent, CallSummary
from router.events.schemas.call_metrics import CallMetric
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
    # The second name of the same summaries, on the page "Conference Insights Event Stream".
    f"{_INSIGHTS}.participant-summary.partial": ConferenceParticipantSummary,
    f"{_INSIGHTS}.participant-summary.complete": ConferenceParticipantSummary,
    f"{_INSIGHTS}.call-summary.partial": CallSummary,
    f"{_INSIGHTS}.call-summary.predicted-complete": CallSummary,
    f"{_INSIGHTS}.call-summary.complete": CallSummary,
    f"{_INSIGHTS}.call-event.gateway": CallEvent,
    f"{_INSIGHTS}.call-event.sdk": CallEvent,
    f"{_INSIGHTS}.call-metrics.gateway": CallMetric,
    f"{_INSIGHTS}.call-metrics.sdk": CallMetric,
}
"""The documented shape of ``data`` by event type. Types that are not listed have no schema."""


_VALUE: Final = re.compile(r"(?<=^Invalid enum value) '.*'(?= - at `|\Z)", re.DOTALL)


def schema_violation(event_type: str, data: Any) -> str | None:
    """Return how ``data`` violates the documented schema of its type; None if it does not.

    The message has the JSON path, for example ``Expected `str`, got `int` - at `$.status```.
    """
    schema = SCHEMAS.get(event_type)
    if schema is None:
        return None
    try:
        msgspec.convert(data, schema)
    except msgspec.ValidationError as error:
        return str(error)
    return None


def without_value(violation: str) -> str:
    """Return a violation for a log, without the event's value that some of them quote."""
    return _VALUE.sub("", violation)
