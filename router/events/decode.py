"""Decode a request body to events and malformed events.

Source: CloudEvents 1.0.2, "JSON Event Format"; Twilio Event Streams.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from router.errors import EventError, EventsTooLargeError
from router.events import cloudevents, limits
from router.events.model import (
    CloudEvent,
    Event,
    Malformed,
    Received,
    document,
    event_key,
)
from router.events.schemas import TEST_EVENT

_NULL = msgspec.Raw(b"null")


class _Envelope(CloudEvent, frozen=True):
    """A CloudEvent whose data and extensions are well-formed JSON that is not decoded.

    The undecoded part may still contain a number that is out of range (``1e999``).
    """

    data: msgspec.Raw = _NULL


class _PlainEnvelope(_Envelope, frozen=True, forbid_unknown_fields=True):
    """An envelope without extensions, the common case; the decoder checks every attribute."""


class _WholeEvent(CloudEvent, frozen=True, forbid_unknown_fields=True):
    """An event without extensions, with its data decoded."""


_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_whole = msgspec.json.Decoder(_WholeEvent).decode
_decode_plain = msgspec.json.Decoder(_PlainEnvelope).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
check_json = msgspec.json.Decoder(msgspec.Raw).decode
"""Check the syntax of a JSON text without decoding it; raises one of ``_UNDECODABLE``."""

_UNDECODABLE = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
_JSON_SPACE = b" \t\r\n"
_SMALL_BODY = 65_536
"""Bytes of a body that is decoded as a whole, because that costs 0.1 s at most, and usually less than
to look for numbers out of range."""
_MAX_ATTRIBUTES = 1000
"""Attributes of one event, extensions included, if every rule of CloudEvents is checked."""
_SHOWN = 200
"""Characters of a message or path that may repeat the sender's text."""


def test_id_of(event: Event) -> str:
    """Return the ``test_id`` of a test event of a Twilio sink; ``""`` if it has none."""
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
    max_depth: int = limits.MAX_DEPTH,
    max_values: int | None = None,
    strict: bool = False,
) -> Received:
    """Decode one CloudEvent or an array of them; invalid ones are returned as malformed.

    Args:
        body: The body of the request.
        received_at: Unix time in seconds.
        max_events: The permitted number of events.
        max_depth: The permitted nesting depth of arrays and objects.
        max_values: The permitted number of values in all events together; None for no limit.
        strict: Whether to check every rule of CloudEvents instead of the envelope only.

    Raises:
        EventError: The body is not JSON, or neither an object nor an array.
        EventsTooLargeError: The array has more than ``max_events`` elements, or the body more than
            ``max_values`` values.
    """
    _reject_invalid_utf8(body)
    if max_values is not None and limits.exceeds_values(body, max_values):
        _reject_malformed_json(body)
        raise EventsTooLargeError(
            "too_many_values", f"more than {max_values} values in one request"
        )
    is_array = body.lstrip(_JSON_SPACE)[:1] == b"["
    texts = [bytes(raw) for raw in _elements(body)] if is_array else [body]
    if len(texts) > max_events:
        raise EventsTooLargeError(
            "too_many_events", f"{len(texts)} events in one request, at most {max_events}"
        )
    read = _reader(body) if strict else _envelope
    received = Received([], [])
    for index, text in enumerate(texts):
        event = _decode_event(text, received_at, max_depth, read)
        if isinstance(event, Event):
            received.events.append(event)
        else:
            root = f"$[{index}]" if is_array else "$"
            path = root + event.path[1:]
            received.malformed.append(msgspec.structs.replace(event, path=path))
    if received.malformed and not is_array:
        _reject_non_object(body, max_depth)
    return received


def decode_strictly(
    body: bytes,
    *,
    received_at: float,
    max_events: int,
    max_depth: int = limits.MAX_DEPTH,
    max_values: int | None = None,
) -> list[Event]:
    """Decode as ``decode_request`` with ``strict``, but reject a request with a malformed event.

    Raises:
        EventError: The body or an event is invalid; it has the JSON path of the first violation.
    """
    received = decode_request(
        body,
        received_at=received_at,
        max_events=max_events,
        max_depth=max_depth,
        max_values=max_values,
        strict=True,
    )
    if received.malformed:
        first = received.malformed[0]
        raise EventError("not_a_cloudevent", first.reason, first.path)
    return received.events


def _decode_event(
    text: bytes, received_at: float, max_depth: int, read: Callable[[bytes], CloudEvent]
) -> Event | Malformed:
    """Return the event, or the reason and the path within it if it is malformed."""
    exceeded = limits.exceeded_limit(text, max_depth=max_depth)
    try:
        if exceeded:
            check_json(text)  # because its own error says more, if it has one
            return Malformed(exceeded, "$", received_at, text)
        envelope = read(text)
    except _UNDECODABLE as error:
        return Malformed(_message(error), _path(error), received_at, text)
    except EventError as error:
        return Malformed(error.message, error.path, received_at, text)
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
    """Decode the fields that accepting an event requires.

    Raises EventError or one of ``_UNDECODABLE``.
    """
    envelope: CloudEvent = _decode_envelope(text)
    if envelope.type == TEST_EVENT:  # its key depends on its data
        envelope = msgspec.json.decode(text, type=CloudEvent)
    _reject_control_characters(envelope)
    return envelope


