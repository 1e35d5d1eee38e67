"""The repair of heads that are not quite HTTP."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.destinations.transport.reply_head import (
    HEAD_LIMIT,
    HEADERS_LIMIT,
    RepairedHead,
    repair,
)

OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("received", "content", "body"),
    [
        (OK + b"A : 1\r\n\r\nx", b"HTTP/1.1 200 \r\nA: 1\r\nConnection: close\r\n\r\n", b"x"),
        (
            b"HTTP/1.0 200\nContent-Length: +1, 1\n\nx",
            b"HTTP/1.0 200 \r\nContent-Length: 1\r\n\r\n",
            b"x",
        ),
        (
            OK + b"Content-Length: 1\r\nTransfer-Encoding: x, Chunked\r\n\r\n",
            b"HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n",
            b"",
        ),
        (
            OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
            b"HTTP/1.1 200 \r\nConnection: close\r\n\r\n",
            b"",
        ),
        (
            b"\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\nHTTP/1.1 404 Not\r\nRetry-After:\t7 \r\n\r\n",
            b"HTTP/1.1 404 \r\nRetry-After: 7\r\nConnection: close\r\n\r\n",
            b"",
        ),
        (OK + b"A: b\r\n  c\x00d\r\n\r\n", b"HTTP/1.1 200 \r\nA: b c d\r\nConnection: close\r\n\r\n", b""),
        (b"HTTP/1.1 304 Not\r\nContent-Length: 2\r\n\r\nok", b"HTTP/1.1 304 \r\n\r\n", None),
        (
            OK + b"A: " + b"a" * HEAD_LIMIT,
            b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n",
            None,
        ),
    ],
)  # fmt: skip
def test_a_head_is_repaired_to_strict_form(received, content, body):
    assert repair(received) == RepairedHead(content, body)


@pytest.mark.parametrize("received", [OK, OK + b"A: b\r\n", b"HTTP/1.1 100 Go on\r\n\r\n" + OK])
def test_an_incomplete_head_waits_for_more(received):
    assert repair(received) is None


@pytest.mark.parametrize(
    "received", [b"SSH-2.0", b"HTTP/1.1 1000 x\r\n\r\n", b"HTTP/1.1 99 x\r\n\r\n"]
)
def test_what_has_no_status_cannot_be_repaired(received):
    with pytest.raises(ValueError, match="no status line"):
        repair(received)


def test_of_many_headers_the_first_are_kept():
    repaired = repair(OK + b"".join(b"A-%d : 1\r\n" % number for number in range(5000)) + b"\r\n")
    assert repaired is not None
    assert repaired.content.count(b"\r\n") <= HEADERS_LIMIT + 2


@given(st.binary(max_size=200))
def test_any_bytes_after_a_status_line_give_one_strict_head(rest):
    repaired = repair(OK + rest + b"\r\n\r\n")
    assert repaired is not None
    head, _, nothing = repaired.content.partition(b"\r\n\r\n")
    assert nothing == b""
    assert all(b":" in line and b"\n" not in line for line in head.split(b"\r\n")[1:])
