"""Replays events of history: those that match are accepted again, the oldest first.

One request replays one page. An interrupted replay goes on at the cursor that it returned.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from router.api.event_queries import EventSelection
from router.api.requests import BadRequestError
from router.clock import Clock
from router.events.masks import NO_MASKS
from router.events.model import Event
from router.history.event_history import EventHistory
from router.history.oldest_first import ScannedEvent, oldest_first
from router.history.records import EventOutcome, EventRecord
from router.journal.connection import Connection
from router.journal.event_replay import REPLAYED_AT_ONCE, replay_events
from router.journal.pagination import PAGE_BYTES, clip
from router.settings.choices import KeptBody

_MAX_SCANNED: Final = 20_000
"""Events that one request reads at most, whether they match or not."""
_EXAMPLES: Final = 3
_MISSING: Final = "history has no event with this reference"


class RefusedEvents(msgspec.Struct):
    """Events that are not replayed, for one reason."""

    reason: str
    count: int = 0
    examples: Annotated[list[str], Meta(description="References of the first ones.")] = []


class EventReplayResult(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a replay."""

    replayed: Annotated[
        int, Meta(description="Events that are accepted again; of a dry run, that would be.")
    ]
    refused: tuple[RefusedEvents, ...]
    dry_run: bool
    after: Annotated[str, Meta(description="Cursor of the next page; empty at the end.")]
    until_ms: Annotated[int, Meta(description="Value to send with after.")]


class EventReplayer:
    """Replays events of history. All methods raise JournalUnavailableError."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._history = EventHistory(connection, NO_MASKS)

    async def replay(self, selection: EventSelection) -> EventReplayResult:
        """Replay a page of events.

        Raises:
            BadRequestError: Nothing is selected, or a parameter is invalid.
        """
        if selection.is_empty and not selection.all:
            raise BadRequestError('give references, a filter or "all": true')
        until_ms = selection.until_ms or int(self._clock.now() * 1000)
        page = _Page(limit=selection.limit)
        if selection.references:
            page = _Page(limit=len(selection.references) + 1)
            found, missing = await self._referenced(selection.references)
            events = _iterated(found)
            for reference in missing:
                page.refuse(_MISSING, reference)
        else:
            events = self._matching(selection, until_ms)
        position = await self._fill(page, events, is_dry=selection.dry_run)
        return EventReplayResult(
            replayed=page.replayed,
            refused=tuple(page.refused.values()),
            dry_run=selection.dry_run,
            after="" if selection.references else position,
            until_ms=until_ms,
        )

    async def _fill(
        self, page: "_Page", events: AsyncIterator[ScannedEvent], *, is_dry: bool
    ) -> str:
        """Replay events until the page is full; return the cursor to go on, ``""`` at the end."""
        position = ""
        try:
            async for each in events:
                page.take(each.record, self._clock.now())
                if page.is_full:
                    position = each.position
                    break
                if len(page.waiting) == REPLAYED_AT_ONCE:
                    await self._replay(page, is_dry=is_dry)
        except ValueError as error:
            raise BadRequestError(f"after: {error}") from None
        await self._replay(page, is_dry=is_dry)
        return position

    async def _replay(self, page: "_Page", *, is_dry: bool) -> None:
        events, page.waiting = page.waiting, []
        if events and not is_dry:
            await replay_events(self._connection, self._clock, events)
        page.replayed += len(events)

    def _matching(self, selection: EventSelection, until_ms: int) -> AsyncIterator[ScannedEvent]:
        wanted = selection.filter(self._clock.now())
        wanted = msgspec.structs.replace(wanted, times=clip(wanted.times, until_ms))
        return oldest_first(self._connection, wanted, selection.after)

    async def _referenced(self, references: Sequence[str]) -> tuple[list[EventRecord], list[str]]:
        """Return the events with these references, the oldest first, and the references without one."""
        records = {each: await self._history.by_reference(each) for each in references}
        found = [record for record in records.values() if record is not None]
        found.sort(key=lambda record: record.finished_at)
        return found, [reference for reference, record in records.items() if record is None]


class _Page:
    """The events that one request replays."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._scanned = 0
        self._size = 0
        self.waiting: list[Event] = []
        self.replayed = 0
        self.refused: dict[str, RefusedEvents] = {}

    @property
    def is_full(self) -> bool:
        """Return whether no further event is to be taken."""
        return (
            self.replayed + len(self.waiting) >= self._limit
            or self._size >= PAGE_BYTES
            or self._scanned >= _MAX_SCANNED
        )

    def take(self, record: EventRecord | None, now: float) -> None:
        """Take an event, or refuse it; None stands for one that does not match."""
        self._scanned += 1
        if record is None:
            return
        reason = obstacle_to_replay(record)
        if reason:
            self.refuse(reason, record.reference)
            return
        self._size += len(record.body)
        # Received now, and otherwise as it was.
        self.waiting.append(msgspec.structs.replace(record.event, received_at=now))

    def refuse(self, reason: str, reference: str) -> None:
        """Count an event that is not replayed."""
        found = self.refused.setdefault(reason, RefusedEvents(reason))
        found.count += 1
        if len(found.examples) < _EXAMPLES:
            found.examples.append(reference)


def obstacle_to_replay(record: EventRecord) -> str:
    """Return why an event of history cannot be replayed; ``""`` if it can."""
    if record.outcome is EventOutcome.DUPLICATE:
        return "dropped as a duplicate: its first copy is replayed instead"
    if record.outcome is EventOutcome.QUARANTINED:
        return "in quarantine: replay it from there"
    if record.kept is not KeptBody.FULL:
        return f"history has not kept its body: ROUTER_HISTORY_BODIES was {record.kept}"
    if record.is_masked:
        return "fields of its body are masked: ROUTER_MASKED_FIELDS"
    return ""


async def _iterated(records: Sequence[EventRecord]) -> AsyncIterator[ScannedEvent]:
    for record in records:
        yield ScannedEvent(record.position, record.finished_at, record)
