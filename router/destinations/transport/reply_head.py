"""Repair of the heads of replies that a strict parser rejects (pure).

Servers and proxies send heads that RFC 9112 forbids and that curl, Go and requests accept: a
Content-Length beside chunks, or twice, a name with a space, a body after 204. A client that rejects
such a reply sends again what the receiver already has. A repaired head says the same in strict
form. Its connection has to be closed after the reply, because the end of the reply is uncertain.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

HEAD_LIMIT: Final = 256 * 1024
"""Bytes of a head, nearly curl's limit of 300 KB. Of a larger one only the status is kept."""
HEADER_LIMIT: Final = 64 * 1024
"""Bytes of one header, and of the status line."""
HEADERS_LIMIT: Final = 1000
"""Headers of one reply."""

_STATUS_LINE: Final = re.compile(
    rb"\s*HTTP/([0-9])(?:\.([0-9]))?[ \t]+([1-5][0-9]{2})\b", re.IGNORECASE
)
_BLANK_LINE: Final = re.compile(rb"\n\r?\n")
_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROLS: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]+")
_LENGTH: Final = re.compile(rb"\+?([0-9]{1,18})")
_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding", b"connection", b"upgrade"})
_EMPTY: Final = b"Content-Length: 0\r\n"
_BODILESS: Final = frozenset({204, 304})


class RepairedHead(msgspec.Struct, frozen=True):
    """A head in strict form, and what follows it."""

    content: bytes
    body: bytes | None
    """The first bytes of the body; None if the reply has no body, whatever follows."""


def repair(received: bytes) -> RepairedHead | None:
    """Return the head of the final reply in ``received``; None as long as it is incomplete.

    Interim replies (1xx) before it are left out.

    Raises:
        ValueError: It does not begin with a status line.
    """
    while True:
        line = _STATUS_LINE.match(received)
        if line is None:
            raise ValueError("no status line")
        # From the status, because the blank line may follow the status line.
        end = _BLANK_LINE.search(received, line.end())
        if len(received) > HEAD_LIMIT and (end is None or end.start() > HEAD_LIMIT):
            return RepairedHead(_status_line(line) + _EMPTY + b"\r\n", None)
        if end is None:
            return None
        if line[3][:1] != b"1":
            return _repaired(line, received[line.end() : end.start()], received[end.end() :])
        received = received[end.end() :]


def _repaired(line: "re.Match[bytes]", head: bytes, body: bytes) -> RepairedHead:
    headers = list(_headers(head))
    content = _status_line(line) + b"".join(
        b"%b: %b\r\n" % (name, value[:HEADER_LIMIT])
        for name, value in headers[: HEADERS_LIMIT - 2]
        if name.lower() not in _FRAMING
    )
    if int(line[3]) in _BODILESS:
        return RepairedHead(content + b"\r\n", None)
    return RepairedHead(content + _framing(headers) + b"\r\n", body)


def _status_line(line: "re.Match[bytes]") -> bytes:
    minor = b"0" if (line[1], line[2]) == (b"1", b"0") else b"1"
    return b"HTTP/1.%b %b \r\n" % (minor, line[3])


def _headers(head: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the headers that have a name; the first line is the rest of the status line."""
    for line in re.sub(rb"\r?\n[ \t]+", b" ", head).split(b"\n")[1:]:
        name, colon, value = line.partition(b":")
        if colon and _NAME.fullmatch(name.strip()):
            yield name.strip(), _CONTROLS.sub(b" ", value).strip()


def _framing(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return how the body ends: by chunks, by its length, else with the connection."""
    codings = [value.lower() for name, value in headers if name.lower() == b"transfer-encoding"]
    if codings and codings[-1].split(b",")[-1].strip() == b"chunked":
        return b"Transfer-Encoding: chunked\r\n"
    lengths = {
        found[1] if (found := _LENGTH.fullmatch(part.strip())) else b""
        for name, value in headers
        if name.lower() == b"content-length"
        for part in value.split(b",")
    }
    length = lengths.pop() if len(lengths) == 1 else b""
    return b"Content-Length: %b\r\n" % length if length else b"Connection: close\r\n"
