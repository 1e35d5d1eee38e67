"""Decode the attributes of one CloudEvent, by the envelope's types or by every rule of CloudEvents.

Source: CloudEvents 1.0.2, "JSON Event Format".
"""

from collections.abc import Callable
from typing import Any

import msgspec

from router.errors import EventError
from router.events import cloudevents, limits, payload
from router.events.model import CloudEvent
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
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_SMALL_BODY = 65_536
"""Bytes of a body that is decoded as a whole, because that costs 0.1 s at most, and usually less than
to look for numbers out of range."""
_MAX_ATTRIBUTES = 1000
"""Attributes of one event, extensions included, if every rule of CloudEvents is checked."""


def read_envelope(text: bytes) -> CloudEvent:
    """Decode the fields that accepting an event requires.

    Raises EventError or one of ``UNDECODABLE``.
    """
    envelope: CloudEvent = _decode_envelope(text)
    if envelope.type == TEST_EVENT:  # its key depends on its data
        envelope = msgspec.json.decode(text, type=CloudEvent)
    _reject_control_characters(envelope)
    if envelope.data_base64 is not None:
        payload.unpacked(envelope.data_base64, envelope.datacontenttype or "")
    return envelope


def strict_reader(body: bytes) -> Callable[[bytes], CloudEvent]:
    """Return the function that checks every rule of CloudEvents for an event of ``body``."""
    if len(body) <= _SMALL_BODY:
        return _strict_event
    return _strict_envelope_in_range if limits.number_out_of_range(body) else _strict_envelope


def _strict_event(text: bytes) -> CloudEvent:
    """Decode the whole event. Raises EventError or one of ``UNDECODABLE``."""
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

    Raises EventError or one of ``UNDECODABLE``.
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
    if envelope.data_base64 is not None:
        payload.unpacked(envelope.data_base64, envelope.datacontenttype or "")


def _attributes(text: bytes) -> dict[str, Any]:
    """Return the members of an event, decoded except for ``data``, of which an object is kept.

    Raises EventError or one of ``UNDECODABLE``.
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
