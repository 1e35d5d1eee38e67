"""CEL values as JSON: for templates, for keys, and for display."""

from typing import Any

import msgspec

from router.cel.conversions import to_string
from router.cel.values import ERROR, MAPS, Optional, TypeValue, Uint, keys_of


def as_json(value: Any) -> Any:
    """Convert a value to JSON.

    Times become strings as ``string()`` writes them. Bytes become a string in UTF-8, with U+FFFD
    for invalid bytes. Keys of a map become strings.

    Returns:
        The value, or ``ERROR`` if it is an error or an absent optional.
    """
    kind = value.__class__
    if kind is list:
        return [as_json(each) for each in value]
    if kind in MAPS:
        keys = [key if isinstance(key, str) else to_string(key) for key in keys_of(value)]
        return dict(zip(keys, map(as_json, value.values()), strict=True))
    return as_json(value.value) if kind is Optional else _leaf(value)


def _leaf(value: Any) -> Any:
    if value is None or value is ERROR or value.__class__ in {str, int, float, bool}:
        return value
    if value.__class__ is Uint:
        return int(value)
    if value.__class__ is bytes:
        return value.decode(errors="replace")
    return value.name if isinstance(value, TypeValue) else to_string(value)


def as_text(value: Any) -> str:
    """Return the value as one line of JSON."""
    try:
        return msgspec.json.encode(as_json(value), enc_hook=str).decode()
    except RecursionError:
        return "nested too deeply to be shown"
