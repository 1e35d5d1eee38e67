"""CloudEvents 1.0 as received and as stored in a batch.

The envelope is decoded once, into a Struct. The original bytes of each event are passed on, so that
destinations receive exactly what the sender wrote (key order, number formats, unknown attributes).

Source: CloudEvents 1.0.2, "JSON Event Format" and "HTTP Protocol Binding"; Twilio Event Streams.
"""

from typing import Annotated, Any, Final, Literal

import msgspec

from router.events import payload
from router.events.json_text import decode_json
from router.events.schemas import TEST_EVENT

EVENT_VERSION: Final = 101
"""The form of an event in the journal; see ``router.journal.records``."""

_Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=2048)]
_TypeName = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    """The attributes of a CloudEvent (CloudEvents 1.0, section 3); extensions are permitted.

    ``time`` and ``datacontenttype`` are any text, because Twilio's documented example has a
    timestamp as ``datacontenttype`` and no ``time``.
    """

    specversion: Literal["1.0"]
    id: _Identifier
    source: _Identifier
    type: _TypeName
    time: str | None = None
    subject: str | None = None
    dataschema: str | None = None
    datacontenttype: str | None = None
    data: Any = None
    data_base64: str | None = None


class Event(msgspec.Struct, frozen=True, array_like=True):
    """One event of a batch, as stored in the journal."""

    id: str
    source: str
    type: str
    time: str
    """RFC 3339 as the sender wrote it; ``""`` if the event has none."""
    key: str
    """Identifies the event: a second event with this key is a duplicate."""
    received_at: float
    """Unix time in seconds."""
    body: bytes
    """The CloudEvent in JSON, byte for byte as received."""
    version: Annotated[int, msgspec.Meta(lt=200)] = EVENT_VERSION
    trace: str = ""
    """The context of its trace, as ``TraceContext.text``; ``""`` if no span caused it."""


class UnmappedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The rest of a source's request that could not be mapped: all that a mapping reads besides the body.

    With it, a replay maps the body again.
    """

    source: str
    """The name of the source."""
    content_type: str = ""
    headers: dict[str, str] = {}
    """The headers that the source's expressions read, by names in small letters."""
    query: dict[str, Any] = {}
    """The parameters of the query that they read."""
    is_item: bool = False
    """Whether the body is one item of the request, in JSON, and not all of its body."""


class Malformed(msgspec.Struct, frozen=True, array_like=True):
    """Input that is not a valid CloudEvent. It is quarantined with the reason."""

    reason: str
    path: str
    """JSON path into the request, for example ``$[3].source``."""
    received_at: float
    """Unix time in seconds."""
    body: bytes
    request: UnmappedRequest | None = None
    """The request of a source; None if the body by itself is to be an event."""


class Received(msgspec.Struct, frozen=True):
    """The events of one request, in order."""

    events: list[Event]
    malformed: list[Malformed]


def event_key(envelope: CloudEvent) -> str:
    """Return the key of an event: its source and id (CloudEvents 1.0, section 3.1.1).

    The key of Twilio's test event includes ``data.test_id``, because its id is always the account's
    SID. Otherwise a second test of a sink would be a duplicate of the first.
    """
    key = f"{envelope.source}\x00{envelope.id}"
    if envelope.type == TEST_EVENT:
        data = payload.data_of(msgspec.structs.asdict(envelope))
        if isinstance(data, dict):
            return f"{key}\x00{data.get('test_id', '')}"
    return key


def key_of(event_type: str, source: str, event_id: str, body: bytes) -> str:
    """Return the key of an event that was accepted, as ``event_key`` of its envelope.

    ``body`` is the CloudEvent in JSON; what it lacks of a test event counts as empty.
    """
    key = f"{source}\x00{event_id}"
    if event_type != TEST_EVENT:
        return key
    try:
        content = decode_json(body)
        data = payload.data_of(content)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return key
    return f"{key}\x00{data.get('test_id', '')}" if isinstance(data, dict) else key


def document(event: Event) -> dict[str, Any]:
    """Return the whole CloudEvent as Python values, for conditions and templates.

    ``payload.data_of`` says what ``data`` is.

    Raises:
        msgspec.DecodeError: Also RecursionError and UnicodeDecodeError. Ingress rejects such events,
            but the journal may contain some that an older version accepted.
    """
    decoded: dict[str, Any] = decode_json(event.body)
    data = payload.data_of(decoded)
    if data is not msgspec.UNSET:
        decoded["data"] = data
    return decoded
