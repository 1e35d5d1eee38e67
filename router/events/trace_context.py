"""The trace to which an event belongs, by the attributes ``traceparent`` and ``tracestate``.

Source: CloudEvents, "Distributed Tracing extension"; W3C Trace Context, section 3.2.
"""

from typing import Final

import msgspec

from router.events.json_text import UNDECODABLE
from router.tracing.contexts import TraceContext, parse_context

_ATTRIBUTE: Final = b'"traceparent"'


class _Traced(msgspec.Struct):
    traceparent: str = ""
    tracestate: str = ""


_decode = msgspec.json.Decoder(_Traced).decode


def context_of(body: bytes) -> TraceContext | None:
    """Return the context in an event's attributes; None if it has none that is valid.

    Args:
        body: A CloudEvent in JSON. One without the attribute is searched and not decoded.
    """
    if _ATTRIBUTE not in body:
        return None
    try:
        found = _decode(body)
    except UNDECODABLE:
        return None
    return parse_context(found.traceparent, found.tracestate)
