"""Reads deliveries: those that have not ended, from the journal, and those that have, from history."""

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from router.alerts import AlertKey, DeliveryId, alert_id, delivery_id
from router.api.delivery_views import (
    OPEN_STATES,
    DeliveryDetails,
    DeliveryState,
    DeliveryView,
    ended_delivery,
    open_delivery,
)
from router.events.model import key_of
from router.history.delivery_history import DeliveryFilter, DeliveryHistory
from router.history.records import EventMatch
from router.journal import ledger
from router.journal.connection import Connection
from router.journal.ended_deliveries import DeliveryOutcome
from router.journal.history_log import name_digest
from router.journal.open_deliveries import OpenDeliveries, OpenDelivery
from router.journal.pagination import TimeRange

_OPEN: Final = "open"
_ENDED: Final = "ended"
_SCANNED_OPEN: Final = 2000
"""Deliveries that have not ended that one page reads at most."""
_AT_ONCE: Final = 10
"""Sets of deliveries that are read at once."""
_ALERTS: Final = 100
"""Matches of an event whose deliveries are looked for."""


class DeliveryCriteria(msgspec.Struct, frozen=True, kw_only=True):
    """The deliveries to find; an empty field matches all."""

    destination: str = ""
    states: frozenset[DeliveryState] = frozenset()
    rule: str = ""
    key: str = ""
    """Key of the alert, or its id if it stands alone."""
    times: TimeRange = TimeRange()
    """When they ended; of those that have not, when their alert was raised."""

    @property
    def outcomes(self) -> frozenset[DeliveryOutcome]:
        """The ends that are wanted; empty for any, or if only open ones are."""
        return frozenset(map(DeliveryOutcome, self.states - OPEN_STATES))

    def ended(self) -> DeliveryFilter:
        """Return the filter of history."""
        return DeliveryFilter(
            destinations=frozenset({self.destination} if self.destination else ()),
            rule=self.rule,
            outcomes=self.outcomes,
            key=AlertKey(self.key),
            times=self.times,
        )

    def matching(self, found: OpenDelivery) -> DeliveryView | None:
        """Return a delivery that has not ended; None if it does not match."""
        view = open_view(found).delivery
        is_match = (
            (not self.states or view.state in self.states)
            and (not self.rule or view.rule == self.rule)
            and (not self.key or view.key == self.key)
            and self.times.has(found.delivery.alert.raised_at)
        )
        return view if is_match else None


class DeliveryList(msgspec.Struct, frozen=True):
    """A page of deliveries: those that have not ended first, then the others, the newest first."""

    deliveries: tuple[DeliveryView, ...]
    after: Annotated[
        str, Meta(description="Cursor of the next page, empty at the end. A page may be empty.")
    ]


