"""A whole mail in bytes: headers, a text and an HTML part, checked before it is sent (pure).

The check reads the bytes by itself and shares no code with what writes them. A mail that is not
exactly as expected is not returned, because text from outside may have become structure. Sources:
RFC 5322 (2.1, 2.2), RFC 2045 (6.7), RFC 2046 (5.1.1).
"""

import binascii
import re
from collections.abc import Sequence
from typing import Final

from router.destinations.rendering.email_headers import MailHeader, fixed_header

_LONGEST_LINE: Final = 998
_PLAIN_TYPE: Final = b'Content-Type: text/plain; charset="utf-8"'
_HTML_TYPE: Final = b'Content-Type: text/html; charset="utf-8"'
_ENCODING: Final = b"Content-Transfer-Encoding: quoted-printable"
# No reader of a mail needs them. A lone surrogate cannot be encoded.
_UNSAFE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_LONE_LINE_END: Final = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_FIRST_LINE: Final = re.compile(r"([!-9;-~]+): [^ \t]")
_NEXT_LINE: Final = re.compile(r" [^ \t]")
_ID: Final = re.compile(r"[A-Za-z0-9._=+-]{1,120}")


class MalformedMailError(ValueError):
    """Raised when the bytes of a mail are not as expected."""


def message_id(name: str, domain: str) -> str:
    """Return ``<name@domain>``.

    Raises:
        MalformedMailError: The name has characters that an id cannot have.
    """
    if not _ID.fullmatch(name):
        raise MalformedMailError("an id with characters that no Message-ID has")
    return f"<{name}@{domain}>"


def compose(
    headers: Sequence[MailHeader], boundary: str, *, text: str, html: str, utf8: bool = False
) -> bytes:
    """Return a mail, the same bytes for the same arguments.

    Args:
        headers: All headers but those about the content.
        boundary: Separates the parts. It begins with ``=_``, which no part can contain.
        text: The text part.
        html: The HTML part.
        utf8: Whether headers may contain UTF-8.

    Raises:
        MalformedMailError: The bytes are not as expected.
    """
    content_type = f'multipart/alternative; boundary="{boundary}"'
    every = [
        *headers,
        fixed_header("MIME-Version", "1.0"),
        MailHeader("Content-Type", content_type, tuple(content_type.split(" "))),
    ]
    parts = [_part(_PLAIN_TYPE, text), _part(_HTML_TYPE, html)]
    between = f"--{boundary}\r\n".encode()
    head = "".join(header.line() for header in every).encode("utf-8", "replace")
    mail = b"".join([head, *(b"\r\n" + between + part for part in parts)])
    mail += f"\r\n--{boundary}--\r\n".encode()
    check(mail, [header.name for header in every], boundary, utf8=utf8)
    return mail


def check(mail: bytes, names: Sequence[str], boundary: str, *, utf8: bool = False) -> None:
    """Read a mail's bytes and compare them with what is expected.

    Args:
        mail: The mail.
        names: The names of its headers, in their order.
        boundary: Separates the parts.
        utf8: Whether headers may contain UTF-8.

    Raises:
        MalformedMailError: They differ. The message has no text of the mail.
    """
    if _LONE_LINE_END.search(mail) or b"\0" in mail:
        raise MalformedMailError("a line end or a null byte where none belongs")
    if max(map(len, mail.split(b"\r\n"))) > _LONGEST_LINE:
        raise MalformedMailError(f"a line of more than {_LONGEST_LINE} bytes")
    head, _, body = mail.partition(b"\r\n\r\n")
    found, content_type = _headers(head, utf8=utf8)
    if found != list(names) or len({name.lower() for name in names}) != len(names):
        raise MalformedMailError("other headers than expected")
    if content_type != f'multipart/alternative; boundary="{boundary}"':
        raise MalformedMailError("another content type than expected")
    _check_body(body, boundary)


def _headers(head: bytes, *, utf8: bool) -> tuple[list[str], str]:
    """Return the names of the headers, and the value of Content-Type."""
    try:
        lines = head.decode("utf-8" if utf8 else "ascii").split("\r\n")
    except UnicodeDecodeError:
        raise MalformedMailError("a header with other characters than expected") from None
    names: list[str] = []
    content_type = ""
    for line in lines:
        first = _FIRST_LINE.match(line)
        if not line.isprintable() or not (first or (names and _NEXT_LINE.match(line))):
            raise MalformedMailError("a line that is not a header's")
        if first:
            names.append(first[1])
        if names[-1] == "Content-Type":
            content_type += line.removeprefix("Content-Type: ")
    return names, content_type


def _check_body(body: bytes, boundary: str) -> None:
    separator = b"--" + boundary.encode()
    before, *parts = body.split(separator)
    heads = [part.partition(b"\r\n\r\n")[0] for part in parts[:-1]]
    expected = [b"\r\n".join([b"", kind, _ENCODING]) for kind in (_PLAIN_TYPE, _HTML_TYPE)]
    if before or heads != expected or parts[-1] != b"--\r\n":
        raise MalformedMailError("other parts than expected")
    if not body.isascii():
        raise MalformedMailError("a part that is not encoded")


def _part(content_type: bytes, text: str) -> bytes:
    lines = _LINE_END.sub("\n", text).rstrip("\n") + "\n"
    content = _UNSAFE.sub(" ", lines).encode("utf-8")
    encoded = binascii.b2a_qp(content, istext=True).replace(b"\n", b"\r\n")
    return b"\r\n".join([content_type, _ENCODING, b"", encoded])
