"""The facts that a message shows of each type of event: labels, fields and their meaning.

A row is a label and the parts of its text. A part reads the first of its fields that the event has; a row
without a part is not shown. An event is described by the rows of the longest pattern that its type has.
The fields are those of Twilio's pages on each type of Event Streams: "Conference Summary", "Conference
Participant Summary", "Call Summary", "Gateway Call Event", "Voice SDK Events", "Gateway Metrics", "Voice SDK
Metrics", "Outbound Message", "Inbound Message", "Error Logs", "Task", "Task Queue", "Worker", "Reservation",
"Flow", "Step", "Verification", "Message Status", "Status Callback", "Call Progress Event", "Brand",
"Campaign", "Phone Number", "Conversations", "Video Room", "Super SIM"; those of forms, of
the presets twilio-status and twilio-debugger, are of "Call Resource", "Message Resource" and "Debugger".
"""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from router.destinations.rendering.fact_forms import FactForm

TEXT, PARTY = FactForm.TEXT, FactForm.PARTY
SECONDS, MS, PERCENT = FactForm.SECONDS, FactForm.MILLISECONDS, FactForm.PERCENT


class FactPart(msgspec.Struct, frozen=True):
    """A part of a fact's text."""

    fields: tuple[tuple[str, ...], ...]
    """Paths from the CloudEvent, the best one first."""
    form: FactForm
    wording: str
    """The text around the value, which stands at ``{}``."""


class FactRow(msgspec.Struct, frozen=True):
    """A label, and the parts of its text."""

    label: str
    parts: tuple[FactPart, ...]


def _part(fields: str, form: FactForm = TEXT, wording: str = "{}") -> FactPart:
    """Return a part that reads the first of some fields of ``data``, written with ``|`` between them."""
    paths = (tuple(f"data.{each.strip()}".split(".")) for each in fields.split("|"))
    return FactPart(tuple(paths), form, wording)


def _row(label: str, *parts: FactPart | str) -> FactRow:
    found = (_part(each) if isinstance(each, str) else each for each in parts)
    return FactRow(label, tuple(found))


_ACCOUNT: Final = _row("Account", "account_sid | accountSid | AccountSid")
_SUBJECT: Final = FactRow("Subject", (FactPart((("subject",),), TEXT, "{}"),))
_EDGES: Final[Mapping[str, str]] = {
    "carrier_edge": "Carrier edge",
    "sip_edge": "SIP edge",
    "client_edge": "Client edge",
    "sdk_edge": "SDK edge",
}


def _location(edge: str) -> tuple[FactPart, ...]:
    """Return where an edge is: a gateway in a region, or a client."""
    metadata = f"{edge}.metadata"
    if edge == "sdk_edge":
        return (_part(f"{metadata}.client_name", PARTY), _part(f"{metadata}.country_code"))
    return (_part(f"{metadata}.region"), _part(f"{metadata}.edge_location"))


def _stream(label: str, path: str, *more: FactPart) -> FactRow:
    """Return the row of the media of one direction, over a call."""
    return _row(
        label,
        _part(f"{path}.jitter.avg", MS, "jitter {}"),
        _part(f"{path}.jitter.max", MS, "max {}"),
        _part(
            f"{path}.packets_loss_percentage | {path}.packet_loss_percentage", PERCENT, "loss {}"
        ),
        _part(f"{path}.latency.avg", MS, "latency {}"),
        _part(f"{path}.mos.avg | {path}.mos", TEXT, "MOS {}"),
        *more,
    )


def _call_stream(label: str, path: str) -> FactRow:
    return _stream(label, path, _part(f"{path}.rtt.avg", MS, "round trip {}"))


def _summarised_edges() -> Iterator[FactRow]:
    for edge, label in _EDGES.items():
        properties = f"{edge}.properties"
        yield _row(
            label,
            _part(f"{properties}.media_region | {properties}.region"),
            _part(f"{properties}.edge_location"),
            _part(f"{properties}.trunk_sid"),
        )
        yield _call_stream(f"{label}, in", f"{edge}.metrics.inbound")
        yield _call_stream(f"{label}, out", f"{edge}.metrics.outbound")


