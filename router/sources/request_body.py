"""The body of a request as an expression reads it: JSON, a form, or text.

JSON is read by its content type, and without one by its first character, because some senders state
``text/plain`` (Amazon SNS). Files of a multipart form are left out. Every form has limits.

Source: RFC 7578 (multipart/form-data); the URL Standard, "application/x-www-form-urlencoded".
"""

import enum
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
import multipart

from router.errors import EventError
from router.events import charsets, cloudevents, limits
from router.events.json_text import BOM, UNDECODABLE, mended, reason_of
from router.media_types import FORM, MULTIPART_FORM

FORM_FIELDS: Final = 1000
"""The fields of a form, or of a query."""
_JSON_STARTS: Final = (b"{", b"[")
_JSON_SPACE: Final = b" \t\r\n"
_decode = msgspec.json.Decoder().decode
_BOUNDARY_LENGTH: Final = 70
"""Characters of a boundary (RFC 2046, section 5.1.1)."""


class BodyKind(enum.StrEnum):
    """The forms of a body."""

    JSON = "JSON"
    FORM = "a form"
    TEXT = "text"
    EMPTY = "empty"


class RequestBody(msgspec.Struct, frozen=True):
    """A decoded body."""

    kind: BodyKind
    value: Any
    """JSON's value, the fields of a form, a text, or None."""
    json: bytes = b""
    """The JSON text in UTF-8, which is written into events as it came; else ``b""``."""


def decode_body(body: bytes, content_type: str, *, max_depth: int, max_values: int) -> RequestBody:
    """Return the value of a body.

    Args:
        body: The body, decompressed.
        content_type: The header ``Content-Type``, with its parameters.
        max_depth: The permitted nesting depth of JSON.
        max_values: The permitted number of values of JSON.

    Raises:
        EventError: The body is not what its content type says, or exceeds a limit.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == FORM:
        return RequestBody(BodyKind.FORM, _urlencoded(body, content_type))
    if media_type == MULTIPART_FORM:
        return RequestBody(BodyKind.FORM, _multipart(body, content_type))
    text = charsets.to_utf8(body, charsets.codec_of(content_type)) if ";" in content_type else body
    start = text.removeprefix(BOM).lstrip(_JSON_SPACE)[:1]
    if not start:
        return RequestBody(BodyKind.EMPTY, None)
    if start in _JSON_STARTS or cloudevents.is_json(media_type):
        return _json(mended(text), max_depth=max_depth, max_values=max_values)
    try:
        return RequestBody(BodyKind.TEXT, text.removeprefix(BOM).decode())
    except UnicodeDecodeError as error:
        raise _not_text(error) from None


def query_fields(query: str) -> dict[str, Any]:
    """Return the parameters of a query; one that is repeated as a list. Raise EventError."""
    return _fields(query.encode("utf-8", "surrogateescape"), "utf-8", "the query")


def _json(text: bytes, *, max_depth: int, max_values: int) -> RequestBody:
    if not text.isascii():
        try:
            text.decode()  # because msgspec does not check the UTF-8 of what it skips
        except UnicodeDecodeError as error:
            raise _not_text(error) from None
    exceeded = limits.exceeded_limit(text, max_depth=max_depth, max_values=max_values)
    if exceeded:
        raise EventError("not_json", exceeded, "$")
    try:
        # By msgspec itself, which rejects a number out of range.
        return RequestBody(BodyKind.JSON, _decode(text), text)
    except UNDECODABLE as error:
        raise EventError("not_json", reason_of(error), "$") from None


def _urlencoded(body: bytes, content_type: str) -> dict[str, Any]:
    return _fields(body, charsets.codec_of(content_type), "the form")


def _fields(text: bytes, codec: str, where: str) -> dict[str, Any]:
    try:
        pairs = parse_qsl(
            text.decode("ascii", "surrogateescape"),
            keep_blank_values=True,
            encoding=codec,
            errors="replace",
            max_num_fields=FORM_FIELDS,
        )
    except ValueError:
        raise EventError(
            "too_many_fields", f"{where} has more than {FORM_FIELDS} fields", "$"
        ) from None
    return _merged((decoded_text(name), decoded_text(value)) for name, value in pairs)


def decoded_text(text: str) -> str:
    """Return a text with U+FFFD for each byte that is not UTF-8, which HTTP gives as a lone surrogate."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _merged(pairs: Any) -> dict[str, Any]:
    """Return fields by name, in order; one that is repeated has the list of its values."""
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name not in fields:
            fields[name] = value
        elif isinstance(fields[name], list):
            fields[name].append(value)
        else:
            fields[name] = [fields[name], value]
    return fields


def _multipart(body: bytes, content_type: str) -> dict[str, Any]:
    """Return the text fields of a multipart form."""
    _, options = multipart.parse_options_header(content_type)
    boundary = options.get("boundary", "")
    if not 0 < len(boundary) <= _BOUNDARY_LENGTH:
        raise EventError("not_a_form", "multipart/form-data without a valid boundary", "$")
    pairs: list[tuple[str, str]] = []
    part: multipart.MultipartSegment | None = None
    content = bytearray()
    try:
        with multipart.PushMultipartParser(
            boundary, len(body), max_segment_count=FORM_FIELDS, strict=True
        ) as parser:
            for event in parser.parse(body):
                if isinstance(event, multipart.MultipartSegment):
                    part = event
                    content.clear()
                elif event:
                    content += event
                elif part is not None and part.name is not None and part.filename is None:
                    pairs.append((part.name, _text(bytes(content), part.charset)))
    except (multipart.MultipartError, ValueError, LookupError) as error:
        reason = " ".join(str(each) for each in error.args) or type(error).__name__
        raise EventError("not_a_form", f"the form is malformed: {reason}", "$") from None
    return _merged(pairs)


def _text(content: bytes, charset: str | None) -> str:
    codec = charsets.codec_of(f"text/plain; charset={charset}") if charset else charsets.UTF8
    return content.decode(codec, "replace")


def _not_text(error: UnicodeDecodeError) -> EventError:
    return EventError(
        "not_text", f"the body is not UTF-8: {error.reason} at byte {error.start}", "$"
    )
