"""Event text escaped for the parts of an HTTP request (pure)."""

import re
from typing import Final
from urllib.parse import quote

import msgspec

_NOT_PRINTABLE_ASCII: Final = re.compile(r"[^\x20-\x7e]+")


def url_part(text: str) -> str:
    """Return ``text`` for a URL's path or query: all but letters, digits and ``-._~`` encoded."""
    return quote(text, safe="")


def header_value(text: str) -> str:
    """Return ``text`` for a header: what is not printable ASCII is encoded as in a URL."""
    return _NOT_PRINTABLE_ASCII.sub(lambda found: quote(found[0], safe=""), text)


def json_text(text: str) -> str:
    """Return ``text`` for a place between two quotes in JSON."""
    return msgspec.json.encode(text).decode()[1:-1]
