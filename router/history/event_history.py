"""Events of history: pages of those that match a filter, single ones, and what is new."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final, Generic, TypeVar

import msgspec

from router.events.masks import MASK, Masks
from router.history.event_filter import EventFilter
from router.history.log_reader import LogReader, StoredEntry
from router.history.records import EventOutcome, EventRecord
from router.history.stored import EntryEvents, Place
from router.journal.connection import Connection
from router.journal.history_log import EVENTS, NAME_BYTES

T = TypeVar("T")
MAX_SCANNED: Final = 20_000
"""Events that one page reads at most, whether they match or not."""
_LIVE_ENTRIES: Final = 100
_SUBJECT: Final = ("subject",)


class HistoryPage(msgspec.Struct, Generic[T], frozen=True):
    """Records, the newest first."""

    items: tuple[T, ...]
    after: str
    """The cursor of the next page; ``""`` at the end. A page may be empty and have one."""
    scanned: int
    """Records that were read."""
    reached_at: float
    """Unix time in seconds of the record that was read last; 0 if none was."""


class EventHistory:
    """Reads events. All methods raise JournalUnavailableError.

    Args:
        connection: To Redis.
        masks: Applied to what was recorded before the setting had them; ``NO_MASKS`` if no person sees it.
    """

    def __init__(self, connection: Connection, masks: Masks) -> None:
        self._log = LogReader(connection, EVENTS)
        self._masks = masks
        self.turn = asyncio.Lock()
        """Held by a long search for each of its pages, so that only one of them takes processor time at
        once, and others are answered between two pages."""

    async def page(
        self,
        wanted: EventFilter,
        after: str = "",
        *,
        limit: int,
        max_scanned: int = MAX_SCANNED,
    ) -> HistoryPage[EventRecord]:
        """Return up to ``limit`` events, the newest first.

        Args:
            wanted: The filter.
            after: The cursor of the page before; ``""`` for the first one.
            limit: Events at most.
            max_scanned: Events to read at most.

        Raises:
            ValueError: ``after`` is no cursor.
        """
        found: list[EventRecord] = []
        scanned, reached_at, cursor = 0, 0.0, ""
        async for at, record in self._scan(wanted, Place.parse(after) if after else None):
            scanned += 1
            reached_at, cursor = at.finished_at, str(at.place)
            if record is not None:
                found.append(record)
            if len(found) >= limit or scanned >= max_scanned:
                return HistoryPage(tuple(found), cursor, scanned, reached_at)
        return HistoryPage(tuple(found), "", scanned, reached_at)

    async def get(self, source: str, event_id: str) -> EventRecord | None:
        """Return the newest event with this source and id that is no duplicate, else a duplicate."""
        return await self._first(self._log.named([f"{source}\x00{event_id}"]), source, event_id)

    async def by_reference(self, reference: str) -> EventRecord | None:
        """Return the event with this reference, as ``get`` does; None also if it is no reference."""
        try:
            digest = bytes.fromhex(reference)
        except ValueError:
            return None
        if len(digest) != NAME_BYTES:
            return None
        return await self._first(self._log.digested([digest]), reference=reference)

    async def after(self, position: str, *, limit: int) -> list[EventRecord]:
        """Return up to ``limit`` events that came after a position, the oldest first.

        Raises ValueError if it is no position.
        """
        place = Place.parse(position) if position else None
        found: list[EventRecord] = []
        for entry in await self._log.after(place, limit=_LIVE_ENTRIES):
            events = _events(entry)
            is_same = place is not None and (entry.segment, entry.at) == (
                place.segment,
                place.entry,
            )
            first = place.record + 1 if place is not None and is_same else 0
            for number in range(first, len(events) if events else 0):
                record = self._masked(_record(events, number))
                if record is not None:
                    found.append(record)
                if len(found) == limit:
                    return found
        return found

    async def newest(self) -> str:
        """Return the position of the newest event; ``""`` if there is none."""
        page = await self.page(EventFilter(), limit=1)
        return page.items[0].position if page.items else ""

    async def _scan(
        self, wanted: EventFilter, after: Place | None
    ) -> AsyncIterator[tuple["_Scanned", EventRecord | None]]:
        """Return each event with its place, and its record if it matches."""
        test, has_text, times = wanted.stored_test(), wanted.text_test(), wanted.times
        entries = self._log.newest_first(after, first_ms=times.first_ms, last_ms=times.last_ms)
        async for entry in entries:
            events = _events(entry)
            if events is None or not times.has(events.finished_at):
                continue
            last = len(events)
            if after is not None and (entry.segment, entry.at) == (after.segment, after.entry):
                last = min(last, after.record)
            for number in reversed(range(last)):
                at = _Scanned(Place(entry.segment, entry.at, number), events.finished_at)
                stored = events.stored(number)
                if stored is None:
                    continue
                record = self._masked(events.record(number, stored)) if test(stored) else None
                # A search must not find what is masked, or it would tell it.
                if record is not None and record.body != stored.body and not has_text(record.body):
                    record = None
                yield at, record if record is not None and wanted.matches(record) else None

    def _masked(self, record: EventRecord | None) -> EventRecord | None:
        if record is None or not self._masks:
            return record
        body, is_changed = self._masks.applied_to(record.body)
        if not is_changed:
            return record
        is_masked = record.subject and _SUBJECT in self._masks.paths
        subject = MASK if is_masked else record.subject
        return msgspec.structs.replace(record, body=body, is_masked=True, subject=subject)

    async def _first(
        self,
        entries: AsyncIterator[StoredEntry],
        source: str = "",
        event_id: str = "",
        *,
        reference: str = "",
    ) -> EventRecord | None:
        duplicate = None
        async for entry in entries:
            events = _events(entry)
            for number in entry.names:  # an event has one name
                record = self._masked(_record(events, number))
                if record is None:
                    continue
                is_wanted = (
                    record.reference == reference
                    if reference
                    else record.source == source and record.id == event_id
                )
                if is_wanted and record.outcome is not EventOutcome.DUPLICATE:
                    return record
                if is_wanted and duplicate is None:
                    duplicate = record
        return duplicate


class _Scanned(msgspec.Struct, frozen=True):
    place: Place
    finished_at: float


def _events(entry: StoredEntry) -> EntryEvents | None:
    return EntryEvents.read(entry.content, entry.segment, entry.at)


def _record(events: EntryEvents | None, number: int) -> EventRecord | None:
    stored = events.stored(number) if events is not None else None
    return events.record(number, stored) if events is not None and stored is not None else None
