"""The trace to which an event belongs, by the attribute ``traceparent``.

Source: CloudEvents, "Distributed Tracing extension"; W3C Trace Context, section 3.2.
"""

import re
from typing import Final

import msgspec

from router.events.json_text import UNDECODABLE

_ATTRIBUTE: Final = b'"traceparent"'
_TRACEPARENT: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?"
)


class _Traced(msgspec.Struct):
    traceparent: str = ""


_decode = msgspec.json.Decoder(_Traced).decode


def trace_id_of(body: bytes) -> str:
    """Return the 32 hexadecimal digits of an event's trace; ``""`` if it has none that is valid.

    Args:
        body: A CloudEvent in JSON. One without the attribute is searched and not decoded.
    """
    if _ATTRIBUTE not in body:
        return ""
    try:
        found = _TRACEPARENT.fullmatch(_decode(body).traceparent)
    except UNDECODABLE:
        return ""
    return found[1] if found else ""
