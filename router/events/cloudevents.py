"""The rules of CloudEvents 1.0 beyond the types of the envelope.

The functions are pure. The tests include the cases of the public conformance suite.

Source: CloudEvents 1.0.2: "CloudEvents" sections 2 and 3, "JSON Event Format" sections 2 and 3.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, Final

from router.timestamps import unix_nanoseconds

ATTRIBUTES: Final = frozenset(
    {"specversion", "id", "source", "type", "time", "subject", "dataschema", "datacontenttype"}
)
"""The attributes that the specification defines; all others are extensions."""
_MEMBERS: Final = ATTRIBUTES | {"data", "data_base64"}
_OF_FORMAT: Final = frozenset({"specversion", "dataschema", "datacontenttype", "data_base64"})
"""The members that say how an event is written, so that a source cannot choose them."""
TWILIO: Final = "com.twilio."
"""Prefix of the event types that skip these rules, because Twilio's documented example has a timestamp
as ``datacontenttype``."""

_NAME: Final = re.compile(r"[a-z0-9]+")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_TOKEN: Final = r"[A-Za-z0-9!#$&^_.+*'`|~%-]+"  # noqa: S105 - of a media type
_MEDIA_TYPE: Final = re.compile(rf"{_TOKEN}/{_TOKEN}\s*(?:;.*)?", re.DOTALL)
_JSON: Final = re.compile(r"(?:[^/]*/json|[^/]*/[^/]*\+json)", re.IGNORECASE)
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:.+", re.DOTALL)
_SMALLEST_INTEGER: Final = -(2**31)
_LARGEST_INTEGER: Final = 2**31 - 1


def violation(event: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the first rule that an event violates and the JSON path (``$.time``); None if valid.

    Args:
        event: The decoded JSON object. Its required attributes must be text.
    """
    if event["type"].startswith(TWILIO):
        return None
    return (
        _name_violation(event)
        or _value_violation(event)
        or _optional_violation(event)
        or _data_violation(event)
    )


def extension_problem(name: str) -> tuple[str, str] | None:
    """Return why an extension attribute cannot have a name, and what to write; None if it can."""
    if name in _MEMBERS:
        hint = "remove it" if name in _OF_FORMAT else "write it beside extensions"
        return f"{name} is no extension", f"every event has it: {hint}"
    if not _NAME.fullmatch(name):
        return f"{name[:60]!r} is no name of an attribute", "use lower-case letters and digits only"
    return None


def is_json(content_type: str) -> bool:
    """Return whether a media type, with or without parameters, is one of JSON."""
    return _JSON.fullmatch(content_type.partition(";")[0].strip()) is not None


def is_text(content_type: str) -> bool:
    """Return whether a media type, with or without parameters, is one of text."""
    return content_type.lstrip()[:5].lower() == "text/"


def decode_base64(text: object) -> bytes | None:
    """Return the bytes of ``data_base64``; None if it is not base64."""
    if not isinstance(text, str):
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def has_control_characters(text: str) -> bool:
    """Return whether a text has a character that no attribute may have."""
    return _CONTROL.search(text) is not None


def _name_violation(event: Mapping[str, Any]) -> tuple[str, str] | None:
    for name in event.keys() - _MEMBERS:
        if not _NAME.fullmatch(name):
            return "expected an attribute name of lower-case letters and digits", f"$.{name[:80]}"
    return None


def _value_violation(event: Mapping[str, Any]) -> tuple[str, str] | None:
    for name, value in event.items():
        if name in {"data", "data_base64"} or value is None or isinstance(value, bool):
            continue
        if isinstance(value, str):
            if _CONTROL.search(value):
                return "expected text without control characters", f"$.{name}"
        elif not isinstance(value, int):
            return "expected text, a whole number or a boolean", f"$.{name}"
        elif not _SMALLEST_INTEGER <= value <= _LARGEST_INTEGER:
            return "expected a whole number of at most 32 bits", f"$.{name}"
    return None


def _optional_violation(event: Mapping[str, Any]) -> tuple[str, str] | None:
    time, schema = event.get("time"), event.get("dataschema")
    content_type = event.get("datacontenttype")
    if time is not None and unix_nanoseconds(time) is None:
        return "expected a time such as 2026-01-31T12:00:00Z (RFC 3339)", "$.time"
    if event.get("subject") == "":
        return "expected a subject that is not empty", "$.subject"
    if schema is not None and not _URI.fullmatch(schema):
        return "expected an absolute URI", "$.dataschema"
    if content_type is not None and not _MEDIA_TYPE.fullmatch(content_type):
        return "expected a media type such as application/json", "$.datacontenttype"
    return None


def _data_violation(event: Mapping[str, Any]) -> tuple[str, str] | None:
    if event.get("data_base64") is None:
        return None
    if event.get("data") is not None:
        return "both data and data_base64 are present, send one of them", "$.data_base64"
    if decode_base64(event["data_base64"]) is None:
        return "expected base64 (RFC 4648)", "$.data_base64"
    return None