def _reader(body: bytes) -> Callable[[bytes], CloudEvent]:
    """Return the function that checks every rule of CloudEvents for an event of ``body``."""
    if len(body) <= _SMALL_BODY:
        return _strict_event
    return _strict_envelope_in_range if limits.number_out_of_range(body) else _strict_envelope


def _strict_event(text: bytes) -> CloudEvent:
    """Decode the whole event. Raises EventError or one of ``_UNDECODABLE``."""
    attributes: dict[str, Any] | None = None
    try:
        envelope: CloudEvent = _decode_whole(text)
    except msgspec.ValidationError:
        # It has extensions or is invalid; decoding it again as a CloudEvent decides which.
        attributes = msgspec.json.decode(text)
        envelope = msgspec.convert(attributes, CloudEvent)
    _check_rules(envelope, attributes or msgspec.structs.asdict(envelope))
    return envelope


def _strict_envelope_in_range(text: bytes) -> CloudEvent:
    out_of_range = limits.number_out_of_range(text)
    if out_of_range:
        raise EventError("not_json", out_of_range, "$")
    return _strict_envelope(text)


def _strict_envelope(text: bytes) -> CloudEvent:
    """Decode the attributes of an event whose numbers are in range.

    ``data`` is checked and not decoded, because decoding costs up to a hundred times as much.

    Raises EventError or one of ``_UNDECODABLE``.
    """
    attributes: dict[str, Any]
    try:
        envelope: CloudEvent = _decode_plain(text)
    except msgspec.ValidationError:
        attributes = _attributes(text)
        envelope = msgspec.convert(attributes, CloudEvent)
    else:
        attributes = msgspec.structs.asdict(envelope)
        if attributes["data"] == _NULL:
            attributes["data"] = None
    if envelope.type == TEST_EVENT:  # its key depends on its data
        envelope = msgspec.json.decode(text, type=CloudEvent)
    _check_rules(envelope, attributes)
    return envelope


def _check_rules(envelope: CloudEvent, attributes: dict[str, Any]) -> None:
    _reject_control_characters(envelope)
    violation = cloudevents.violation(attributes)
    if violation is not None:
        raise EventError("not_a_cloudevent", *violation)


def _attributes(text: bytes) -> dict[str, Any]:
    """Return the members of an event, decoded except for ``data``, of which an object is kept.

    Raises EventError or one of ``_UNDECODABLE``.
    """
    members: dict[str, msgspec.Raw] = _decode_members(text)
    if len(members) > _MAX_ATTRIBUTES:
        raise EventError("not_a_cloudevent", f"more than {_MAX_ATTRIBUTES} attributes", "$")
    return {
        name: raw if name == "data" and raw != _NULL else msgspec.json.decode(raw)
        for name, raw in members.items()
    }


def _reject_control_characters(envelope: CloudEvent) -> None:
    if "\x00" in envelope.source or "\x00" in envelope.id:
        raise EventError("not_a_cloudevent", "expected attributes without control characters", "$")


def _elements(body: bytes) -> list[msgspec.Raw]:
    try:
        return _decode_list(body)
    except _UNDECODABLE as error:
        raise EventError("not_json", _message(error), _path(error)) from None


def _reject_non_object(body: bytes, max_depth: int) -> None:
    _reject_malformed_json(body)
    if not limits.exceeded_limit(body, max_depth=max_depth):
        out_of_range = limits.number_out_of_range(body)
        if out_of_range:
            raise EventError("not_json", out_of_range, "$")
    if body.lstrip(_JSON_SPACE)[:1] != b"{":
        raise EventError("not_a_cloudevent", "expected a JSON object or an array of them", "$")


def _reject_malformed_json(body: bytes) -> None:
    try:
        check_json(body)
    except _UNDECODABLE as error:
        raise EventError("not_json", _message(error), _path(error)) from None


def _reject_invalid_utf8(body: bytes) -> None:
    # msgspec does not check the UTF-8 of fields that it skips.
    if body.isascii():
        return
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise EventError(
            "not_json", f"the body is not UTF-8: {error.reason} at byte {error.start}"
        ) from None


def _message(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "JSON is nested too deeply"
    return _truncate(str(error).split(" - at `")[0])


def _path(error: Exception) -> str:
    _, found, path = str(error).partition(" - at `")
    return _truncate(path.rstrip("`")) if found else "$"


def _truncate(text: str) -> str:
    """Return at most ``_SHOWN`` characters, because the text may repeat the sender's own."""
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
