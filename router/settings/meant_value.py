"""Guess the value of a setting that is written as elsewhere (pure)."""

import enum
import re
from ipaddress import ip_network
from typing import Final

from router.datatypes import ByteSize, Duration, Networks
from router.suggestions import Synonyms

_YES: Final = frozenset({"true", "on", "1", "y", "enable", "enabled"})
_NO: Final = frozenset({"false", "off", "0", "n", "none", "disable", "disabled", "never"})
_WORDS: Final = Synonyms(
    (_YES, ("yes", "otlp", "strict")),
    (_NO, ("no", "off", "none", "relaxed")),
    (("warn",), ("warning",)),
    (("err", "critical", "fatal"), ("error",)),
    (("trace", "verbose"), ("debug",)),
    (("opentelemetry", "otel", "jaeger", "zipkin"), ("otlp",)),
    (("pretty", "plain", "logfmt", "console"), ("text",)),
)
"""Values by the words of others, the best first."""
_SIZE: Final = re.compile(r"(\d+)\s*([kmg])(?:i?b|ytes)?", re.IGNORECASE)


def meant_value(kind: type, text: str) -> str:
    """Return how a value that is not one of a type would be written; ``""`` if that is not known.

    Args:
        kind: The type of the setting.
        text: The value as it is given.
    """
    text = text.strip()
    if issubclass(kind, enum.StrEnum):
        return _WORDS.meant(text.lower(), list(kind))
    if kind is Duration:
        if text.lower() in _NO:
            return "0"
        is_number = text.isascii() and text.isdecimal()
        return f"{text}s" if is_number and len(text) < 10 else Duration.meant_by(text)
    if kind is ByteSize and (size := _SIZE.fullmatch(text)):
        return f"{size[1]}{size[2].upper()}iB"
    if kind is Networks:
        return ", ".join(_network(part.strip()) for part in text.split(",")[:10])
    return ""


def _network(text: str) -> str:
    """Return the network of an address with the bits of a host, or the text."""
    try:
        return str(ip_network("127.0.0.0/8" if text == "localhost" else text, strict=False))
    except ValueError:
        return text
