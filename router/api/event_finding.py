"""Finds an event by what a reader knows of it: in history, among those that wait, or in quarantine."""

from typing import Any, Final

import msgspec

from router.api.event_explanation import KnownEvent
from router.api.event_views import EventView
from router.clock import Clock
from router.destinations.rendering.summary import rfc3339
from router.events.json_text import UNDECODABLE
from router.events.masks import Masks
from router.events.model import Event
from router.history.event_filter import EventFilter
from router.history.event_history import EventHistory
from router.history.log_reader import LogReader
from router.history.records import EventOutcome, EventRecord
from router.history.stored import attributes_of
from router.journal.claims import is_claimed
from router.journal.connection import Connection
from router.journal.history_log import EVENTS, name_digest
from router.journal.pagination import Matches, PageCursor, collect
from router.journal.quarantine import Quarantine, QuarantineFilter, QuarantineRecord
from router.journal.waiting_events import find_waiting
from router.settings.choices import KeptBody
from router.timestamps import utc_second

_QUARANTINED: Final = 2000
"""Quarantined items that are searched."""
_SOURCES: Final = 50
"""Sources of recent events with which an id alone is tried."""
_RECENT: Final = 1000
_SEARCH_SECONDS: Final = 8.0
"""How long history is searched for an id alone."""
_CHECK: Final = (
    "Check id and source (both are case-sensitive), and the sender's response: an event that was not"
    " answered by 2xx was not accepted."
)


class FoundById(msgspec.Struct, frozen=True):
    """The result of a search for an id."""

    record: EventRecord | None
    unsearched: float = 0.0
    """Unix time in seconds of the newest event that was not searched; 0 if all were."""


class FoundOutside(msgspec.Struct, frozen=True, kw_only=True):
    """An event that is not in history."""

    known: KnownEvent
    view: EventView
    reason: str = ""
    """Why it is in quarantine."""
    quarantine_id: str = ""


