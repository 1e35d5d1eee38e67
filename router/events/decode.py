"""Decode a request body to events and malformed events.

Source: CloudEvents 1.0.2, "JSON Event Format"; Twilio Event Streams.
"""

from collections.abc import Callable

import msgspec

from router.errors import EventError, EventsTooLargeError, UnsupportedCharsetError
from router.events import charsets, limits
from router.events.cut import cut_array
from router.events.envelope import read_envelope, strict_reader
from router.events.json_text import BOM, UNDECODABLE, check_json, mended, reason_of
from router.events.model import (
    CloudEvent,
    Event,
    Malformed,
    Received,
    document,
    event_key,
)

_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_JSON_SPACE = b" \t\r\n"
_SHOWN = 200
"""Characters of a message or path that may repeat the sender's text."""


def test_id_of(event: Event) -> str:
    """Return the ``test_id`` of a test event of a Twilio sink; ``""`` if it has none."""
    try:
        data = document(event).get("data")
    except UNDECODABLE:
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
        UnsupportedCharsetError: An event has text in a character set that is unknown; if ``strict``.
        EventsTooLargeError: The array has more than ``max_events`` elements, or the body more than
            ``max_values`` values.
    """
    return _decode(body, _Bounds(received_at, max_events, max_depth, max_values, strict))


def _decode(body: bytes, bounds: "_Bounds") -> Received:
    """Decode a body, a second time if it has what only ``mended`` reads."""
    try:
        received = _decode_body(body, bounds)
        if not received.malformed:
            return received
    except (EventsTooLargeError, UnsupportedCharsetError):
        raise
    except EventError:
        changed = mended(body)
        if changed == body:
            raise
    else:
        changed = mended(body)
        if changed == body:
            return received
    return _decode_body(changed, bounds)


def decode_leniently(
    body: bytes,
    *,
    content_type: str = "",
    received_at: float,
    max_events: int,
    max_depth: int = limits.MAX_DEPTH,
    max_values: int | None = None,
) -> Received:
    """Decode as ``decode_request``, but never reject a request for one of its members.

    It is for requests that Twilio signed, and for records of a stream. Twilio repeats a rejected
    request for four hours and drops it then, with all of its events. An array is therefore cut
    although a member is no JSON, too deep or too large, and the member is malformed. A body that
    cannot be cut is malformed as a whole.

    Args:
        body: The body of the request.
        content_type: Its media type; the parameter ``charset`` counts.
        received_at: Unix time in seconds.
        max_events: The permitted number of events.
        max_depth: The permitted nesting depth of arrays and objects.
        max_values: The permitted number of values in all events together; None for no limit.

    Raises:
        EventsTooLargeError: The array has more than ``max_events`` elements, or its well-formed
            events have more than ``max_values`` values together.
    """
    bounds = _Bounds(received_at, max_events, max_depth, max_values, strict=False)
    text = _in_utf8(body, content_type) if ";" in content_type else body
    try:
        return _decode(text, bounds)
    except EventError as error:
        problem = error
    members = cut_array(mended(text), most=max_events)
    if members is not None:
        received = _decode_texts(members, bounds, read_envelope, root="$[{}]", are_checked=False)
        if isinstance(problem, EventsTooLargeError) and not received.malformed:
            raise problem
        return received
    return Received([], [Malformed(problem.message, problem.path or "$", received_at, body)])


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


def _in_utf8(body: bytes, content_type: str) -> bytes:
    """Return a body in UTF-8; unchanged if it is not JSON in the character set of its media type."""
    try:
        text = charsets.to_utf8(body, charsets.codec_of(content_type))
    except EventError:
        return body
    start = text.removeprefix(BOM).lstrip(_JSON_SPACE)[:1]
    return text if start in {b"[", b"{"} else body


class _Bounds(msgspec.Struct, frozen=True):
    """The arguments of ``decode_request``."""

    received_at: float
    max_events: int
    max_depth: int
    max_values: int | None
    strict: bool


def _decode_body(body: bytes, bounds: _Bounds) -> Received:
    _reject_invalid_utf8(body)
    if bounds.max_values is not None and limits.exceeds_values(body, bounds.max_values):
        _reject_malformed_json(body)
        raise EventsTooLargeError(
            "too_many_values", f"more than {bounds.max_values} values in one request"
        )
    is_array = body.lstrip(_JSON_SPACE)[:1] == b"["
    texts = [bytes(raw) for raw in _elements(body)] if is_array else [body]
    read = strict_reader(body) if bounds.strict else read_envelope
    received = _decode_texts(texts, bounds, read, root="$[{}]" if is_array else "$")
    if received.malformed and not is_array:
        _reject_non_object(body, bounds.max_depth)
    return received


def _decode_texts(
    texts: list[bytes],
    bounds: _Bounds,
    read: Callable[[bytes], CloudEvent],
    *,
    root: str,
    are_checked: bool = True,
) -> Received:
    """Decode each text to an event; those that are none are malformed.

    Args:
        texts: The members of a request.
        bounds: Limits.
        read: Decodes the attributes.
        root: The JSON path of a member, with a place for its index.
        are_checked: Whether the texts are known to be UTF-8.
    """
    if len(texts) > bounds.max_events:
        raise EventsTooLargeError(
            "too_many_events", f"{len(texts)} events in one request, at most {bounds.max_events}"
        )
    received = Received([], [])
    for index, text in enumerate(texts):
        try:
            if not are_checked:
                _reject_invalid_utf8(text)
            event = _decode_event(text, bounds, read)
        except UnsupportedCharsetError as error:
            if bounds.strict:
                path = root.format(index) + error.path[1:]
                raise UnsupportedCharsetError(error.message, path) from None
            event = Malformed(error.message, error.path, bounds.received_at, text)
        except EventError as error:
            event = Malformed(error.message, error.path or "$", bounds.received_at, text)
        if isinstance(event, Event):
            received.events.append(event)
        else:
            path = root.format(index) + event.path[1:]
            received.malformed.append(msgspec.structs.replace(event, path=path))
    return received


def _decode_event(
    text: bytes, bounds: _Bounds, read: Callable[[bytes], CloudEvent]
) -> Event | Malformed:
    """Return the event, or the reason and the path within it if it is malformed.

    Raises EventError.
    """
    exceeded = limits.exceeded_limit(text, max_depth=bounds.max_depth)
    try:
        if exceeded:
            check_json(text)  # because its own error says more, if it has one
            return Malformed(exceeded, "$", bounds.received_at, text)
        envelope = read(text)
    except UNDECODABLE as error:
        return Malformed(_message(error), _path(error), bounds.received_at, text)
    return Event(
        envelope.id,
        envelope.source,
        envelope.type,
        envelope.time or "",
        event_key(envelope),
        bounds.received_at,
        text,
    )


def _elements(body: bytes) -> list[msgspec.Raw]:
    try:
        return _decode_list(body)
    except UNDECODABLE as error:
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
    except UNDECODABLE as error:
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
    return _truncate(reason_of(error).split(" - at `")[0])


def _path(error: Exception) -> str:
    _, found, path = str(error).partition(" - at `")
    return _truncate(path.rstrip("`")) if found else "$"


def _truncate(text: str) -> str:
    """Return at most ``_SHOWN`` characters, because the text may repeat the sender's own."""
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
