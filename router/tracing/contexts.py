"""The context of a trace, as headers, CloudEvents and the journal contain it. Pure.

Source: W3C Trace Context, level 1 (https://www.w3.org/TR/trace-context-1/), sections 3.2, 3.3 and
4.3; level 2 for the flag ``random-trace-id``.
"""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

TRACEPARENT: Final = "traceparent"
TRACESTATE: Final = "tracestate"

_TRACEPARENT: Final = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?",
    re.ASCII,
)
_SAMPLED: Final = 0x01
_KNOWN_FLAGS: Final = 0x03
"""``sampled``, and ``random-trace-id`` of level 2. All others are dropped, as section 3.2.2.5 says."""
_STATE_KEY: Final = (
    r"(?:[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})"
)
_STATE_ENTRY: Final = re.compile(rf"({_STATE_KEY})=[ -+\--<>-~]{{0,255}}[!-+\--<>-~]", re.ASCII)
_STATE_ENTRIES: Final = 32
_STATE_CHARACTERS: Final = 512
_LONG_ENTRY: Final = 128
_STORED_PARENT: Final = 55
"""Characters of a ``traceparent`` of version 00."""


class TraceContext(msgspec.Struct, frozen=True):
    """A span of a trace, by which other spans refer to it."""

    trace_id: str
    """32 hexadecimal digits in small letters."""
    span_id: str
    """16 of them."""
    flags: int = _SAMPLED
    state: str = ""
    """The ``tracestate``; ``""`` if there is none."""

    @property
    def is_sampled(self) -> bool:
        """Whether the trace is recorded."""
        return bool(self.flags & _SAMPLED)

    @property
    def traceparent(self) -> str:
        """The context as a header, without its state."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"

    @property
    def text(self) -> str:
        """The context as the journal stores it: ``traceparent``, and ``tracestate`` after a space."""
        return f"{self.traceparent} {self.state}" if self.state else self.traceparent

    def unsampled(self) -> "TraceContext":
        """Return the context for a trace that this process does not record."""
        return msgspec.structs.replace(self, flags=self.flags & ~_SAMPLED)


def parse_context(traceparent: str, tracestate: str = "") -> TraceContext | None:
    """Return the context in two headers; None if ``traceparent`` is invalid.

    An invalid ``tracestate`` is dropped by itself. A later version is read as version 00, as section
    3.2.4 of level 1 says.
    """
    found = _TRACEPARENT.fullmatch(traceparent)
    if found is None or (found[1] == "00" and found[5]):
        return None
    known = _KNOWN_FLAGS if found[1] == "00" else _SAMPLED
    return TraceContext(
        found[2], found[3], int(found[4], 16) & known, clean_state(tracestate) if tracestate else ""
    )


def parse_headers(parents: Sequence[str], states: Sequence[str]) -> TraceContext | None:
    """Return the context of a request, given the values of both headers; None if it has no valid one.

    Two ``traceparent`` are none, because they contradict each other. Several ``tracestate`` are one
    list (section 3.3.1).
    """
    if len(parents) != 1:
        return None
    return parse_context(parents[0].strip(" \t"), ",".join(states))


def stored_context(text: str) -> TraceContext | None:
    """Return the context in a ``TraceContext.text``; None if it is empty or unknown."""
    if not text:
        return None
    return parse_context(text[:_STORED_PARENT], text[_STORED_PARENT + 1 :])


def is_sampled(text: str) -> bool:
    """Return whether a ``TraceContext.text`` is that of a trace that is recorded."""
    return bool(text) and text[_STORED_PARENT - 1 : _STORED_PARENT] in "13579bdf"


def recorded(text: str) -> str:
    """Return a ``TraceContext.text`` if its trace is recorded, else ``""``."""
    return text if is_sampled(text) else ""


def clean_state(text: str) -> str:
    """Return a ``tracestate`` within its limits; ``""`` if it is invalid.

    Of one that is too long, entries above 128 characters are dropped first, then the last ones
    (section 3.3.1.5).
    """
    entries = [each for each in (part.strip(" \t") for part in text.split(",")) if each]
    found = [_STATE_ENTRY.fullmatch(each) for each in entries]
    keys = {each[1] for each in found if each is not None}
    if len(keys) != len(entries) or len(entries) > _STATE_ENTRIES:
        return ""
    if _length(entries) > _STATE_CHARACTERS:
        entries = [each for each in entries if len(each) <= _LONG_ENTRY]
    while _length(entries) > _STATE_CHARACTERS:
        entries.pop()
    return ",".join(entries)


def _length(entries: Sequence[str]) -> int:
    return sum(map(len, entries)) + max(0, len(entries) - 1)
