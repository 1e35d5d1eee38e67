"""HTTP bodies: an alert as JSON, as a CloudEvent, or in the receiver's own form (pure).

The event's bytes are sent as they were received: a body is built around them, never re-encoded.

An alert becomes a CloudEvent of its own rather than the event with attributes added. Otherwise two
alerts of one event, or an alert and its resolution, would have the same source and id, and a
consumer may drop the second (CloudEvents 1.0.2, section 3.1.1). Sources: CloudEvents 1.0.2, "JSON
Event Format", "HTTP Protocol Binding" (section 3.1.3.2, encoding of header values) and "JSON Batch
Format".
"""

import enum
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import msgspec

from router.alerts import Alert, Delivery, Measurement
from router.destinations.contract import Links
from router.destinations.rendering.summary import (
    decode,
    rfc3339,
    summary,
)
from router.destinations.rendering.templates import (
    TemplateTarget,
)
from router.media_types import CLOUDEVENT, CLOUDEVENT_BATCH, JSON

LEFT_OUT: Final = "router-left-out"
"""The header that names what a body lacks, because the receiver takes no larger one."""
APPENDIX: Final = ("event.data", "members", "values", "event", "labels", "description")
"""The parts of a body that may be left out, the least important first."""

_IDENTITY: Final = frozenset({"specversion", "id", "source", "type", "time"})
# Characters that a header value does not encode: printable ASCII but space, quote and percent.
_PLAIN: Final = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')


class Format(enum.StrEnum):
    """The form in which alerts are sent."""

    JSON = "json"
    """``{"alert": {…}, "event": <the CloudEvent as received>}``."""
    CLOUDEVENTS = "cloudevents"
    """A CloudEvent in structured mode, with the JSON form as its data."""
    CLOUDEVENTS_BINARY = "cloudevents-binary"
    """The same CloudEvent in binary mode: its attributes are headers."""
    EVENT = "event"
    """The CloudEvent as received and nothing else, byte for byte."""


class Body(msgspec.Struct, frozen=True):
    """The content of a request, and the headers that belong to it."""

    content: bytes
    content_type: str
    headers: Mapping[str, str] = {}
    errors: tuple[str, ...] = ()
    """The errors of templates, a line each."""


class _MemberJson(msgspec.Struct, frozen=True):
    id: str
    event_id: str
    raised_at: str
    summary: str


class _MeasureJson(msgspec.Struct, frozen=True):
    value: float
    of: int | None
    total: int
    text: str


class _AlertJson(msgspec.Struct, frozen=True, omit_defaults=True):
    id: str
    rule: str
    severity: str
    summary: str
    description: str
    raised_at: str
    status: str
    count: int
    held_back: int
    grouped: int
    escalation: int
    key: str = ""
    labels: dict[str, str] = {}
    values: dict[str, Any] = {}
    members: tuple[_MemberJson, ...] = ()
    links: dict[str, str] = {}
    left_out: tuple[str, ...] = ()
    acknowledged_by: str = ""
    measure: _MeasureJson | None = None
    since: str = ""
    held_because: tuple[str, ...] = ()
    reminder: int = 0
    fields: dict[str, Any] = {}


class _Attributes(msgspec.Struct, frozen=True, omit_defaults=True):
    """An alert's CloudEvent without data; ``severity``, ``rule``, ``replayof`` are extensions."""

    specversion: str | None
    id: str
    source: str
    type: str
    time: str
    severity: str
    rule: str
    subject: str = ""
    replayof: str = ""


_encode = msgspec.json.Encoder().encode


def alert_body(delivery: Delivery, form: Format, links: Links, limit: int | None = None) -> Body:
    """Return the body of a delivery in a form, the same for each attempt.

    Args:
        delivery: The delivery.
        form: The form.
        links: The alert's pages.
        limit: Bytes that the receiver takes. Of a larger body the parts of APPENDIX are left out,
            one after the other, until the rest fits or there are no more.
    """
    body = _alert_body(delivery, form, links, ())
    for count in range(1, len(APPENDIX) + 1):
        if limit is None or len(body.content) <= limit:
            break
        body = _alert_body(delivery, form, links, APPENDIX[:count])
    return body


