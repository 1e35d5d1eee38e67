"""The figures of the overview: the last minutes, what fires, the last events, and the rules."""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from router.alerts import Severity
from router.api.alert_filter import AlertFilter
from router.api.alert_views import OPEN, AlertView, KeyedState, alert_view
from router.api.event_views import EventView, event_view
from router.api.stats import NOTIFIED, RECEIVED, Stats, read_stats
from router.clock import Clock
from router.configuration.reload import ReloadReport
from router.console.concurrent_reads import concurrent_reads
from router.console.shared_read import SharedRead
from router.errors import JournalUnavailableError
from router.events.masks import Masks
from router.history.event_filter import EventFilter
from router.history.event_history import EventHistory
from router.journal.connection import Connection
from router.journal.keyed_alerts import FoundAlert, KeyedAlert, KeyedAlerts
from router.journal.pagination import collect
from router.journal.series import Resolution
from router.journal.twilio_tests import SinkTest, SinkTests

ALERTS_SHOWN: Final = 8
EVENTS_SHOWN: Final = 10
MINUTES: Final = 10
_ALERTS_READ: Final = 200
"""Open alerts that are read, the latest change first, to find the most severe ones."""
_ALERTS_SCANNED: Final = 400
_READ_SECONDS: Final = 2.0
_SEVERITIES: Final = tuple(reversed(Severity))
_FIRING: Final = OPEN - {KeyedState.PENDING}


class FiringAlerts(msgspec.Struct, frozen=True, kw_only=True):
    """Keyed alerts that fire now."""

    shown: tuple[AlertView, ...] = ()
    """The most severe ones, then those that changed last."""
    count: int = 0
    acknowledged: int = 0
    """Those of ``count`` that an operator has acknowledged."""
    is_complete: bool = True
    """Whether there are no more that were not read."""


class OverviewFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The last minutes, as of one time."""

    stats: Stats
    """The series of accepted events and notified alerts, in steps of ten seconds."""
    alerts: FiringAlerts
    events: tuple[EventView, ...]
    """The latest ones, the newest first."""
    rules: ReloadReport | None = None
    """None in a process without rules."""

    @property
    def received(self) -> list[int]:
        """Events that were accepted, in steps of ten seconds; the last step has ended."""
        return self._points(RECEIVED)

    @property
    def notified(self) -> list[int]:
        """Alerts that were notified, as ``received``."""
        return self._points(NOTIFIED)

    def _points(self, name: str) -> list[int]:
        return next(each.points[:-1] for each in self.stats.series if each.name == name)

    @property
    def received_lately(self) -> int:
        """Events of the last minutes, with those of the step that has not ended."""
        return self._sum(RECEIVED)

    @property
    def notified_lately(self) -> int:
        """Alerts of the last minutes."""
        return self._sum(NOTIFIED)

    def _sum(self, name: str) -> int:
        return sum(sum(each.points) for each in self.stats.series if each.name == name)


class OverviewReader:
    """Reads the figures; all pages and open consoles share one read in a second.

    Args:
        connection: To Redis.
        clock: Time.
        masks: The fields of events that are not shown.
        report: Returns the active rules; None in a process without rules.
    """

    def __init__(
        self,
        connection: Connection,
        clock: Clock,
        masks: Masks,
        report: Callable[[], ReloadReport] | None,
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._masks = masks
        self._report = report
        self._history = EventHistory(connection, masks)
        self._alerts = KeyedAlerts(connection)
        self._tests = SinkTests(connection)
        self._shared = SharedRead(self._read_now, clock.monotonic)

    async def read(self) -> OverviewFigures:
        """Return the figures, a second old at most. Raises JournalUnavailableError."""
        return await self._shared()

    async def sink_tests(self) -> list[SinkTest]:
        """Return the test events of Twilio sinks. Raises JournalUnavailableError."""
        return await self._tests.latest()

    async def _read_now(self) -> OverviewFigures:
        try:
            async with asyncio.timeout(_READ_SECONDS):
                return await self._read_all()
        except TimeoutError as error:
            raise JournalUnavailableError("Redis did not answer in time") from error

    async def _read_all(self) -> OverviewFigures:
        names, step = (RECEIVED, NOTIFIED), Resolution.TEN_SECONDS
        points = MINUTES * 60 // step.seconds + 1
        reading = read_stats(self._connection, self._clock, names, step, points)
        async with concurrent_reads() as group:
            stats = group.create_task(reading)
            alerts = group.create_task(read_firing(self._alerts, self._clock.now(), self._masks))
            events = group.create_task(self._history.page(EventFilter(), limit=EVENTS_SHOWN))
        return OverviewFigures(
            stats=stats.result(),
            alerts=alerts.result(),
            events=tuple(map(event_view, events.result().items)),
            rules=None if self._report is None else self._report(),
        )


async def read_firing(
    alerts: KeyedAlerts, now: float, masks: Masks, *, shown: int = ALERTS_SHOWN
) -> FiringAlerts:
    """Return the alerts that fire now. Raises JournalUnavailableError.

    Args:
        alerts: The keyed alerts.
        now: Unix time in seconds.
        masks: The fields of events that are not shown.
        shown: How many of them are returned at most.
    """
    wanted = AlertFilter(states=_FIRING)
    found = await collect(
        alerts.find(lambda each: wanted.matches(each, now)),
        None,
        count=_ALERTS_READ,
        max_scanned=_ALERTS_SCANNED,
    )
    first = sorted(found.items, key=_rank)[:shown]
    return FiringAlerts(
        shown=tuple(alert_view(each, now, masks) for each in first),
        count=len(found.items),
        acknowledged=sum(
            isinstance(each, KeyedAlert) and each.is_acknowledged for each in found.items
        ),
        is_complete=found.after is None,
    )


def _rank(found: FoundAlert) -> int:
    """Return the place of an alert in the list: the sort keeps the order of those that are equal."""
    return _SEVERITIES.index(found.alert.severity) if isinstance(found, KeyedAlert) else 0
