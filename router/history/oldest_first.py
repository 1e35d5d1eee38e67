"""Events of history in the order in which they were recorded: to replay them, or to run rules on them."""

from collections.abc import AsyncIterator, Iterator
from typing import Final

import msgspec

from router.history.event_filter import EventFilter
from router.history.log_reader import LogReader, StoredEntry
from router.history.records import EventRecord
from router.history.stored import EntryEvents, Place
from router.journal.connection import Connection
from router.journal.history_log import EVENTS

_ENTRIES: Final = 500


class ScannedEvent(msgspec.Struct, frozen=True):
    """An event that was read."""

    position: str
    """A cursor: the next read begins after it."""
    finished_at: float
    """Unix time in seconds."""
    record: EventRecord | None
    """None if it does not match."""


async def oldest_first(
    connection: Connection, wanted: EventFilter, after: str = ""
) -> AsyncIterator[ScannedEvent]:
    """Return the events within the times of a filter, the oldest first.

    Args:
        connection: To Redis.
        wanted: The filter.
        after: The position of the last event that was read; ``""`` for the first one.

    Raises:
        ValueError: ``after`` is no position.
        JournalUnavailableError: Redis did not answer in time.
    """
    log, times = LogReader(connection, EVENTS), wanted.times
    last = Place.parse(after) if after else None
    place = last or await _first_place(log, times.first_ms)
    while place is not None:
        entries = await log.after(place, limit=_ENTRIES)
        for entry in entries:
            events = EntryEvents.read(entry.content, entry.segment, entry.at)
            if events is None or _is_before(events, times.first_ms):
                continue
            if times.last_ms is not None and int(1000 * events.finished_at) > times.last_ms:
                return
            for here, record in _records(events, entry, wanted):
                if last is None or here > last:
                    yield ScannedEvent(str(here), events.finished_at, record)
        is_end = len(entries) < _ENTRIES
        place = None if is_end else Place(entries[-1].segment, entries[-1].at + 1, 0)


def _is_before(events: EntryEvents, first_ms: int | None) -> bool:
    return first_ms is not None and int(1000 * events.finished_at) < first_ms


def _records(
    events: EntryEvents, entry: StoredEntry, wanted: EventFilter
) -> Iterator[tuple[Place, EventRecord | None]]:
    """Yield the place of each event, and its record if it matches."""
    test = wanted.stored_test()
    for number in range(len(events)):
        stored = events.stored(number)
        if stored is None:
            continue
        record = events.record(number, stored) if test(stored) else None
        is_match = record is not None and wanted.matches(record)
        yield Place(entry.segment, entry.at, number), record if is_match else None


async def _first_place(log: LogReader, first_ms: int | None) -> Place | None:
    """Return the begin of the first segment with entries of a time or later."""
    for segment in reversed(await log.segments()):
        if first_ms is None or segment.last_ms >= first_ms:
            return Place(segment.number, 0, 0)
    return None