def _alert_body(delivery: Delivery, form: Format, links: Links, left_out: tuple[str, ...]) -> Body:
    headers = {LEFT_OUT: ", ".join(left_out)} if left_out else {}
    if form is Format.EVENT:
        return Body(_event(delivery.alert, left_out), CLOUDEVENT, headers)
    line = summary(delivery.alert, TemplateTarget.TEXT)
    errors = (line.error,) if line.error else ()
    data = alert_json(delivery.alert, line.text, links, left_out)
    match form:
        case Format.JSON:
            return Body(data, JSON, headers, errors)
        case Format.CLOUDEVENTS:
            return Body(_structured(delivery, data), CLOUDEVENT, headers, errors)
        case Format.CLOUDEVENTS_BINARY:
            return Body(data, JSON, headers | _headers(delivery), errors)


def batch_body(bodies: Sequence[Body]) -> Body:
    """Return a batch of structured CloudEvents."""
    content = b"[%b]" % b",".join(each.content for each in bodies)
    errors = tuple(error for each in bodies for error in each.errors)
    return Body(content, CLOUDEVENT_BATCH, {}, errors)


def alert_json(
    alert: Alert, summary_text: str, links: Links, left_out: tuple[str, ...] = ()
) -> bytes:
    """Return ``{"alert": {…}, "event": <the CloudEvent as received>}``, without some parts of it."""
    kept = {name: name not in left_out for name in APPENDIX}
    described = _AlertJson(
        alert.id,
        alert.rule,
        alert.severity,
        summary_text,
        alert.description if kept["description"] else "",
        rfc3339(alert.raised_at),
        alert.status,
        alert.count,
        alert.held_back,
        alert.grouped,
        alert.escalation,
        alert.key,
        alert.labels if kept["labels"] else {},
        alert.values if kept["values"] else {},
        tuple(
            _MemberJson(member.id, member.event_id, rfc3339(member.raised_at), member.summary)
            for member in (alert.members if kept["members"] else ())
        ),
        {name: url for name, url in named_links(links) if url},
        left_out,
        alert.acknowledged_by,
        _measure_json(alert.measure),
        rfc3339(alert.since) if alert.since else "",
        alert.held_because,
        alert.reminder,
        _present(alert.fields) if kept["values"] else {},
    )
    return b'{"alert":%b,"event":%b}' % (_encode(described), _event(alert, left_out))


def _event(alert: Alert, left_out: tuple[str, ...]) -> bytes:
    """Return the event as received, without its data, or without all that is not its identity."""
    if not left_out:
        return alert.event
    attributes = {
        name: value
        for name, value in decode(alert).items()
        if name not in {"data", "data_base64"} and ("event" not in left_out or name in _IDENTITY)
    }
    return _encode(attributes)


def _present(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a rule's ``fields``, without facts that it takes away."""
    return {name: value for name, value in fields.items() if value is not None}


def _measure_json(found: Measurement | None) -> _MeasureJson | None:
    return None if found is None else _MeasureJson(found.value, found.of, found.total, found.text)


def _structured(delivery: Delivery, data: bytes) -> bytes:
    attributes = _encode(_attributes(delivery))
    return b'%b,"datacontenttype":"application/json","data":%b}' % (attributes[:-1], data)


def _headers(delivery: Delivery) -> dict[str, str]:
    attributes: dict[str, str] = msgspec.to_builtins(_attributes(delivery))
    return {f"ce-{name}": quote(text, safe=_PLAIN) for name, text in attributes.items()}


def _attributes(delivery: Delivery) -> _Attributes:
    alert = delivery.alert
    return _Attributes(
        "1.0",
        # The delivery's id, not the alert's, because a replay is a new event to its receiver.
        delivery.id,
        f"/event-router/rules/{alert.rule}",
        f"event-router.alert.{alert.status}",
        rfc3339(alert.raised_at),
        alert.severity,
        alert.rule,
        alert.key,
        delivery.replay_of,
    )


def named_links(links: Links) -> Iterator[tuple[str, str]]:
    """Yield each page's name and URL, which may be ``""``."""
    yield "acknowledge", links.acknowledge
    yield "silence", links.silence
    yield "show", links.show