def _sampled_edges() -> Iterator[FactRow]:
    for edge, label in _EDGES.items():
        path = f"{edge}.interval"
        yield _row(
            label,
            _part(f"{path}.jitter.avg | {path}.jitter.value", MS, "jitter {}"),
            _part(f"{path}.jitter.max", MS, "max {}"),
            _part(f"{path}.packets_loss_percentage", PERCENT, "loss {}"),
            _part(f"{path}.rtt.value | {path}.rtt.avg", MS, "round trip {}"),
            _part(f"{path}.mos.value | {path}.mos.avg", TEXT, "MOS {}"),
            _part(f"{edge}.codec_name"),
            *_location(edge),
        )


def _located_edges() -> Iterator[FactRow]:
    for edge, label in _EDGES.items():
        yield _row(label, *_location(edge))


_CONFERENCE: Final = (
    _row("Conference", "friendly_name", "conference_sid"),
    _ACCOUNT,
    _row("Status", "status"),
    _SUBJECT,
)
_PARTICIPANT: Final = (
    _row("Participant", "label", "participant_sid"),
    _row("Call", "call_sid"),
    _row("Conference", "conference_sid"),
    _row("From", _part("from", PARTY)),
    _row("To", _part("to", PARTY), "country_code"),
    _row("Direction", "call_direction", "call_type"),
    _row("State", "call_state | call_status"),
    _row("Duration", _part("duration_seconds", SECONDS)),
    _row(
        "Region",
        _part("participant_region", TEXT, "participant {}"),
        _part("conference_region", TEXT, "conference {}"),
    ),
    _row("Quality issues", "quality_issues"),
    _stream("Media, in", "metrics.inbound"),
    _stream("Media, out", "metrics.outbound"),
    _ACCOUNT,
)
_CALL_SUMMARY: Final = (
    _row("Call", "call_sid"),
    _row(
        "From",
        _part("from.caller | from.number_prefix", PARTY),
        "from.carrier",
        "from.connection",
        "from.country_code",
    ),
    _row(
        "To",
        _part("to.callee | to.number_prefix", PARTY),
        "to.carrier",
        "to.connection",
        "to.country_code",
    ),
    _row("Direction", "properties.direction", "call_type"),
    _row(
        "State",
        "call_state",
        _part("properties.disconnected_by", TEXT, "ended by {}"),
    ),
    _row("SIP response", "properties.last_sip_response_num"),
    _row(
        "Duration",
        _part("duration", SECONDS),
        _part("connect_duration", SECONDS, "connected {}"),
    ),
    _row("Post-dial delay", _part("properties.pdd_ms", MS)),
    *_summarised_edges(),
    _row("Tags", "tags"),
    _ACCOUNT,
)
_CALL_EVENT: Final = (
    _row("Call", "call_sid"),
    _row("Call event", "name", "group", "level"),
    _row("Edge", "edge"),
    _row("Error", "sdk_edge.error.code", "sdk_edge.error.message"),
    _row(
        "Metric",
        _part("sdk_edge.metric.values"),
        _part("sdk_edge.metric.threshold", TEXT, "threshold {}"),
    ),
    _row(
        "Feedback", _part("sdk_edge.feedback.score", TEXT, "score {}"), "sdk_edge.feedback.reason"
    ),
    *_located_edges(),
    _ACCOUNT,
)
_CALL_METRICS: Final = (
    _row("Call", "call_sid"),
    _row("Direction", "direction"),
    *_sampled_edges(),
    _ACCOUNT,
)
_NETWORK: Final = _row("Network", _part("mcc", TEXT, "MCC {}"), _part("mnc", TEXT, "MNC {}"))
# Callbacks have the fields of the webhook in `request.parameters`, or, as forms, at the top.
_CALLBACK: Final = (
    _row("Call", "sid | CallSid | call_sid"),
    _row(
        "Conference",
        "request.parameters.FriendlyName | FriendlyName",
        "request.parameters.ConferenceSid | ConferenceSid | conference_sid",
    ),
    _row(
        "Recording",
        "request.parameters.RecordingSid | RecordingSid",
        "request.parameters.RecordingStatus | RecordingStatus",
    ),
    _row("From", _part("request.parameters.From | From", PARTY)),
    _row("To", _part("request.parameters.To | To", PARTY)),
    _row("Direction", "request.parameters.Direction | Direction"),
    _row("State", "request.parameters.CallStatus | CallStatus | StatusCallbackEvent"),
    _row("SIP response", "request.parameters.SipResponseCode | SipResponseCode"),
    _row("Duration", _part("request.parameters.CallDuration | CallDuration", TEXT, "{} s")),
    _row("Error code", "request.parameters.ErrorCode | ErrorCode"),
    _row(
        "Response",
        _part("response.responseCode", TEXT, "HTTP {}"),
        _part("response.requestDuration", MS, "after {}"),
    ),
    _row("Account", "request.parameters.AccountSid | AccountSid | account_sid"),
)
_SENT: Final = (
    _row("Message", "messageSid | MessageSid"),
    _row("From", _part("from | From", PARTY)),
    _row("To", _part("to | To", PARTY)),
    _row("Status", "messageStatus | MessageStatus"),
    _row("Error code", "errorCode | ErrorCode"),
    _row("Messaging service", "messagingServiceSid | MessagingServiceSid"),
    _NETWORK,
    _row("Segments", "numberOfSegments"),
    _ACCOUNT,
)
_RECEIVED: Final = (
    _row("Message", "messageSid"),
    _row("From", _part("from", PARTY), "fromCountry"),
    _row("To", _part("to", PARTY)),
    _row("Messaging service", "messagingServiceSid"),
    _NETWORK,
    _row("Segments", "numSegments"),
    _ACCOUNT,
)
_ERROR_LOG: Final = (
    _row("Error code", "error_code | Payload.error_code"),
    _row("Level", "level | Level"),
    _row("Product", "product_name"),
    _row(
        "Message",
        "payload.message | payload.more_info.Msg | payload.more_info.msg"
        " | Payload.more_info.Msg | Payload.more_info.msg",
    ),
    _row("Resource", "payload.resource_sid | resource_sid | Payload.resource_sid"),
    _row("Service", "service_sid | payload.service_sid | Payload.service_sid"),
    _row("Request", "request_sid"),
    _row("Correlation", "correlation_sid"),
    _row("Log entry", "sid | Sid"),
    _ACCOUNT,
)
_TASKROUTER: Final = (
    _row("Task", "payload.task_sid"),
    _row("Queue", "payload.task_queue_name", "payload.task_queue_sid"),
    _row("Worker", "payload.worker_name", "payload.worker_sid"),
    _row(
        "Activity",
        "payload.worker_activity_name",
        _part("payload.worker_previous_activity_name", TEXT, "before {}"),
        _part("payload.worker_time_in_previous_activity", SECONDS, "for {}"),
    ),
    _row("Waiting", _part("payload.task_age", SECONDS)),
    _row(
        "Task status",
        "payload.task_assignment_status",
        _part("payload.task_priority", TEXT, "priority {}"),
        "payload.task_canceled_reason | payload.task_completed_reason | payload.reason",
    ),
    _row("Channel", "payload.task_channel_unique_name"),
    _row("Workflow", "payload.workflow_name", "payload.workflow_sid"),
    _row("Reservation", "payload.reservation_sid"),
    _row("Workspace", "payload.workspace_name", "payload.workspace_sid"),
    _ACCOUNT,
)
_STUDIO: Final = (
    _row("Flow", "flow_sid", _part("flow_revision", TEXT, "revision {}")),
    _row("Execution", "execution_sid"),
    _row("Step", "name | transitioned_from", "step_sid"),
    _row("Status", "status", "ended_reason"),
    _row("Contact", _part("contact_channel_address", PARTY)),
    _row("Started by", "started_by"),
    _ACCOUNT,
)
_VERIFY: Final = (
    _row("Verification", "verification_sid", "attempt_sid"),
    _row("To", _part("to", PARTY)),
    _row("Channel", "channel"),
    _row("Status", "message_status | verification_status | status"),
    _row("Error code", "error_code"),
    _NETWORK,
    _row("Service", "service_sid"),
    _ACCOUNT,
)
_COMPLIANCE: Final = (
    _row("Brand", "brandsid", "brandstatus"),
    _row("Campaign", "campaignsid", "campaignregistrationstatus"),
    _row("Verification", "tollfreeverificationsid", "verificationstatus"),
    _row("Number", _part("phonenumber", PARTY), "phonenumbersid"),
    _row("Reason", "failurereason"),
    _row("Messaging service", "messagingservicesid"),
    _row("Account", "accountsid"),
)
_CONVERSATION: Final = (
    _row("Conversation", "ConversationSid"),
    _row("Message", "MessageSid"),
    _row("Participant", "ParticipantSid"),
    _row("Identity", _part("Identity | Author", PARTY)),
    _row("Messaging service", "MessagingServiceSid"),
    _ACCOUNT,
)
_ROOM: Final = (
    _row("Room", "room_name", "room_sid"),
    _row("Participant", "participant_sid"),
    _row("Track", "track_type", "track_sid"),
    _row("Status", "status", "end_reason"),
    _row("Duration", _part("duration_sec | duration_secs", SECONDS)),
    _row("Region", "media_region"),
    _ACCOUNT,
)
_SIM: Final = (
    _row("SIM", "sim_unique_name", "sim_sid"),
    _row("Fleet", "fleet_sid"),
    _row("Network", "network.friendly_name", "rat_type"),
    _ACCOUNT,
)
_TWILIO: Final = (_ACCOUNT, _row("Status", "status"), _SUBJECT)

