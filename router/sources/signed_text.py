"""The text that a sender signs, as a template: ``{timestamp}.{body}``. Pure.

A placeholder stands for a part of the request, byte for byte as it came. The text is made in pieces,
so that a large body is not copied.
"""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from router.sources.contract import RequestHead
from router.sources.header_names import is_header_name

PLACEHOLDERS: Final = ("body", "timestamp", "method", "path", "query", "url", "header:NAME")
"""The placeholders of a template."""
_HEADER: Final = "header:"
_TOKEN: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+")
_BRACES: Final = {"{{": "{", "}}": "}"}
_LONGEST: Final = 500


class SignedRequest(msgspec.Struct, frozen=True):
    """The parts of a request that a template may name."""

    head: RequestHead
    body: bytes
    timestamp: str
    url: str


class Piece(msgspec.Struct, frozen=True):
    """A part of a template: literal text, or a placeholder."""

    text: str
    is_placeholder: bool = False


class SignedText(msgspec.Struct, frozen=True):
    """A template, parsed."""

    template: str
    pieces: tuple[Piece, ...]

    @classmethod
    def parse(cls, template: str) -> "SignedText":
        """Return the template that ``template`` denotes; raise ValueError for an unknown part."""
        if len(template) > _LONGEST:
            raise ValueError(f"is longer than {_LONGEST} characters")
        return cls(template, tuple(_pieces(template)))

    def names(self, placeholder: str) -> bool:
        """Return whether a placeholder is in the template."""
        return Piece(placeholder, is_placeholder=True) in self.pieces

    def chunks(self, request: SignedRequest) -> Iterator[bytes]:
        """Yield the bytes that were signed, in pieces."""
        for piece in self.pieces:
            if not piece.is_placeholder:
                yield piece.text.encode()
            elif piece.text == "body":
                yield request.body
            else:
                # aiohttp decodes bytes that are not UTF-8 to lone surrogates.
                yield _value(piece.text, request).encode("utf-8", "surrogateescape")


def _pieces(template: str) -> Iterator[Piece]:
    for found in _TOKEN.finditer(template):
        token, name = found[0], found[1]
        if name is None and token in {"{", "}"}:
            raise ValueError(
                f"has a single {token!r}: write {token * 2!r} for the character itself"
            )
        if name is None:
            yield Piece(_BRACES.get(token, token))
            continue
        header = name.removeprefix(_HEADER)
        if name not in PLACEHOLDERS[:-1] and (header == name or not is_header_name(header)):
            known = ", ".join(f"{{{each}}}" for each in PLACEHOLDERS)
            raise ValueError(f"has the unknown part {{{name}}}: there are {known}")
        yield Piece(name, is_placeholder=True)


def _value(name: str, request: SignedRequest) -> str:
    if name.startswith(_HEADER):
        return request.head.headers.get(name.removeprefix(_HEADER), "")
    if name in {"timestamp", "url"}:
        return request.timestamp if name == "timestamp" else request.url
    return str(getattr(request.head, name))
