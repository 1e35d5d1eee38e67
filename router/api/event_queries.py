"""Filters on events of history in queries and bodies of the API."""

from typing import Annotated

import msgspec
from msgspec import Meta

from router.api.records import DEFAULT_LIMIT, MAX_LIMIT, After, Limit, Until
from router.api.requests import BadRequestError, describe_age, time_range
from router.history.event_filter import EventFilter
from router.history.records import EventOutcome
from router.journal.pagination import TimeRange
from router.timestamps import EXAMPLE, unix_nanoseconds

_TYPES = "An event type, exact or with a * at the end; may be repeated, one must match."
_OUTCOMES = "matched, filtered, suppressed, duplicate or quarantined; may be repeated."
_TEXT_LIMIT = 500
REFERENCES_LIMIT = 100
"""Events that are selected by reference at once."""
_DESCRIBED = 6
"""Filters that an entry of the audit trail has."""


def _time(text: str) -> Meta:
    return Meta(description=f"{text}: RFC 3339, such as {EXAMPLE}.")


class HistoryFilters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Filters on times; an empty one matches all."""

    older_than: Annotated[str, describe_age("Minimum age")] = ""
    newer_than: Annotated[str, describe_age("Maximum age")] = ""
    since: Annotated[str, _time("First time")] = ""
    until: Annotated[str, _time("Last time")] = ""

    def times(self, now: float) -> TimeRange:
        """Return the times that match; ``now`` is Unix time in seconds. Raise BadRequestError."""
        ages = time_range(self.older_than, self.newer_than, now=now)
        first = _unix_ms(self.since, "since")
        last = _unix_ms(self.until, "until")
        return TimeRange(
            first_ms=max(
                (each for each in (ages.first_ms, first) if each is not None), default=None
            ),
            last_ms=min((each for each in (ages.last_ms, last) if each is not None), default=None),
        )


class EventFilters(HistoryFilters, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Filters on events; an empty one matches all."""

    type: Annotated[tuple[str, ...], Meta(max_length=50, description=_TYPES)] = ()
    source: Annotated[str, Meta(description="The source, exact.")] = ""
    outcome: Annotated[tuple[str, ...], Meta(max_length=20, description=_OUTCOMES)] = ()
    rule: Annotated[
        str, Meta(description="Name of a rule that matched, or of which an event ended something.")
    ] = ""
    text: Annotated[
        str,
        Meta(max_length=_TEXT_LIMIT, description="Text in the event, in upper or lower case."),
    ] = ""

    def filter(self, now: float) -> EventFilter:
        """Return the filter of history; ``now`` is Unix time in seconds. Raise BadRequestError."""
        return EventFilter(
            types=self.type,
            source=self.source,
            outcomes=frozenset(map(_outcome, self.outcome)),
            rule=self.rule,
            text=self.text,
            times=self.times(now),
        )


class EventQuery(EventFilters, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Query of the list."""

    limit: Limit = DEFAULT_LIMIT
    after: After = ""


class EventDetailsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Query of one event."""

    rule: Annotated[str, Meta(description="Name of the only rule to explain.")] = ""


class EventSelection(EventFilters, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Events to replay: by reference, by filter, or all."""

    references: Annotated[
        tuple[str, ...], Meta(max_length=REFERENCES_LIMIT, description="References of events.")
    ] = ()
    all: Annotated[bool, Meta(description="Select all events if no other filter is given.")] = False
    dry_run: Annotated[bool, Meta(description="Count them, and replay none.")] = False
    limit: Limit = MAX_LIMIT
    after: After = ""
    until_ms: Until = 0

    @property
    def is_empty(self) -> bool:
        """Return whether nothing narrows the selection."""
        return not (self.references or self.described())

    def described(self) -> dict[str, str]:
        """Return the filters that are given, as texts."""
        named = msgspec.structs.asdict(self)
        texts = {
            name: value if isinstance(value, str) else ", ".join(value)
            for name in EventFilters.__struct_fields__
            if (value := named[name])
        }
        return dict(list(texts.items())[:_DESCRIBED])


def _outcome(text: str) -> EventOutcome:
    try:
        return EventOutcome(text)
    except ValueError:
        expected = ", ".join(EventOutcome)
        raise BadRequestError(f"outcome: {text[:40]!r} is none, expected {expected}") from None


def _unix_ms(text: str, name: str) -> int | None:
    if not text:
        return None
    nanoseconds = unix_nanoseconds(text)
    if nanoseconds is None:
        raise BadRequestError(f"{name}: {text[:40]!r} is no RFC 3339 time, such as {EXAMPLE}")
    return nanoseconds // 10**6