ANY: Final = ""
"""The pattern of types that no other pattern has."""
_INSIGHTS: Final = "com.twilio.voice.insights."

FACTS: Final[Mapping[str, tuple[FactRow, ...]]] = {
    f"{_INSIGHTS}conference-summary.": _CONFERENCE,
    f"{_INSIGHTS}conference-participant-summary.": _PARTICIPANT,
    f"{_INSIGHTS}participant-summary.": _PARTICIPANT,
    f"{_INSIGHTS}call-summary.": _CALL_SUMMARY,
    f"{_INSIGHTS}call-event.": _CALL_EVENT,
    f"{_INSIGHTS}call-metrics.": _CALL_METRICS,
    "com.twilio.voice.": _CALLBACK,
    "com.twilio.messaging.message.": _SENT,
    "com.twilio.messaging.status-callback.": _SENT,
    "com.twilio.messaging.inbound-message.": _RECEIVED,
    "com.twilio.error-logs.": _ERROR_LOG,
    "com.twilio.debugger.": _ERROR_LOG,
    "com.twilio.taskrouter.": _TASKROUTER,
    "com.twilio.studio.flow.": _STUDIO,
    "com.twilio.accountsecurity.verify.": _VERIFY,
    "com.twilio.messaging.compliance.": _COMPLIANCE,
    "com.twilio.conversations.": _CONVERSATION,
    "com.twilio.video.insights.": _ROOM,
    "com.twilio.iot.supersim.": _SIM,
    "com.twilio.": _TWILIO,
    ANY: _CONFERENCE,
}
"""The rows of each type, by the beginning of its name."""


PARTY_LABELS: Final = frozenset(
    row.label
    for rows in FACTS.values()
    for row in rows
    if any(part.form is PARTY for part in row.parts)
)
"""The labels of facts with a telephone number or another party."""


def rows_of(event_type: str) -> tuple[FactRow, ...]:
    """Return the rows by which events of a type are described."""
    found = max((prefix for prefix in FACTS if event_type.startswith(prefix)), key=len)
    return FACTS[found]


def labels_of(event_type: str) -> tuple[str, ...]:
    """Return the labels of the facts that events of a type can have."""
    return tuple(row.label for row in rows_of(event_type))
