"""Event text escaped for the parts of an HTTP request (pure)."""

import re
from typing import Final
from urllib.parse import quote

import msgspec

# No event text has it, because control characters are removed or escaped.
_MARK: Final = "\x00"
_QUOTE_OR_ESCAPE: Final = re.compile(r'\\.|"', re.DOTALL)
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


def marked_json(text: str) -> str:
    """Return JSON so that ``place_json`` finds it in a longer text."""
    return f"{_MARK}{text}{_MARK}"


def place_json(text: str) -> str:
    """Return a text of JSON whose marked parts are escaped where they stand within quotes.

    ``"tags": {{ data.tags }}`` is a list, and ``"about: {{ data.tags }}"`` stays one text.
    """
    is_quoted = False
    placed = []
    for index, part in enumerate(text.split(_MARK)):
        if index % 2:
            placed.append(json_text(part) if is_quoted else part)
        else:
            quotes = sum(found[0] == '"' for found in _QUOTE_OR_ESCAPE.finditer(part))
            is_quoted ^= quotes % 2 == 1
            placed.append(part)
    return "".join(placed)
