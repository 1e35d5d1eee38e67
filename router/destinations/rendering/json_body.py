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

from router.alerts import Alert, Delivery
from router.destinations.contract import Links
from router.destinations.rendering.summary import (
    decode,
    rfc3339,
    summary,
    template_variables,
)
from router.destinations.rendering.templates import (
    TemplateTarget,
    render_value,
    template_error,
)
from router.destinations.rendering.text import one_line

JSON: Final = "application/json"
"""Content type of JSON, and of a CloudEvent in binary mode."""
CLOUDEVENT: Final = "application/cloudevents+json"
"""Content type of a CloudEvent in structured mode."""
CLOUDEVENTS: Final = "application/cloudevents-batch+json"
"""Content type of a batch."""

_TEXTS_LIMIT: Final = 200
"""Templates of one body."""
_REASON_LIMIT: Final = 200
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


def alert_body(delivery: Delivery, form: Format, links: Links) -> Body:
    """Return the body of a delivery in a form, the same for each attempt."""
    if form is Format.EVENT:
        return Body(delivery.alert.event, CLOUDEVENT)
    line = summary(delivery.alert, TemplateTarget.TEXT)
    errors = (line.error,) if line.error else ()
    data = alert_json(delivery.alert, line.text, links)
    match form:
        case Format.JSON:
            return Body(data, JSON, {}, errors)
        case Format.CLOUDEVENTS:
            return Body(_structured(delivery, data), CLOUDEVENT, {}, errors)
        case Format.CLOUDEVENTS_BINARY:
            return Body(data, JSON, _headers(delivery), errors)


def batch_body(bodies: Sequence[Body]) -> Body:
    """Return a batch of structured CloudEvents."""
    content = b"[%b]" % b",".join(each.content for each in bodies)
    errors = tuple(error for each in bodies for error in each.errors)
    return Body(content, CLOUDEVENTS, {}, errors)


def alert_json(alert: Alert, summary_text: str, links: Links) -> bytes:
    """Return ``{"alert": {…}, "event": <the CloudEvent as received>}``."""
    described = _AlertJson(
        alert.id,
        alert.rule,
        alert.severity,
        summary_text,
        alert.description,
        rfc3339(alert.raised_at),
        alert.status,
        alert.count,
        alert.held_back,
        alert.grouped,
        alert.escalation,
        alert.key,
        alert.labels,
        alert.values,
        tuple(
            _MemberJson(member.id, member.event_id, rfc3339(member.raised_at), member.summary)
            for member in alert.members
        ),
        {name: url for name, url in _links(links) if url},
    )
    return b'{"alert":%b,"event":%b}' % (_encode(described), alert.event)


def template_body(delivery: Delivery, template: Mapping[str, Any], links: Links) -> Body:
    """Return ``template`` with its texts filled in, as a body.

    The result is always valid JSON, because values are encoded, not pasted. A text whose template
    fails becomes null, so that the receiver finds the structure that it expects.
    """
    alert = delivery.alert
    event = decode(alert)
    line = summary(alert, TemplateTarget.TEXT, event)
    names = template_variables(alert, event, line.text)
    names["alert"] |= {"delivery": delivery.id, "links": dict(_links(links))}
    errors = [line.error] if line.error else []

    def fill(part: Any, path: str) -> Any:
        if isinstance(part, dict):
            return {name: fill(each, f"{path}.{name}") for name, each in part.items()}
        if isinstance(part, list):
            return [fill(each, f"{path}[{index}]") for index, each in enumerate(part)]
        if not isinstance(part, str) or "{" not in part:
            return part
        try:
            return msgspec.Raw(_encode(render_value(part, names)))
        except Exception as error:  # noqa: BLE001 - an expression may raise anything
            reason = one_line(f"{type(error).__name__}: {error}", _REASON_LIMIT)
            errors.append(f"rule {alert.rule}: {path} of event {alert.event_id} failed, {reason}")
            return None

    return Body(_encode(fill(template, "body")), JSON, {}, tuple(errors))


def check_template(template: Mapping[str, Any]) -> None:
    """Check the templates of a body.

    Raises:
        ValueError: A template is not valid, or there are too many; the message names the text.
    """
    texts = list(_texts(template, ""))
    if len(texts) > _TEXTS_LIMIT:
        raise ValueError(f"body: {len(texts)} texts, at most {_TEXTS_LIMIT}")
    for path, text in texts:
        problem = template_error(text)
        if problem is not None:
            raise ValueError(f"body: {path.removeprefix('.')}: {problem[1]}")


def _texts(part: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(part, str):
        yield path, part
    elif isinstance(part, dict):
        for name, each in part.items():
            yield from _texts(each, f"{path}.{name}")
    elif isinstance(part, list):
        for index, each in enumerate(part):
            yield from _texts(each, f"{path}[{index}]")


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


def _links(links: Links) -> Iterator[tuple[str, str]]:
    yield "acknowledge", links.acknowledge
    yield "silence", links.silence
    yield "show", links.show
