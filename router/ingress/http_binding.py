"""CloudEvents over HTTP: detecting the mode of a request, and converting it to JSON. Pure.

An event of any mode leaves here in the JSON format, so that the journal, the rules and the
destinations know only one. Structured and batched events keep their bytes. A binary event is
written as JSON: data that is JSON unchanged, other text as a string, the rest as base64. Text of
another character set becomes UTF-8.

Source: CloudEvents 1.0.2, "HTTP Protocol Binding" section 3; "HTTP 1.1 Web Hooks" section 4.
"""

import base64
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote_to_bytes

import msgspec
from multidict import CIMultiDictProxy

from router.datatypes import Texts
from router.errors import EventError
from router.events import charsets, cloudevents
from router.events.json_text import BOM, UNDECODABLE, check_json, mended, reason_of
from router.events.limits import number_out_of_range
from router.ingress.responses import RequestRejectedError
from router.media_types import CLOUDEVENT, CLOUDEVENT_BATCH, JSON

_PREFIX: Final = "application/cloudevents"
_HEADER: Final = "ce-"
_REQUIRED: Final = ("ce-specversion", "ce-id", "ce-source", "ce-type")
_NAME: Final = re.compile(r"[a-z0-9]+")
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPE: Final = re.compile(r"\\(.)")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters, and the lone surrogates that stand for bytes that are not UTF-8."""
_JSON_WHITESPACE: Final = b" \t\r\n"


def is_binary_mode(content_type: str, headers: Mapping[str, str]) -> bool:
    """Return whether the attributes are in the headers (binary mode) rather than in the body.

    Args:
        content_type: The content type without its parameters.
        headers: Headers of the request.

    Raises:
        RequestRejectedError: The request is a CloudEvent of no mode.
    """
    if content_type in {CLOUDEVENT, CLOUDEVENT_BATCH}:
        return False
    if not content_type.startswith(_PREFIX):
        if any(name in headers for name in _REQUIRED):
            return True
        if content_type == JSON:
            return False
    raise RequestRejectedError(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "content_type",
        f"Content-Type must be {CLOUDEVENT}, {CLOUDEVENT_BATCH} or {JSON}; or send ce-* headers",
    )


def check_json_content_type(content_type: str) -> None:
    """Check that a body of this content type is JSON.

    Raises:
        RequestRejectedError: It is not.
    """
    if content_type not in {JSON, CLOUDEVENT, CLOUDEVENT_BATCH}:
        raise RequestRejectedError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "content_type",
            f"Content-Type must be {JSON}, {CLOUDEVENT} or {CLOUDEVENT_BATCH}",
        )


def structured_text(stated: str, content: bytes) -> bytes:
    """Return a structured or batched body in UTF-8, without a byte order mark.

    Args:
        stated: The content type with its parameters.
        content: The body.

    Raises:
        EventError: The body is not in the character set that it announces.
        UnsupportedCharsetError: That is unknown.
    """
    if ";" in stated:
        content = charsets.to_utf8(content, charsets.codec_of(stated))
    return content.removeprefix(BOM)


def check_shape(content_type: str, content: bytes) -> None:
    """Check that a batch is an array and a structured event an object; plain JSON may be either.

    Raises:
        EventError: The body is the other of the two.
    """
    is_array = content.lstrip(_JSON_WHITESPACE)[:1] == b"["
    if content_type == CLOUDEVENT_BATCH and not is_array:
        raise EventError(
            "not_a_batch", f"a body of type {CLOUDEVENT_BATCH} must be an array of events", "$"
        )
    if content_type == CLOUDEVENT and is_array:
        raise EventError(
            "not_one_event", f"an array of events must be sent as {CLOUDEVENT_BATCH}", "$"
        )


def to_structured(headers: CIMultiDictProxy[str], content: bytes) -> bytes:
    """Return the JSON format of a binary event.

    Raises:
        EventError: An attribute is malformed, or the body is not what its content type says.
        UnsupportedCharsetError: The body is text in a character set that is unknown.
    """
    event: dict[str, object] = dict(_attributes(headers))
    content_type = headers.get("Content-Type", "")
    if _CONTROL.search(content_type):
        raise EventError(
            "not_a_cloudevent",
            "Content-Type may contain no control characters and must be UTF-8",
            "$.datacontenttype",
        )
    if content_type:
        event["datacontenttype"] = content_type
    if content:
        event.update(_data(content_type, content))
    return msgspec.json.encode(event)


def handshake_headers(
    headers: Mapping[str, str], origins: Texts, requests_per_minute: int
) -> dict[str, str]:
    """Return the response headers that permit a sender to send (web hook handshake).

    Args:
        headers: Headers of the request.
        origins: The configured origins; ``*`` allows all.
        requests_per_minute: The rate to grant; 0 for no limit.

    Raises:
        RequestRejectedError: The sender names no origin, or one that is not allowed.
    """
    origin = headers.get("WebHook-Request-Origin", "")
    if not origins:
        raise RequestRejectedError(
            HTTPStatus.METHOD_NOT_ALLOWED,
            "method",
            "the web hook handshake is disabled: set ROUTER_WEBHOOK_ORIGINS",
            headers={"Allow": "POST"},
        )
    if not origin:
        raise RequestRejectedError(
            HTTPStatus.BAD_REQUEST,
            "no_origin",
            "the origin is missing: send WebHook-Request-Origin: <DNS name of the sender>",
        )
    allows_all = "*" in origins
    if not allows_all and origin.lower() not in {known.lower() for known in origins}:
        raise RequestRejectedError(
            HTTPStatus.FORBIDDEN, "wrong_origin", "this origin is not allowed"
        )
    return {
        "Allow": "POST, OPTIONS",
        "WebHook-Allowed-Origin": "*" if allows_all else origin,
        "WebHook-Allowed-Rate": str(requests_per_minute or "*"),
    }


def _attributes(headers: CIMultiDictProxy[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for header, value in headers.items():
        if header[: len(_HEADER)].lower() != _HEADER:
            continue
        name = header[len(_HEADER) :].lower()
        path = f"$.{name[:80]}"
        if not _NAME.fullmatch(name):
            raise EventError(
                "not_a_cloudevent", "attribute names may contain only letters and digits", path
            )
        if name == "datacontenttype":
            raise EventError(
                "not_a_cloudevent", "send it as Content-Type, not as ce-datacontenttype", path
            )
        if name in found:
            raise EventError("not_a_cloudevent", f"{_HEADER}{name} appears twice", path)
        found[name] = _decode(value, path)
    return found


def _decode(value: str, path: str) -> str:
    """Return a header's value without its quotes, then without its percent-encoding."""
    quoted = _QUOTED.fullmatch(value)
    if quoted is not None:
        value = _ESCAPE.sub(r"\1", quoted[1])
    try:
        # The bytes are restored first, because aiohttp gives those that are not UTF-8 as lone
        # surrogates.
        return unquote_to_bytes(value.encode("utf-8", "surrogateescape")).decode()
    except UnicodeDecodeError:
        raise EventError("not_a_cloudevent", "the header is not UTF-8", path) from None


