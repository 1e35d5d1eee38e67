"""Bodies as expressions read them: JSON, forms and text, within limits."""

import pytest

from router.errors import EventError
from router.sources.request_body import BodyKind, RequestBody, decode_body, query_fields

MULTIPART = (
    b"--b\r\n"
    b'Content-Disposition: form-data; name="from"\r\n\r\n'
    b"a@example.com\r\n"
    b"--b\r\n"
    b'Content-Disposition: form-data; name="text"\r\n'
    b"Content-Type: text/plain; charset=iso-8859-1\r\n\r\n"
    b"M\xfcller\r\n"
    b"--b\r\n"
    b'Content-Disposition: form-data; name="file"; filename="x.png"\r\n\r\n'
    b"\x89PNG\r\n"
    b"--b\r\n"
    b'Content-Disposition: form-data; name="from"\r\n\r\n'
    b"b@example.com\r\n"
    b"--b--\r\n"
)


def decoded(body: bytes, content_type: str = "application/json") -> RequestBody:
    return decode_body(body, content_type, max_depth=64, max_values=1000)


@pytest.mark.parametrize(
    ("content_type", "body", "kind", "value"),
    [
        ("application/json", b'{"a": 1.0}', BodyKind.JSON, {"a": 1.0}),
        ("application/json", b'\xef\xbb\xbf{"a": 1}', BodyKind.JSON, {"a": 1}),
        ("application/json", b'"text"', BodyKind.JSON, "text"),
        (
            "application/json",
            b'{"a":"na\\ud83d"}',
            BodyKind.JSON,
            {"a": "na\N{REPLACEMENT CHARACTER}"},
        ),
        ("application/vnd.x+json; charset=iso-8859-1", b'{"a":"\xfc"}', BodyKind.JSON, {"a": "ü"}),
        (
            "text/plain; charset=UTF-8",
            b' {"Type": "Notification"}',
            BodyKind.JSON,
            {"Type": "Notification"},
        ),
        ("", b"[1]", BodyKind.JSON, [1]),
        ("text/plain", "grüß".encode(), BodyKind.TEXT, "grüß"),
        ("text/plain; charset=utf-16", "grüß".encode("utf-16"), BodyKind.TEXT, "grüß"),
        ("application/octet-stream", b"", BodyKind.EMPTY, None),
        ("application/json", b" \r\n", BodyKind.EMPTY, None),
        (
            "application/x-www-form-urlencoded",
            b"a=1&b=x+y%C3%BC&a=2&c=",
            BodyKind.FORM,
            {"a": ["1", "2"], "b": "x yü", "c": ""},
        ),
        (
            "application/x-www-form-urlencoded; charset=iso-8859-1",
            b"b=%FC",
            BodyKind.FORM,
            {"b": "ü"},
        ),
        (
            "application/x-www-form-urlencoded",
            b"b=\xff",
            BodyKind.FORM,
            {"b": "\N{REPLACEMENT CHARACTER}"},
        ),
        (
            "multipart/form-data; boundary=b",
            MULTIPART,
            BodyKind.FORM,
            {"from": ["a@example.com", "b@example.com"], "text": "Müller"},
        ),
        (
            'Multipart/Form-Data; boundary="b"',
            MULTIPART,
            BodyKind.FORM,
            {"from": ["a@example.com", "b@example.com"], "text": "Müller"},
        ),
    ],
    ids=lambda each: repr(each)[:50],
)
def test_a_body_is_read_by_its_content_type(content_type, body, kind, value):
    found = decoded(body, content_type)

    assert (found.kind, found.value) == (kind, value)


@pytest.mark.parametrize(
    ("content_type", "body", "reason"),
    [
        ("application/json", b"no json", "malformed"),
        ("application/json", b'{"a": 1e999}', "out of range"),
        ("application/json", b"[" * 70 + b"]" * 70, "nested too deeply"),
        ("application/json", b"[" + b"1," * 9000 + b"1]", "more than 1000 values"),
        ("application/json", b'{"a": "\xff"}', "not UTF-8"),
        ("text/plain", b"\xff\xfe", "not UTF-8"),
        ("text/plain; charset=klingon", b"x", "klingon"),
        ("application/x-www-form-urlencoded", b"a=1&" * 1001, "more than 1000 fields"),
        ("multipart/form-data", MULTIPART, "boundary"),
        ("multipart/form-data; boundary=" + "b" * 71, MULTIPART, "boundary"),
        ("multipart/form-data; boundary=b", MULTIPART[:200], "malformed"),
        ("multipart/form-data; boundary=b", b"", "malformed"),
        (
            "multipart/form-data; boundary=b",
            MULTIPART.replace(b"iso-8859-1", b"klingon"),
            "klingon",
        ),
    ],
    ids=lambda each: repr(each)[:50],
)
def test_a_body_that_is_not_what_it_says_is_an_error(content_type, body, reason):
    with pytest.raises(EventError, match=reason):
        decoded(body, content_type)


def test_json_text_is_kept_as_it_came():
    assert decoded(b'{"n": 1.0, "n": 1e3}').json == b'{"n": 1.0, "n": 1e3}'


def test_a_query_is_read_like_a_form():
    assert query_fields("a=1&b=%C3%BC&a=2&flag") == {"a": ["1", "2"], "b": "ü", "flag": ""}
    with pytest.raises(EventError, match="the query has more than 1000 fields"):
        query_fields("a&" * 1001)