class DeliveryReader:
    """Reads deliveries. All methods raise JournalUnavailableError."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._open = OpenDeliveries(connection)
        self._history = DeliveryHistory(connection)

    async def page(self, wanted: DeliveryCriteria, after: str, *, limit: int) -> DeliveryList:
        """Return up to ``limit`` deliveries.

        Those that have not ended come first, by destination; then those that have, the newest first.

        Raises:
            ValueError: ``after`` is no cursor.
        """
        place = _parse(after)
        found: list[DeliveryView] = []
        if place.is_open:
            following = await self._waiting(wanted, place, found, limit)
            if following:
                return DeliveryList(tuple(found), following)
            place = _Cursor(is_open=False)
        if wanted.states and not wanted.outcomes:
            return DeliveryList(tuple(found), "")
        if len(found) >= limit:
            return DeliveryList(tuple(found), str(place))
        ended = await self._history.page(wanted.ended(), place.position, limit=limit - len(found))
        found += [ended_delivery(each).delivery for each in ended.items]
        following = str(_Cursor(is_open=False, position=ended.after)) if ended.after else ""
        return DeliveryList(tuple(found), following)

    async def _waiting(
        self, wanted: DeliveryCriteria, place: "_Cursor", found: list[DeliveryView], limit: int
    ) -> str:
        """Add deliveries that have not ended; return the cursor to go on, ``""`` at the end."""
        scanned = 0
        for destination in await self._destinations(wanted, place.destination):
            here = place if destination == place.destination else _Cursor(destination=destination)
            while True:
                page = await self._open.page(destination, here.position, limit=_AT_ONCE)
                for number, each in enumerate(page.items[here.skipped :], here.skipped):
                    if len(found) >= limit or scanned >= _SCANNED_OPEN:
                        return str(msgspec.structs.replace(here, skipped=number))
                    scanned += 1
                    view = wanted.matching(each)
                    if view is not None:
                        found.append(view)
                if not page.after:
                    break
                here = _Cursor(destination=destination, position=page.after)
        return ""

    async def _names(self) -> list[str]:
        """Return the destinations that have deliveries which have not ended."""
        counters = await ledger.read(self._connection)
        return sorted(name for name, counts in counters.destinations.items() if counts.pending > 0)

    async def _destinations(self, wanted: DeliveryCriteria, first: str) -> list[str]:
        """Return the names of the destinations whose open deliveries are wanted, from the first on."""
        if wanted.states and wanted.states.isdisjoint(OPEN_STATES):
            return []
        names = [wanted.destination] if wanted.destination else await self._names()
        return [name for name in names if name >= first]

    async def get(self, delivery: str) -> DeliveryDetails | None:
        """Return a delivery; None if it neither waits nor is in history."""
        record = await self._history.get(delivery)
        if record is not None:
            return ended_delivery(record)
        for name in await self._names():
            found = await self._open.find(name, DeliveryId(delivery))
            if found is not None:
                return open_view(found)
        return None

    async def of_event(
        self, key: str, matches: Sequence[EventMatch]
    ) -> dict[str, list[DeliveryView]]:
        """Return the deliveries of an event's alerts, by the name of the rule.

        Args:
            key: The key of the event.
            matches: The recorded results.
        """
        alerts = {match.rule: alert_id(key, match.rule) for match in matches[:_ALERTS]}
        ended = await self._history.of_alerts(list(alerts.values()))
        found: dict[str, list[DeliveryView]] = {}
        for record in reversed(ended):
            found.setdefault(record.rule, []).append(ended_delivery(record).delivery)
        seen = {record.id for record in ended}
        for match in matches[:_ALERTS]:
            for destination in match.destinations:
                wanted = delivery_id(alerts[match.rule], destination)
                view = None if wanted in seen else await self._found(destination, wanted)
                if view is not None:
                    found.setdefault(match.rule, []).append(view)
        return found

    async def _found(self, destination: str, delivery: DeliveryId) -> DeliveryView | None:
        """Return a delivery that waits, or has ended meanwhile."""
        waiting = await self._open.find(destination, delivery)
        if waiting is not None:
            return open_view(waiting).delivery
        record = await self._history.get(delivery)
        return None if record is None else ended_delivery(record).delivery

    async def of_key(self, key: str, *, limit: int) -> list[DeliveryView]:
        """Return up to ``limit`` deliveries of the alerts with a key that ended, the newest first."""
        ended = await self._history.of_key(AlertKey(key), limit=limit)
        return [ended_delivery(record).delivery for record in ended]


def open_view(found: OpenDelivery) -> DeliveryDetails:
    """Return a delivery that has not ended."""
    alert = found.delivery.alert
    key = key_of(alert.event_type, alert.event_source, alert.event_id, alert.event)
    return open_delivery(
        found.delivery,
        DeliveryState(found.state),
        due_at=found.due_at,
        event=name_digest(key).hex(),
    )


class _Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """A place in a list; as text ``open/<destination>/<skipped>/<position>`` or ``ended/<position>``."""

    is_open: bool = True
    destination: str = ""
    skipped: int = 0
    """Deliveries of the page that begins at the position."""
    position: str = ""

    def __str__(self) -> str:
        if self.is_open:
            return f"{_OPEN}/{self.destination}/{self.skipped}/{self.position}"
        return f"{_ENDED}/{self.position}"


def _parse(text: str) -> _Cursor:
    """Return the cursor with this text; the begin for ``""``. Raise ValueError."""
    if not text:
        return _Cursor()
    match text.split("/", 3):
        case [stage, position] if stage == _ENDED:
            return _Cursor(is_open=False, position=position)
        case [stage, name, skipped, position] if stage == _OPEN and _is_number(skipped):
            return _Cursor(destination=name, skipped=int(skipped), position=position)
        case _:
            raise ValueError(f"{text[:60]!r} is not a cursor: use the one of the previous page")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10