def _data(content_type: str, content: bytes) -> dict[str, object]:
    is_json = cloudevents.is_json(content_type)
    if not is_json and not cloudevents.is_text(content_type):
        return _packed(content)
    codec = charsets.codec_of(content_type, path="$.datacontenttype")
    if is_json:
        return {"data": _checked_json(content, codec)}
    try:
        return {"data": content.decode(codec)}
    except UnicodeError:
        return _packed(content)  # so that receivers get what was sent


def _packed(content: bytes) -> dict[str, object]:
    return {"data_base64": base64.b64encode(content).decode()}


def _checked_json(content: bytes, codec: str) -> msgspec.Raw:
    """Return JSON in UTF-8 that the worker can read. Raises EventError."""
    try:
        text = mended(charsets.to_utf8(content, codec))
        text.decode()  # because msgspec does not check texts that it skips
        check_json(text)
        reason = number_out_of_range(text)
        if not reason:
            return msgspec.Raw(text)
    except EventError as error:
        reason = error.message
    except UnicodeDecodeError as error:
        reason = f"it is not UTF-8: {error.reason} at byte {error.start}"
    except UNDECODABLE as error:
        reason = reason_of(error)
    raise EventError(
        "not_json", f"the body is not the JSON that Content-Type announces: {reason}", "$.data"
    )