class EventFinder:
    """Finds single events. All methods raise JournalUnavailableError.

    Args:
        connection: To Redis.
        clock: Time.
        history: The events that were evaluated.
        masks: The fields of events that are not shown.
    """

    def __init__(
        self, connection: Connection, clock: Clock, history: EventHistory, masks: Masks
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._history = history
        self._masks = masks
        self._quarantine = Quarantine(connection, clock)

    async def newest(self, event_id: str) -> FoundById:
        """Return the newest event of history with an id, whatever its source."""
        # Events come from few sources, and an event is found at once by source and id.
        recent = await self._history.page(EventFilter(), limit=_RECENT)
        sources = dict.fromkeys(record.source for record in recent.items)
        for source in list(sources)[:_SOURCES]:
            record = await self._history.get(source, event_id)
            if record is not None:
                return FoundById(record)
        return await self._searched(event_id)

    async def _searched(self, event_id: str) -> FoundById:
        """Search history for an id, for a while."""
        ends_at = self._clock.monotonic() + _SEARCH_SECONDS
        duplicate, cursor = None, ""
        while True:
            page = await self._history.page(EventFilter(text=event_id), cursor, limit=50)
            for record in page.items:
                if record.id == event_id and record.outcome is not EventOutcome.DUPLICATE:
                    return FoundById(record)
                if record.id == event_id:
                    duplicate = duplicate or record
            cursor = page.after
            if not cursor or self._clock.monotonic() >= ends_at:
                return FoundById(duplicate, page.reached_at if cursor else 0.0)

    async def outside_history(self, event_id: str, source: str) -> FoundOutside | None:
        """Return an event that is not evaluated yet, or that is in quarantine, with its masks.

        ``source`` is ``""`` for any.
        """
        waiting = await find_waiting(self._connection, event_id, source)
        if waiting.event is not None:
            event, is_masked = self._masked(waiting.event)
            known = KnownEvent(
                event=event, outcome=None, is_masked=is_masked, evaluated_at=self._clock.now()
            )
            return FoundOutside(known=known, view=_view(known))
        item = await self.in_quarantine(event_id, source)
        if item is None:
            return None
        event, is_masked = self._masked(_event_of(item, event_id, source))
        known = KnownEvent(
            event=event,
            outcome=EventOutcome.QUARANTINED,
            is_masked=is_masked,
            evaluated_at=item.record.received_at,
        )
        reason = item.record.reason
        view = _view(known, reason)
        return FoundOutside(known=known, view=view, reason=reason, quarantine_id=item.id)

    async def in_quarantine(self, event_id: str, source: str) -> QuarantineRecord | None:
        """Return the newest quarantined item that is, or seems to be, the event."""
        wanted = msgspec.json.encode(event_id)[1:-1]
        find = self._quarantine.find(QuarantineFilter())

        async def about(after: PageCursor | None, count: int) -> Matches[QuarantineRecord]:
            found = await find(after, count)
            items = [each for each in found.items if _is_about(each, wanted, event_id, source)]
            return Matches(tuple(items), found.after, found.size)

        found = await collect(about, None, count=1, max_scanned=_QUARANTINED)
        return found.items[0] if found.items else None

    async def why_unknown(self, source: str, event_id: str, unsearched: float = 0.0) -> str:
        """Return sentences on an event that is not found, and what to check.

        ``unsearched`` is as in ``FoundById``.
        """
        named = f"{event_id[:80]!r}" + (f" of source {source[:80]!r}" if source else "")
        key = f"{source}\x00{event_id}"
        if unsearched:
            return (
                f"no event {named} was found since {utc_second(unsearched)}, where the search ended"
                f" after {_SEARCH_SECONDS:g} s: give its source, or its reference, and it is found at"
                " once."
            )
        if source and await is_claimed(self._connection, key, 1000 * self._clock.now()):
            return (
                f"event {named} was accepted within ROUTER_DEDUP_WINDOW, but history has no record of"
                f" it. {await self.span()}"
            )
        return f"no event {named} is in history, waits or is in quarantine. {await self.span()} {_CHECK}"

    async def span(self) -> str:
        """Return a sentence on since when history has events."""
        segments = await LogReader(self._connection, EVENTS).segments()
        if not segments:
            return (
                "History is empty: no event was evaluated since it is on, or ROUTER_HISTORY is 0."
            )
        return f"History begins at {utc_second(segments[-1].first_ms / 1000)}."

    def _masked(self, event: Event) -> tuple[Event, bool]:
        body, is_masked = self._masks.applied_to(event.body)
        return msgspec.structs.replace(event, body=body), is_masked


def _view(known: KnownEvent, reason: str = "") -> EventView:
    """Return an event that is not in history, as a list would show it."""
    event = known.event
    return EventView(
        reference=name_digest(event.key).hex(),
        position="",
        id=event.id,
        source=event.source,
        type=event.type,
        subject="",
        time=event.time,
        received_at=rfc3339(event.received_at),
        finished_at="",
        outcome=known.outcome or "",
        reason=reason,
        rules=(),
        matches=(),
        generation="",
        kept=KeptBody.FULL,
        is_masked=known.is_masked,
    )


def _event_of(item: QuarantineRecord, event_id: str, source: str) -> Event:
    """Return a quarantined item as an event, as far as it can be read."""
    body = item.record.body
    attributes: Any = _attributes(body)
    key = f"{attributes.source if attributes else source}\x00{event_id}"
    received_at = item.record.received_at
    if attributes is None:
        return Event(event_id, source, "", "", key, received_at, body)
    time = attributes.time or ""
    return Event(event_id, attributes.source, attributes.type, time, key, received_at, body)


def _is_about(item: QuarantineRecord, wanted: bytes, event_id: str, source: str) -> bool:
    body = item.record.body
    if wanted not in body:  # so that few are decoded
        return False
    attributes: Any = _attributes(body)
    if attributes is None:
        return True  # input that is no event: its id may be in it
    return attributes.id == event_id and source in {"", attributes.source}


def _attributes(body: bytes) -> Any:
    """Return the attributes in a body; None if it has none that can be read."""
    try:
        return attributes_of(body)
    except (*UNDECODABLE, ValueError):
        return None
