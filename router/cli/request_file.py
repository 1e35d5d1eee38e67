"""A request in a file: its body alone, or the whole request as HTTP/1.1 writes it (pure)."""

import re
from typing import Final

import msgspec

from router.errors import ConfigurationError

_START: Final = re.compile(rb"[A-Z]{3,10} (\S+) HTTP/1\.[01]\r?\n")
_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")
_TARGET: Final = re.compile(r"(?:https?://([^/?#]*))?([^?#]*)\??([^#]*)", re.IGNORECASE)


class RequestFile(msgspec.Struct, frozen=True, kw_only=True):
    """The content of a file."""

    body: bytes
    method: str = ""
    """This and the following are empty if the file has a body alone."""
    path: str = ""
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()


def read_request_file(content: bytes) -> RequestFile:
    """Return the request in a file; a file that does not begin as a request is a body.

    The lines of the head may end with LF alone. The body ends after ``Content-Length`` bytes, because
    editors add a line end, which no signature covers.

    Raises:
        ConfigurationError: The head is malformed.
    """
    start = _START.match(content)
    if start is None:
        return RequestFile(body=content)
    head, body = _cut(content)
    request_line, *lines = head.decode("latin-1").splitlines()
    method, target, _ = request_line.split(" ")
    found = _TARGET.fullmatch(target)
    if found is None:
        raise ConfigurationError(f"line 1: {target[:100]!r} is neither a path nor a URL")
    headers = tuple(_header(line, number) for number, line in enumerate(lines, 2))
    by_name = {name.lower(): value for name, value in headers}
    if "chunked" in by_name.get("transfer-encoding", "").lower():
        raise ConfigurationError(
            "the body is chunked: write it as it is, without Transfer-Encoding"
        )
    length = by_name.get("content-length", "")
    if length.isdecimal():
        body = _shortened(body, int(length))
    if found[1] and "host" not in by_name:
        headers = (*headers, ("Host", found[1]))
    return RequestFile(
        method=method, path=found[2] or "/", query=found[3], headers=headers, body=body
    )


def parse_header(text: str) -> tuple[str, str]:
    """Return name and value of ``Name: value``. Raise ValueError."""
    name, colon, value = text.partition(":")
    if not colon or not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
        raise ValueError(f"{text[:60]!r} is no header: write for example 'X-Signature: abc'")
    return name, value.strip()


def _cut(content: bytes) -> tuple[bytes, bytes]:
    end = _HEAD_END.search(content)
    return (content, b"") if end is None else (content[: end.start()], content[end.end() :])


def _header(line: str, number: int) -> tuple[str, str]:
    try:
        return parse_header(line)
    except ValueError as error:
        raise ConfigurationError(f"line {number}: {error}") from None


def _shortened(body: bytes, length: int) -> bytes:
    if length > len(body):
        raise ConfigurationError(
            f"Content-Length is {length}, and the body has {len(body)} bytes: correct or remove it"
        )
    return body[:length]
