"""What conditions and templates see as the data of an event."""

import base64
import math
from typing import Any

import msgspec
import pytest

from router.errors import EventError, UnsupportedCharsetError
from router.events.decode import decode_request, decode_strictly
from router.events.model import Event, document

MINIMAL = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}
JSON = "application/json"
TWILIO = "com.twilio.voice.insights.call-summary.complete"
ABSENT = object()


def encoded(**changes: object) -> bytes:
    return msgspec.json.encode({**MINIMAL, **changes})


def packed(content: bytes) -> str:
    return base64.b64encode(content).decode()


def strictly(**changes: object) -> Event:
    return decode_strictly(encoded(**changes), received_at=1.0, max_events=1)[0]


@pytest.mark.parametrize("data", ["hello", "123", "", "null", '{"a": 1}', "[1]", "{", 5, None, [1]])
@pytest.mark.parametrize("content_type", [JSON, "application/vnd.x+json; charset=utf-8", None])
def test_a_json_string_is_the_value(data: Any, content_type: str | None) -> None:
    """Case I2 (CloudEvents, JSON format, section 3.1): a string is not decoded once more."""
    event = strictly(data=data, datacontenttype=content_type)

    assert document(event)["data"] == data


@pytest.mark.parametrize(
    ("data", "seen"),
    [
        ('{"a": 1}', {"a": 1}),
        ("[1]", [1]),
        ('\ufeff{"a": 1}', {"a": 1}),
        ('{"a":"\\ud83d"}', {"a": "\ufffd"}),
        ('{"a":1e999}', {"a": math.inf}),
        ("hello", "hello"),
        ("123", "123"),
        ("null", "null"),
        ('"x"', '"x"'),
        ("", ""),
        ("{", "{"),
        ("[" * 5000 + "]" * 5000, "[" * 5000 + "]" * 5000),
    ],
    ids=range(12),
)
def test_json_in_a_string_of_twilios_is_decoded_if_it_is_an_object_or_an_array(
    data: str, seen: Any
) -> None:
    """Case I2: only Twilio's older events have their data so."""
    body = encoded(type=TWILIO, data=data, datacontenttype=JSON)
    (event,) = decode_request(body, received_at=1.0, max_events=1).events

    assert document(event)["data"] == seen


@pytest.mark.parametrize(
    ("content_type", "content", "seen"),
    [
        (JSON, b'{"a":1}', {"a": 1}),
        (JSON, b'\xef\xbb\xbf{"a":1}', {"a": 1}),
        (JSON, b'"123"', "123"),
        (JSON, b"null", None),
        (JSON, b'{"a":"\\ud83d"}', {"a": "\ufffd"}),
        (JSON, b"[1e999]", [math.inf]),
        ("application/json; charset=iso-8859-1", b'{"name":"M\xfcller"}', {"name": "Müller"}),
        (
            "application/json; charset=utf-16",
            '{"name":"Müller"}'.encode("utf-16"),
            {"name": "Müller"},
        ),
        ("text/plain", b"M\xc3\xbcller", "Müller"),
        ("text/plain; charset=iso-8859-1", b"M\xfcller", "Müller"),
        ("text/plain; charset=utf-16le", "Müller".encode("utf-16-le"), "Müller"),
        ("TEXT/CSV; charset=windows-1252", b"\x80 5", "€ 5"),
        ("text/plain", b"M\xfcller", "M\ufffdller"),
        ("text/plain; charset=utf-16", b"\xff", "\ufffd"),
        ("image/png; charset=nonsense", b"\x89PNG", ABSENT),
        ("application/octet-stream", b"{}", ABSENT),
        (None, b"{}", ABSENT),
    ],
)
def test_data_in_base64_is_decoded_by_its_type_and_charset(
    content_type: str | None, content: bytes, seen: Any
) -> None:
    """Case I3."""
    event = strictly(data_base64=packed(content), datacontenttype=content_type)

    assert document(event).get("data", ABSENT) == seen


@pytest.mark.parametrize(
    ("content_type", "content", "message"),
    [
        (JSON, b"not json", "not the JSON that datacontenttype announces: JSON is malformed"),
        (JSON, b"", "not the JSON that datacontenttype announces: JSON ends too early"),
        (JSON, b'{"a":"\xff"}', "not the JSON that datacontenttype announces: .*utf-8"),
        (JSON, b"[" * 600 + b"]" * 600, "nested too deeply"),
        ("application/json; charset=utf-16", b"{", "not utf-16"),
    ],
)
def test_base64_that_is_not_the_json_it_announces_is_rejected(
    content_type: str, content: bytes, message: str
) -> None:
    """Case I3: as in binary mode, and not 202 and then quarantine."""
    with pytest.raises(EventError, match=message) as caught:
        strictly(data_base64=packed(content), datacontenttype=content_type)

    assert (caught.value.code, caught.value.path) == ("not_a_cloudevent", "$.data_base64")


@pytest.mark.parametrize("content_type", ["text/plain; charset=x", "application/json; charset=x"])
def test_text_of_an_unknown_charset_is_rejected_with_its_path(content_type: str) -> None:
    """Case I3."""
    event = encoded(data_base64=packed(b"x"), datacontenttype=content_type)
    body = b"[" + encoded() + b"," + event + b"]"

    with pytest.raises(UnsupportedCharsetError) as caught:
        decode_strictly(body, received_at=1.0, max_events=2)

    assert (caught.value.code, caught.value.path) == ("charset", "$[1].datacontenttype")


def test_an_event_of_an_older_version_is_read_without_data_that_cannot_be_decoded() -> None:
    """The journal may have what an older version accepted, and it is no reason for quarantine."""
    for data in ("not base64!", packed(b"{")):
        body = encoded(data_base64=data, datacontenttype=JSON)
        event = Event("1", "/s", "t", "", "k", 1.0, body)

        assert "data" not in document(event)
