"""Reads what the view shows: the state as the console judges it, counts over time, and what fires."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from router.api.alert_views import AlertView
from router.api.stats import read_stats
from router.clock import Clock
from router.console.concurrent_reads import concurrent_reads
from router.console.frame_figures import FrameReader
from router.console.overall_state import judge
from router.console.overview_figures import read_firing
from router.errors import JournalUnavailableError
from router.events.masks import Masks
from router.journal.connection import Connection
from router.journal.keyed_alerts import KeyedAlerts
from router.journal.round_trips import measure_clock, measure_latency
from router.journal.series import Resolution
from router.timestamps import unix_seconds
from router.top.snapshot import (
    FiringLine,
    LedgerSnapshot,
    Rates,
    RedisFigures,
    TopSnapshot,
    delivered_between,
    rate_of_minute,
    rates_between,
    top_destination,
)

FIRING_SHOWN: Final = 50
_PINGS: Final = 3
_POINTS: Final = 91
_SERIES: Final = {
    "accepted": "events_received/*/accepted",
    "duplicate": "events_evaluated/duplicate",
    "filtered": "events_evaluated/filtered",
    "suppressed": "events_evaluated/suppressed",
    "matched": "events_evaluated/matched",
    "quarantined": "events_evaluated/quarantined",
    "notified": "alerts_notified/*",
    "delivered": "deliveries/*/delivered",
    "dead": "deliveries/*/dead_lettered",
}
"""The series of each rate."""


class TopReader:
    """Reads one snapshot after the other; the rates are between two of them.

    Args:
        connection: To Redis.
        clock: Time.
        masks: The fields of events that are not shown.
        configured: Returns the destinations of the rules folder.
        refusal: Returns why a process with these settings refuses events; None if it accepts them.
    """

    def __init__(
        self,
        connection: Connection,
        clock: Clock,
        masks: Masks,
        configured: Callable[[], Iterable[str]],
        refusal: Callable[[], Awaitable[str | None]],
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._masks = masks
        self._alerts = KeyedAlerts(connection)
        self._before: LedgerSnapshot | None = None
        self._frame = FrameReader(connection, clock, configured, refusal)

    async def read(self) -> TopSnapshot:
        """Return the next snapshot. Raises JournalUnavailableError."""
        self._frame.forget()
        async with concurrent_reads() as group:
            frame = group.create_task(self._frame.read())
            stats = group.create_task(
                read_stats(
                    self._connection,
                    self._clock,
                    tuple(_SERIES.values()),
                    Resolution.TEN_SECONDS,
                    _POINTS,
                )
            )
            firing = group.create_task(
                read_firing(self._alerts, self._clock.now(), self._masks, shown=FIRING_SHOWN)
            )
        figures, alerts = frame.result(), firing.result()
        if figures.situation.redis_error:
            raise JournalUnavailableError(figures.situation.redis_error)
        latency = await measure_latency(self._connection, self._clock.monotonic, _PINGS)
        offset = await measure_clock(self._connection, self._clock)
        points = {each.name: each.points for each in stats.result().series}
        after = LedgerSnapshot(self._clock.monotonic(), figures.ledger)
        before, self._before = self._before, after
        delivered = {} if before is None else delivered_between(before, after)
        current = stats.result().now
        now = self._clock.now() - offset.seconds
        return TopSnapshot(
            at=now,
            state=figures.state.sentence,
            attention=judge(figures.situation).level,
            advice=figures.state.advice,
            rates=None if before is None else rates_between(before, after),
            rates_of_minute=Rates(
                **{name: rate_of_minute(points[series]) for name, series in _SERIES.items()}
            ),
            accepted=points[_SERIES["accepted"]][:-1],
            delivered=points[_SERIES["delivered"]][:-1],
            queues=[each for each in current.queues if not each.name.startswith("deliver:")],
            destinations=[
                top_destination(each, delivered.get(each.name)) for each in figures.destinations
            ],
            firing=[_firing_line(each, now) for each in alerts.shown],
            firing_count=alerts.count,
            acknowledged_count=alerts.acknowledged,
            is_firing_complete=alerts.is_complete,
            dead_letters=figures.situation.dead_letters,
            quarantined=figures.situation.quarantined,
            redis=RedisFigures(
                latency_seconds=latency.median,
                memory_bytes=current.redis_memory_bytes,
                memory_limit_bytes=current.redis_memory_limit_bytes,
                clock_offset_seconds=round(offset.seconds, 3),
            ),
        )


def _firing_line(view: AlertView, now: float) -> FiringLine:
    since = unix_seconds(view.since) if view.since else None
    return FiringLine(
        severity=view.severity,
        rule=view.rule or view.key,
        summary=view.summary or view.problem,
        age_seconds=None if since is None else max(0.0, now - since),
        acknowledged_by="" if view.acknowledged is None else view.acknowledged.by,
        suppressed="" if view.suppressed is None else view.suppressed.reason,
    )
