"""Decode request bodies: bytes in, events and malformed events out.

Source: CloudEvents 1.0.2, "JSON Event Format"; Twilio Event Streams.
"""

import msgspec

from router.errors import EventError, EventsTooLargeError
from router.events import cloudevents
from router.events import limits as nesting
from router.events.model import (
    CloudEvent,
    Event,
    Malformed,
    PlainCloudEvent,
    Received,
    document,
    event_key,
)
from router.events.schemas import TEST_EVENT


class _Envelope(CloudEvent, frozen=True):
    """A CloudEvent whose data, and whose extensions, are well-formed JSON that nobody has read.

    What is left unread may still hold a number that is none on this machine (``1e999``).
    """

    data: msgspec.Raw = msgspec.Raw(b"null")


_decode_envelope = msgspec.json.Decoder(_Envelope).decode


_decode_plain = msgspec.json.Decoder(PlainCloudEvent).decode


_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


_UNDECODABLE = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)


_JSON_SPACE = b" \t\r\n"


_SHOWN = 200
"""Characters of an explanation."""


def test_id_of(event: Event) -> str:
    """What Twilio calls the test that ``event``, a test event of a sink, belongs to; else ""."""
    try:
        data = document(event).get("data")
    except _UNDECODABLE:
        return ""
    return str(data.get("test_id", "")) if isinstance(data, dict) else ""


def decode_request(
    body: bytes,
    *,
    received_at: float,
    max_events: int,
    max_depth: int = nesting.MAX_DEPTH,
    strict: bool = False,
) -> Received:
    """Decode one CloudEvent or an array of them; events that are none come back as malformed.

    ``strict`` holds every rule of CloudEvents against them, not the envelope's only. Raises
    EventError when the body is not JSON or neither object nor array, EventsTooLargeError for more
    than ``max_events``.
    """
    _refuse_bad_text(body)
    is_array = body.lstrip(_JSON_SPACE)[:1] == b"["
    texts = [bytes(raw) for raw in _elements(body)] if is_array else [body]
    if len(texts) > max_events:
        raise EventsTooLargeError(
            "too_many_events", f"{len(texts)} events in one request, at most {max_events}"
        )
    received = Received([], [])
    for index, text in enumerate(texts):
        event = _decode_event(text, received_at, max_depth, strict=strict)
        if isinstance(event, Event):
            received.events.append(event)
        else:
            place = f"$[{index}]" if is_array else "$"
            path = place + event.path[1:]
            received.malformed.append(msgspec.structs.replace(event, path=path))
    if received.malformed and not is_array:
        _refuse_other_than_object(body)
    return received


def decode_strictly(
    body: bytes, *, received_at: float, max_events: int, max_depth: int = nesting.MAX_DEPTH
) -> list[Event]:
    """As decode_request with ``strict``, but one malformed event refuses the whole request.

    Raises EventError with the JSON path of the first thing wrong.
    """
    received = decode_request(
        body, received_at=received_at, max_events=max_events, max_depth=max_depth, strict=True
    )
    if received.malformed:
        first = received.malformed[0]
        raise EventError("not_a_cloudevent", first.reason, first.path)
    return received.events


def _decode_event(
    text: bytes, received_at: float, max_depth: int, *, strict: bool
) -> Event | Malformed:
    """The event, or why it is none, with the path in itself."""
    try:
        envelope = _read_through(text) if strict else _envelope(text)
    except _UNDECODABLE as error:
        return Malformed(_explain(error), _path(error), received_at, text)
    except EventError as error:
        return Malformed(error.message, error.path, received_at, text)
    excess = nesting.exceeded_limit(text, max_depth=max_depth)
    if excess:
        return Malformed(excess, "$", received_at, text)
    return Event(
        envelope.id,
        envelope.source,
        envelope.type,
        envelope.time or "",
        event_key(envelope),
        received_at,
        text,
    )


def _envelope(text: bytes) -> CloudEvent:
    """What is needed to take an event in. Raises EventError, or what msgspec raises."""
    envelope: CloudEvent = _decode_envelope(text)
    if envelope.type == TEST_EVENT:  # what makes it the same event is in its data
        envelope = msgspec.json.decode(text, type=CloudEvent)
    _refuse_control_characters(envelope)
    return envelope


def _read_through(text: bytes) -> CloudEvent:
    """The whole event, held against every rule. Raises EventError, or what msgspec raises."""
    try:
        envelope: CloudEvent = _decode_plain(text)
    except msgspec.ValidationError:
        # Either it has extensions, or it is none: the second look says which.
        decoded = msgspec.json.decode(text)
        envelope = msgspec.convert(decoded, CloudEvent)
        attributes = decoded
    else:
        attributes = None
    _refuse_control_characters(envelope)
    fault = cloudevents.violation(attributes or msgspec.structs.asdict(envelope))
    if fault is not None:
        raise EventError("not_a_cloudevent", *fault)
    return envelope


def _refuse_control_characters(envelope: CloudEvent) -> None:
    if "\x00" in envelope.source or "\x00" in envelope.id:
        raise EventError("not_a_cloudevent", "attributes hold no control characters", "$")


def _elements(body: bytes) -> list[msgspec.Raw]:
    try:
        return _decode_list(body)
    except _UNDECODABLE as error:
        raise EventError("not_json", _explain(error), _path(error)) from None


def _refuse_other_than_object(body: bytes) -> None:
    try:
        value = msgspec.json.decode(body)
    except _UNDECODABLE as error:
        raise EventError("not_json", _explain(error), _path(error)) from None
    if not isinstance(value, dict):
        raise EventError("not_a_cloudevent", "expected a JSON object or an array of them", "$")


def _refuse_bad_text(body: bytes) -> None:
    # msgspec skips over fields that it need not decode, bad UTF-8 in them included.
    if body.isascii():
        return
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise EventError(
            "not_json", f"the body is not UTF-8: {error.reason} at byte {error.start}"
        ) from None


def _explain(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "JSON is nested too deeply"
    return _shortened(str(error).split(" - at `")[0])


def _path(error: Exception) -> str:
    _, found, path = str(error).partition(" - at `")
    return _shortened(path.rstrip("`")) if found else "$"


def _shortened(text: str) -> str:
    """At most so much of what may repeat the sender's own text."""
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
