"""One parameter of a query. Pure."""

from typing import Final
from urllib.parse import unquote_plus

_LONGEST: Final = 65536


def parameter(query: str, name: str) -> str:
    """Return the first value of a parameter, percent-decoded; ``""`` if it is missing."""
    for part in query[:_LONGEST].split("&"):
        key, equals, value = part.partition("=")
        if equals and unquote_plus(key) == name:
            return unquote_plus(value, errors="surrogateescape")
    return ""
