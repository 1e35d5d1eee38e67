"""The headers of a mail in bytes, without the standard library's e-mail package (pure).

That package parses the text that it is given: an encoded word in the text of an event is decoded,
and some versions of Python then write the line ends that were encoded in it (CVE-2024-6923). Here a
text is never parsed. Any text but short, plain words is written in encoded words of our own, so that
a mail client decodes it once and shows what the event said. Sources: RFC 5322 (2.2.3, 3.4), RFC
2047 (2, 5), RFC 6532, RFC 6854 (groups).
"""

import base64
import re
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from router.destinations.rendering.mailbox import Mailbox

_LINE: Final = 76
"""Characters of a line with encoded words (RFC 2047, section 2)."""
_WORD: Final = 75
_WRAPPER: Final = len("=?utf-8?q??=")
_PLAIN: Final = re.compile(r"[!-~]{1,66}(?: [!-~]{1,66})*")
_PHRASE: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_QUOTABLE: Final = re.compile(r"[ -~]{1,60}")
# The characters that every header, phrases included, may have unencoded (RFC 2047, section 5).
_UNENCODED: Final = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/"
)


class MailHeader(msgspec.Struct, frozen=True):
    """A header: its text for people, and the tokens between which its line may be folded."""

    name: str
    text: str
    tokens: tuple[str, ...]

    def line(self) -> str:
        """Return the header's lines, with CRLF after each."""
        lines = [f"{self.name}:"]
        for number, token in enumerate(self.tokens):
            if number and len(lines[-1]) + 1 + len(token) > _LINE:
                lines.append("")
            lines[-1] += f" {token}"
        return "".join(f"{line}\r\n" for line in lines)


def text_header(name: str, text: str) -> MailHeader:
    """Return a header with a text for people.

    Args:
        name: Its name.
        text: One line without control characters. It may contain anything else.
    """
    return MailHeader(name, text, tuple(_words(text, _LINE - len(name) - 2)))


def fixed_header(name: str, value: str) -> MailHeader:
    """Return a header with a value for programs, which is written as it is."""
    return MailHeader(name, value, (value,))


def mailboxes_header(name: str, mailboxes: Sequence[Mailbox], *, utf8: bool) -> MailHeader:
    """Return a header with addresses.

    Args:
        name: Its name.
        mailboxes: The addresses.
        utf8: Whether the server has SMTPUTF8. Without it, an address with other letters becomes an
            empty group with that address as its name (RFC 6857, section 3.1.7).
    """
    tokens: list[str] = []
    for mailbox in mailboxes:
        if tokens:
            tokens[-1] += ","
        tokens += _mailbox(mailbox, utf8=utf8)
    return MailHeader(name, ", ".join(map(display, mailboxes)), tuple(tokens))


def display(mailbox: Mailbox) -> str:
    """Return an address as people write it."""
    return f"{mailbox.name} <{mailbox.address}>" if mailbox.name else mailbox.address


def _mailbox(mailbox: Mailbox, *, utf8: bool) -> list[str]:
    if mailbox.needs_utf8 and not utf8:
        return [*_encoded_words(display(mailbox), _WORD), ":;"]
    if not mailbox.name:
        return [mailbox.wire]
    return [*_phrase(mailbox.name), f"<{mailbox.wire}>"]


def _phrase(text: str) -> list[str]:
    if "=?" not in text:
        if _PHRASE.fullmatch(text):
            return text.split(" ")
        if _QUOTABLE.fullmatch(text):
            return ['"' + re.sub(r'(["\\])', r"\\\1", text) + '"']
    return list(_encoded_words(text, _WORD))


def _words(text: str, first: int) -> Iterator[str]:
    """Yield a text as plain words if that is safe, else as encoded words.

    Args:
        text: The text.
        first: Characters of the first word, so that it fits on the line with the header's name.
    """
    if _PLAIN.fullmatch(text) and "=?" not in text and len(text.partition(" ")[0]) <= first:
        yield from text.split(" ")
    else:
        yield from _encoded_words(text, min(first, _WORD))


def _encoded_words(text: str, first: int) -> Iterator[str]:
    # Lone surrogates, which no encoding has, become question marks.
    content = text.encode("utf-8", "replace")
    quoted = sum(1 if byte in _UNENCODED or byte == 0x20 else 3 for byte in content)
    in_base64 = quoted > (len(content) + 2) // 3 * 4
    room = first - _WRAPPER
    piece, used = b"", 0
    for character in text:
        # A character is not divided between two words (RFC 2047, section 5).
        encoded = character.encode("utf-8", "replace")
        size = len(encoded) if in_base64 else len(_quoted(encoded))
        total = (len(piece) + size + 2) // 3 * 4 if in_base64 else used + size
        if piece and total > room:
            yield _word(piece, in_base64=in_base64)
            piece, used, room = b"", 0, _WORD - _WRAPPER
        piece += encoded
        used += size
    yield _word(piece, in_base64=in_base64)


def _word(piece: bytes, *, in_base64: bool) -> str:
    if in_base64:
        return f"=?utf-8?b?{base64.b64encode(piece).decode()}?="
    return f"=?utf-8?q?{_quoted(piece)}?="


def _quoted(piece: bytes) -> str:
    return "".join(
        chr(byte) if byte in _UNENCODED else "_" if byte == 0x20 else f"={byte:02X}"
        for byte in piece
    )
