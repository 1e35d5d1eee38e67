"""The data of an event as conditions and templates see it. Ingress checks it by the same functions.

Data is what the JSON format says: any JSON value, of which a string is that string. Data in
``data_base64`` is decoded if it is JSON or text. Only Twilio's older events have an object or an
array as JSON text in a string; their strings are decoded once more.

Source: CloudEvents 1.0.2, "JSON Event Format" section 3.1; Twilio Event Streams.
"""

from typing import Any

import msgspec

from router.errors import EventError
from router.events import charsets, cloudevents, limits
from router.events.json_text import UNDECODABLE, decode_json, reason_of


def data_of(event: dict[str, Any]) -> Any:
    """Return the data of a decoded CloudEvent; UNSET if it has none that can be decoded.

    Never fails, because the journal may contain events that an older version accepted.
    """
    data = event.get("data")
    content_type = event.get("datacontenttype")
    stated = content_type if isinstance(content_type, str) else ""
    if data is None and event.get("data_base64") is not None:
        try:
            return unpacked(event["data_base64"], stated)
        except EventError:
            return msgspec.UNSET
    if (
        isinstance(data, str)
        and cloudevents.is_json(stated)
        and str(event.get("type")).startswith(cloudevents.TWILIO)
    ):
        return _nested(data)
    return event.get("data", msgspec.UNSET)


def unpacked(data_base64: object, content_type: str) -> Any:
    """Return the JSON value or the text in ``data_base64``; UNSET for data of other types.

    A text that is not in its character set has U+FFFD in place of what is not.

    Args:
        data_base64: The attribute.
        content_type: The attribute ``datacontenttype``; ``""`` if the event has none.

    Raises:
        EventError: It is not base64, or not the JSON that the content type announces.
        UnsupportedCharsetError: The character set of JSON or text is unknown.
    """
    content = cloudevents.decode_base64(data_base64)
    if content is None:
        raise EventError("not_a_cloudevent", "expected base64 (RFC 4648)", "$.data_base64")
    is_json = cloudevents.is_json(content_type)
    if not is_json and not cloudevents.is_text(content_type):
        return msgspec.UNSET
    codec = charsets.codec_of(content_type, path="$.datacontenttype")
    return _json_value(content, codec) if is_json else content.decode(codec, errors="replace")


def _json_value(content: bytes, codec: str) -> Any:
    try:
        return _decode(charsets.to_utf8(content, codec))
    except EventError as error:
        reason = error.message
    except UNDECODABLE as error:
        reason = reason_of(error)
    raise EventError(
        "not_a_cloudevent",
        f"data_base64 is not the JSON that datacontenttype announces: {reason}",
        "$.data_base64",
    )


def _nested(text: str) -> Any:
    """Return the object or the array that ``text`` contains, else ``text``."""
    try:
        value = _decode(text.encode())
    except UNDECODABLE:
        return text
    return value if isinstance(value, dict | list) else text


def _decode(text: bytes) -> Any:
    """Decode JSON that an event contains as text, within the limits of an event."""
    exceeded = limits.exceeded_limit(text, max_depth=limits.LARGEST_DEPTH)
    if exceeded:
        raise msgspec.DecodeError(exceeded)
    return decode_json(text)
