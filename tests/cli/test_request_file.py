"""A request in a file: a body alone, or all of it as HTTP writes it."""

import pytest

from router.cli.request_file import RequestFile, parse_header, read_request_file
from router.errors import ConfigurationError


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"a": 1}', RequestFile(body=b'{"a": 1}')),
        (b"", RequestFile(body=b"")),
        (b"POST is a verb", RequestFile(body=b"POST is a verb")),
        (
            b"POST /in/crm?a=1 HTTP/1.1\r\nHost: h\r\nX-S:  v \r\n\r\n{}\r\n",
            RequestFile(
                method="POST",
                path="/in/crm",
                query="a=1",
                headers=(("Host", "h"), ("X-S", "v")),
                body=b"{}\r\n",
            ),
        ),
        (  # An editor has added a line end.
            b"PUT /in/crm HTTP/1.0\nContent-Length: 2\n\n{}\n",
            RequestFile(
                method="PUT", path="/in/crm", headers=(("Content-Length", "2"),), body=b"{}"
            ),
        ),
        (
            b"POST https://a.example/in/crm HTTP/1.1\n",
            RequestFile(method="POST", path="/in/crm", headers=(("Host", "a.example"),), body=b""),
        ),
    ],
)
def test_a_file_is_a_body_or_a_request(content: bytes, expected: RequestFile) -> None:
    assert read_request_file(content) == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"POST / HTTP/1.1\nno header\n\n", "line 2: 'no header' is no header"),
        (b"POST / HTTP/1.1\nContent-Length: 9\n\n{}", "the body has 2 bytes"),
        (b"POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n2", "the body is chunked"),
        (b"POST #x HTTP/1.1\n\n", "neither a path nor a URL"),
    ],
)
def test_a_malformed_request_is_said_where(content: bytes, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        read_request_file(content)


def test_a_header_has_a_name_and_a_colon() -> None:
    assert parse_header("X-Signature:sha256=a:b ") == ("X-Signature", "sha256=a:b")
    for text in ("X-Signature", ": x", "X Y: z", "X\n: z"):
        with pytest.raises(ValueError, match="is no header"):
            parse_header(text)
