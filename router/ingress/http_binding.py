"""CloudEvents over HTTP: which of the three modes a request is in, and what it holds. Pure.

Whatever the mode, what leaves here is the JSON form, so that the journal, the rules and the
destinations know one. Structured and batched events stay byte for byte as they came; a binary one
is written down as JSON: data that is JSON as it stands, other text as a string, the rest as base64.

Source: CloudEvents 1.0.2, "HTTP Protocol Binding" section 3; "HTTP 1.1 Web Hooks" section 4.
"""

import base64
import codecs
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote_to_bytes

import msgspec
from multidict import CIMultiDictProxy

from router.datatypes import Texts
from router.errors import EventError
from router.events import cloudevents
from router.http.openapi import JSON
from router.ingress.responses import RequestRejectedError

STRUCTURED: Final = "application/cloudevents+json"
BATCHED: Final = "application/cloudevents-batch+json"
_PREFIX: Final = "application/cloudevents"
_HEADER: Final = "ce-"
_REQUIRED: Final = ("ce-specversion", "ce-id", "ce-source", "ce-type")
_NAME: Final = re.compile(r"[a-z0-9]+")
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPE: Final = re.compile(r"\\(.)")
_CHARSET: Final = re.compile(r";\s*charset=\"?([^\s;\"]+)", re.IGNORECASE)
_JSON_SPACE: Final = b" \t\r\n"


def is_binary_mode(content_type: str, headers: Mapping[str, str]) -> bool:
    """Whether the event is in the headers (binary mode) rather than in the body.

    ``content_type`` is without parameters. Raises RequestRejectedError for what is no CloudEvent.
    """
    if content_type in {STRUCTURED, BATCHED}:
        return False
    if not content_type.startswith(_PREFIX):
        if any(name in headers for name in _REQUIRED):
            return True
        if content_type == JSON:
            return False
    raise RequestRejectedError(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "content_type",
        f"send {STRUCTURED}, {BATCHED} or {JSON}, or the attributes as ce-* headers",
    )


def check_json_content_type(content_type: str) -> None:
    """Raise RequestRejectedError unless a body with this content type is JSON."""
    if content_type not in {JSON, STRUCTURED, BATCHED}:
        raise RequestRejectedError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "content_type",
            f"send {JSON}, {STRUCTURED} or {BATCHED}",
        )


def check_shape(content_type: str, content: bytes) -> None:
    """A batch is an array and a structured event an object; plain JSON may be either.

    Raises EventError.
    """
    is_array = content.lstrip(_JSON_SPACE)[:1] == b"["
    if content_type == BATCHED and not is_array:
        raise EventError("not_a_batch", f"{BATCHED} holds an array of events", "$")
    if content_type == STRUCTURED and is_array:
        raise EventError("not_one_event", f"an array of events is {BATCHED}", "$")


def to_structured(headers: CIMultiDictProxy[str], content: bytes) -> bytes:
    """A binary event in its JSON form. Raises EventError."""
    event: dict[str, object] = dict(_attributes(headers))
    content_type = headers.get("Content-Type", "")
    if content_type:
        event["datacontenttype"] = content_type
    if content:
        event.update(_data(content_type, content))
    return msgspec.json.encode(event)


def handshake_headers(
    headers: Mapping[str, str], origins: Texts, requests_per_minute: int
) -> dict[str, str]:
    """The headers that answer a sender's question whether it may send (web hook handshake).

    ``requests_per_minute`` is 0 where there is no limit. Raises RequestRejectedError where it may not.
    """
    origin = headers.get("WebHook-Request-Origin", "")
    if not origins:
        raise RequestRejectedError(
            HTTPStatus.METHOD_NOT_ALLOWED,
            "method",
            "no origin may ask here: set ROUTER_WEBHOOK_ORIGINS",
            headers={"Allow": "POST"},
        )
    if not origin:
        raise RequestRejectedError(
            HTTPStatus.BAD_REQUEST, "no_origin", "send WebHook-Request-Origin: <your name>"
        )
    everybody = "*" in origins
    if not everybody and origin.lower() not in {known.lower() for known in origins}:
        raise RequestRejectedError(
            HTTPStatus.FORBIDDEN, "wrong_origin", "events from this origin are not wanted"
        )
    return {
        "Allow": "POST, OPTIONS",
        "WebHook-Allowed-Origin": "*" if everybody else origin,
        "WebHook-Allowed-Rate": str(requests_per_minute or "*"),
    }


def _attributes(headers: CIMultiDictProxy[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for header, value in headers.items():
        if header[: len(_HEADER)].lower() != _HEADER:
            continue
        name = header[len(_HEADER) :].lower()
        place = f"$.{name[:80]}"
        if not _NAME.fullmatch(name):
            raise EventError(
                "not_a_cloudevent", "attribute names are letters and digits only", place
            )
        if name == "datacontenttype":
            raise EventError(
                "not_a_cloudevent", "its place is Content-Type, not ce-datacontenttype", place
            )
        if name in found:
            raise EventError("not_a_cloudevent", f"{_HEADER}{name} is there twice", place)
        found[name] = _text(value, place)
    return found


def _text(value: str, place: str) -> str:
    """A header's value as the sender meant it: quotes undone, then percent-encoding."""
    quoted = _QUOTED.fullmatch(value)
    if quoted is not None:
        value = _ESCAPE.sub(r"\1", quoted[1])
    try:
        # aiohttp gives bytes that are not UTF-8 as lone surrogates.
        return unquote_to_bytes(value.encode("utf-8", "surrogateescape")).decode()
    except UnicodeDecodeError:
        raise EventError("not_a_cloudevent", "the header is not UTF-8", place) from None


def _data(content_type: str, content: bytes) -> dict[str, object]:
    if _is_utf8(content_type):
        try:
            text = content.decode()
        except UnicodeDecodeError:
            text = None
        if cloudevents.is_json(content_type):
            return {"data": _checked(content, is_text=text is not None)}
        if text is not None and content_type[:5].lower() == "text/":
            return {"data": text}
    return {"data_base64": base64.b64encode(content).decode()}


def _checked(content: bytes, *, is_text: bool) -> msgspec.Raw:
    try:
        if is_text:
            msgspec.json.decode(content)
            return msgspec.Raw(content)
        reason = "it is not UTF-8"
    except RecursionError:
        reason = "JSON is nested too deeply"
    except msgspec.DecodeError as error:
        reason = str(error)
    raise EventError("not_json", f"Content-Type says JSON, the body is none: {reason}", "$.data")


def _is_utf8(content_type: str) -> bool:
    named = _CHARSET.search(content_type)
    if named is None:
        return True
    try:
        return codecs.lookup(named[1]).name in {"utf-8", "ascii"}
    except LookupError:
        return False
