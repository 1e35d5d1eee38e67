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
        return (
            (not self.destinations or record.destination in self.destinations)
            and (not self.rule or record.rule == self.rule)
            and (not self.outcomes or record.outcome in self.outcomes)
            and (not self.key or record.key == self.key)
            and self.times.has(record.ended_at)
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


async def _newest_first(
    entries: AsyncIterator[StoredEntry], before: Place | None = None
) -> AsyncIterator[DeliveryRecord]:
    async for entry in entries:
        records = list(delivery_records(entry.content, entry.segment, entry.at))
        for record in reversed(records):
            if before is None or Place.parse(record.position) < before:
                yield record
