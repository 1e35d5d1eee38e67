"""Filters of events in history. Pure."""

from collections.abc import Callable

import msgspec

from router.history.records import EventOutcome, EventRecord
from router.history.stored import StoredEvent
from router.journal.pagination import TimeRange


class EventFilter(msgspec.Struct, frozen=True, kw_only=True):
    """The events to find; an empty one matches all."""

    types: tuple[str, ...] = ()
    """Types, exact or with a trailing ``*``; any one suffices."""
    source: str = ""
    outcomes: frozenset[EventOutcome] = frozenset()
    rule: str = ""
    """A rule that matched it, or of which it ended something."""
    text: str = ""
    """Text in the event, in upper or lower case."""
    times: TimeRange = TimeRange()
    """The times at which its evaluation was recorded."""

    def stored_test(self) -> Callable[[StoredEvent | EventRecord], bool]:
        """Return the part of the filter that needs no decoding of the body."""
        has_text = self.text_test()

        def matches(stored: StoredEvent | EventRecord) -> bool:
            if self.outcomes and stored.outcome not in self.outcomes:
                return False
            if self.rule and all(match.rule != self.rule for match in stored.matches):
                return False
            return has_text(stored.body)

        return matches

    def text_test(self) -> Callable[[bytes], bool]:
        """Return the part of the filter that searches a body."""
        wanted = [form.lower() for form in _forms(self.text)]

        def matches(body: bytes) -> bool:
            if not wanted:
                return True
            lowered = body.lower()
            return any(form in lowered for form in wanted)

        return matches

    def matches(self, record: EventRecord) -> bool:
        """Return whether the attributes match."""
        if self.source and record.source != self.source:
            return False
        return not self.types or any(is_of_type(record.type, each) for each in self.types)


def is_of_type(event_type: str, wanted: str) -> bool:
    """Return whether a type is the one that is wanted, or begins as ``wanted`` before its ``*``."""
    if wanted.endswith("*"):
        return event_type.startswith(wanted[:-1])
    return event_type == wanted


def _forms(text: str) -> list[bytes]:
    """Return the forms that a text may have in JSON, and the text itself, such as ``"n":7``."""
    if not text:
        return []
    lowered = text.lower()
    plain = msgspec.json.encode(lowered)[1:-1]
    escaped = "".join(
        char if ord(char) < 0x80 else _escapes(char) for char in plain.decode("utf-8")
    ).encode()
    return list(dict.fromkeys((plain, escaped, lowered.encode("utf-8", "surrogatepass"))))


def _escapes(char: str) -> str:
    units = char.encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
