"""Whether the store is the one that it was: not emptied, and not behind what it has acknowledged.

An empty Redis answers as any other does, and so does a replica that became the primary without the
last events. Three things tell: the epoch, which an empty store gets again; the count of accepted events,
which only grows; and the replication history, which a promoted replica continues from its own last
byte. Each process compares what it saw last with what it sees.

Each finding is an error in the log and a counter, and ``deploy/alerts.yml`` has an alert for it.
"""

import logging
from collections.abc import Callable

import msgspec

from router.journal.store_check import StoreFacts
from router.metrics import Metrics

logger = logging.getLogger(__name__)


class StoreReset(msgspec.Struct, frozen=True):
    """The store was emptied, or another one has taken its place."""

    known: str
    """Its epoch."""
    found: str


class EventsMissing(msgspec.Struct, frozen=True):
    """The store has accepted fewer events than it has acknowledged to this process."""

    count: int


class FailedOver(msgspec.Struct, frozen=True):
    """A replica became the primary."""

    missing_bytes: int
    """Bytes of the replication history, at least, that it did not have; 0 if none is known."""


StoreChange = StoreReset | EventsMissing | FailedOver


def store_changes(known: StoreFacts, acknowledged: int, found: StoreFacts) -> list[StoreChange]:
    """Return what has happened to the store between two checks.

    Args:
        known: The facts of the previous check.
        acknowledged: The highest count of accepted events that the store gave this process before
            the check began.
        found: The facts of this check.
    """
    if known.epoch != found.epoch:
        return [StoreReset(known.epoch, found.epoch)]
    changes: list[StoreChange] = []
    if (
        known.replication_id != found.replication_id
        and known.replication_id == found.former_replication_id
    ):
        changes.append(FailedOver(max(0, known.offset - found.former_offset)))
    missing = max(acknowledged, known.accepted) - found.accepted
    if missing > 0:
        changes.append(EventsMissing(missing))
    return changes


class AcceptedCount:
    """The highest count of accepted events that the store has given this process.

    Each commit returns the count after it, at no cost. A commit that begins below the count that is
    known already proves that the store has lost events in between.
    """

    def __init__(self) -> None:
        self.highest = 0
        self.missing = 0
        """Events that a commit found missing, until the next check takes them."""
        self._has_failed = False
        self._on_missing: Callable[[], None] = lambda: None
        self._on_turn: Callable[[], None] = lambda: None

    def subscribe(self, *, on_missing: Callable[[], None], on_turn: Callable[[], None]) -> None:
        """Set the functions to call.

        Args:
            on_missing: A commit has found events missing.
            on_turn: A commit has failed after one that did not, or the reverse.
        """
        self._on_missing, self._on_turn = on_missing, on_turn

    def fail(self) -> None:
        """Record a commit that failed."""
        if not self._has_failed:
            self._has_failed = True
            self._on_turn()

    def commit(self, known: int, after: int, events: int) -> None:
        """Record a commit.

        Args:
            known: ``highest`` when the commit was sent.
            after: The count after it.
            events: The events of the commit.
        """
        if self._has_failed:
            self._has_failed = False
            self._on_turn()
        # A loss that was found while the commit was on its way has lowered the highest count.
        missing = min(known, self.highest) - (after - events)
        if missing > 0:
            self.missing = max(self.missing, missing)
            self.highest = after
            self._on_missing()
        elif after > self.highest:
            self.highest = after


class StoreWatch:
    """Compares each check of the store with the previous one, and reports what has changed."""

    def __init__(self, metrics: Metrics) -> None:
        self.accepted = AcceptedCount()
        self._metrics = metrics
        self._known: StoreFacts | None = None

    def observe(self, found: StoreFacts, acknowledged: int) -> None:
        """Report the changes since the previous check.

        Args:
            found: The facts of this check.
            acknowledged: ``accepted.highest`` when the check began.
        """
        missing, self.accepted.missing = self.accepted.missing, 0
        if missing:  # the check may have read its facts before the loss that a commit has found
            accepted = min(found.accepted, self.accepted.highest)
            found = msgspec.structs.replace(found, accepted=accepted)
        known, self._known = self._known, found
        self._metrics.store_created_timestamp_seconds.set(found.created_at)
        if known is None:
            self.accepted.highest = max(self.accepted.highest, found.accepted)
            return
        changes = store_changes(known, acknowledged, found)
        if missing and not any(isinstance(each, StoreReset) for each in changes):
            changes = [each for each in changes if not isinstance(each, EventsMissing)]
            changes.append(EventsMissing(missing))
        if any(isinstance(each, StoreReset | EventsMissing) for each in changes):
            self.accepted.highest = found.accepted
        for change in changes:
            self._report(change)

    def _report(self, change: StoreChange) -> None:
        match change:
            case StoreReset():
                self._metrics.store_resets.inc()
                logger.error(
                    "store reset: Redis was emptied or replaced; what it stored is gone",
                    extra={"known_epoch": change.known, "found_epoch": change.found},
                )
            case EventsMissing():
                self._metrics.store_missing_events.inc(change.count)
                logger.error(
                    "acknowledged events missing from Redis: a failover or a restore lost them",
                    extra={"events": change.count},
                )
            case FailedOver():
                self._metrics.store_failovers.inc()
                self._metrics.store_missing_bytes.inc(change.missing_bytes)
                log = logger.error if change.missing_bytes else logger.warning
                log(
                    "Redis failed over to a replica; what it had not copied is lost",
                    extra={"missing_bytes": change.missing_bytes},
                )
