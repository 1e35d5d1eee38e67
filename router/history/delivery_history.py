"""Deliveries of history: pages of those that match a filter, and those of alerts, of a key, or by id."""

from collections.abc import AsyncIterator, Sequence
from typing import Final

import msgspec

from router.alerts import AlertId, AlertKey
from router.history.event_history import HistoryPage
from router.history.log_reader import LogReader, StoredEntry
from router.history.records import DeliveryRecord
from router.history.stored import Place, delivery_records
from router.journal.connection import Connection
from router.journal.ended_deliveries import DeliveryOutcome
from router.journal.history_log import DELIVERIES, name_digest
from router.journal.pagination import TimeRange

MAX_SCANNED_DELIVERIES: Final = 20_000
"""Deliveries that one page reads at most, whether they match or not."""
FOUND_LIMIT: Final = 500
"""Deliveries of alerts that are returned at most."""
_LIVE_ENTRIES: Final = 100


class DeliveryFilter(msgspec.Struct, frozen=True, kw_only=True):
    """The deliveries to find; an empty one matches all."""

    destinations: frozenset[str] = frozenset()
    rule: str = ""
    outcomes: frozenset[DeliveryOutcome] = frozenset()
    key: AlertKey = AlertKey("")
    times: TimeRange = TimeRange()
    """The times at which it ended."""

    def matches(self, record: DeliveryRecord) -> bool:
        """Return whether a delivery matches."""
        at_ms, times = int(1000 * record.ended_at), self.times
        return (
            (not self.destinations or record.destination in self.destinations)
            and (not self.rule or record.rule == self.rule)
            and (not self.outcomes or record.outcome in self.outcomes)
            and (not self.key or record.key == self.key)
            and (times.first_ms is None or at_ms >= times.first_ms)
            and (times.last_ms is None or at_ms <= times.last_ms)
        )


class DeliveryHistory:
    """Reads deliveries that have ended. All methods raise JournalUnavailableError."""

    def __init__(self, connection: Connection) -> None:
        self._log = LogReader(connection, DELIVERIES)

    async def page(
        self,
        wanted: DeliveryFilter,
        after: str = "",
        *,
        limit: int,
        max_scanned: int = MAX_SCANNED_DELIVERIES,
    ) -> HistoryPage[DeliveryRecord]:
        """Return up to ``limit`` deliveries, the newest first; see ``EventHistory.page``."""
        place = Place.parse(after) if after else None
        times = wanted.times
        found: list[DeliveryRecord] = []
        scanned, reached_at, cursor = 0, 0.0, ""
        entries = self._log.newest_first(place, first_ms=times.first_ms, last_ms=times.last_ms)
        async for record in _newest_first(entries, place):
            scanned += 1
            reached_at, cursor = record.ended_at, record.position
            if wanted.matches(record):
                found.append(record)
            if len(found) >= limit or scanned >= max_scanned:
                return HistoryPage(tuple(found), cursor, scanned, reached_at)
        return HistoryPage(tuple(found), "", scanned, reached_at)

    async def get(self, delivery_id: str) -> DeliveryRecord | None:
        """Return the delivery with this id."""
        async for record in _newest_first(self._log.named([delivery_id])):
            if record.id == delivery_id:
                return record
        return None

    async def of_alerts(self, ids: Sequence[AlertId]) -> list[DeliveryRecord]:
        """Return the deliveries of alerts, and of groups that they are members of, the newest first."""
        # An entry has further deliveries, so those of a group are recognised by the digests in it.
        wanted = {name_digest(each).hex() for each in ids}
        return [
            record
            async for record in _newest_first(self._log.named(ids))
            if not wanted.isdisjoint(record.alerts)
        ][:FOUND_LIMIT]

    async def of_key(self, key: AlertKey, *, limit: int) -> list[DeliveryRecord]:
        """Return up to ``limit`` deliveries of the alerts with a key, the newest first."""
        found: list[DeliveryRecord] = []
        async for record in _newest_first(self._log.named([key])):
            if record.key == key:
                found.append(record)
            if len(found) == limit:
                break
        return found

    async def after(self, position: str, *, limit: int) -> list[DeliveryRecord]:
        """Return up to ``limit`` deliveries that ended after a position, the oldest first.

        Raises ValueError if it is no position.
        """
        place = Place.parse(position) if position else None
        found: list[DeliveryRecord] = []
        for entry in await self._log.after(place, limit=_LIVE_ENTRIES):
            found += [
                record
                for record in delivery_records(entry.content, entry.segment, entry.at)
                if place is None or Place.parse(record.position) > place
            ]
        return found[:limit]

    async def newest(self) -> str:
        """Return the position of the newest delivery; ``""`` if there is none."""
        page = await self.page(DeliveryFilter(), limit=1)
        return page.items[0].position if page.items else ""


async def _newest_first(
    entries: AsyncIterator[StoredEntry], before: Place | None = None
) -> AsyncIterator[DeliveryRecord]:
    async for entry in entries:
        records = list(delivery_records(entry.content, entry.segment, entry.at))
        for record in reversed(records):
            if before is None or Place.parse(record.position) < before:
                yield record
