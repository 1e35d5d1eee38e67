"""The header ``Forwarded``: what each proxy says of the request that it received. Pure.

Source: RFC 7239, sections 4 to 6.
"""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

_PAIR: Final = re.compile(
    r"[ \t]*([A-Za-z]+)=(?:\"([^\"\\]*(?:\\.[^\"\\]*)*)\"|([^\s\",;=]++))[ \t]*(;|,|\Z)", re.DOTALL
)
_SEPARATORS: Final = re.compile(r"[ \t,;]*")
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)


class ForwardedElement(msgspec.Struct, frozen=True):
    """One proxy's part of the header; ``""`` for what it did not write."""

    for_: str = ""
    """The node that sent the request to the proxy: an address, maybe with a port, or a word."""
    host: str = ""
    proto: str = ""


def parse_forwarded(lines: Sequence[str]) -> list[ForwardedElement]:
    """Return the elements in their order; none if the header is malformed.

    Args:
        lines: The values of all headers of this name.
    """
    text = ",".join(lines)
    elements: list[ForwardedElement] = []
    pairs: dict[str, str] = {}
    position = 0
    while position < len(text):
        found = _PAIR.match(text, position)
        if found is None:
            if _SEPARATORS.fullmatch(text, position):
                break
            return []
        name, quoted, plain, end = found.groups()
        pairs[name.lower()] = plain if quoted is None else _ESCAPE.sub(r"\1", quoted)
        position = found.end()
        if end != ";":
            elements.append(_element(pairs))
            pairs = {}
    return [*elements, _element(pairs)] if pairs else elements


def _element(pairs: dict[str, str]) -> ForwardedElement:
    return ForwardedElement(pairs.get("for", ""), pairs.get("host", ""), pairs.get("proto", ""))
