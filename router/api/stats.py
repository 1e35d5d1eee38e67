"""``/api/v1/stats``: counts over time, for plots, and what is true now."""

from collections.abc import Sequence
from typing import Annotated, Final, Literal

import msgspec
from aiohttp import hdrs, web
from msgspec import Meta

from router.api.access import Access
from router.api.json_responses import json_response
from router.api.operator_routes import viewer_operation, viewer_route
from router.api.requests import BAD_REQUEST, query_params
from router.clock import Clock
from router.http.openapi import ResponseSpec
from router.journal import ledger
from router.journal.connection import Connection
from router.journal.memory_budget import memory_use
from router.journal.queue_ages import queue_ages
from router.journal.series import Resolution, Series

RECEIVED: Final = "events_received/*/accepted"
MATCHED: Final = "events_evaluated/matched"
NOTIFIED: Final = "alerts_notified/*"
DELIVERED: Final = "deliveries/*/delivered"
DEAD_LETTERED: Final = "deliveries/*/dead_lettered"
RETRIED: Final = "delivery_attempts/*/retried"
OVERVIEW: Final = (RECEIVED, MATCHED, NOTIFIED, DELIVERED, DEAD_LETTERED, RETRIED)
"""The series that are returned if none is asked for."""
_POINTS: Final = max(each.slots for each in Resolution)
_NAMES: Final = 100
_RATE_BUCKETS: Final = 6
"""Buckets of ten seconds over which a rate is measured: a minute."""

SeriesName = Annotated[
    str,
    Meta(
        max_length=200,
        pattern=(
            r"^(events_received|requests_refused|events_evaluated|rule_matches|rule_errors"
            r"|alerts_notified|alerts_suppressed|deliveries|delivery_attempts)(/[^/]+){1,2}$"
        ),
    ),
]


class StatsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The series to return."""

    series: Annotated[
        tuple[SeriesName, ...],
        Meta(
            max_length=_NAMES,
            description=(
                "Name of a series, may be repeated: a counter of /metrics without `router_` and"
                " `_total`, and its labels, such as `rule_matches/<rule>` or"
                " `deliveries/<destination>/delivered`. `*` in place of a label is the sum over its"
                " values. Without it, those of an overview are returned."
            ),
        ),
    ] = ()
    resolution: Annotated[
        Literal["10s", "1m", "1h"],
        Meta(description="Seconds of a point: 10s for 15 minutes, 1m for 3 hours, 1h for 8 days."),
    ] = "10s"
    points: Annotated[
        int,
        Meta(ge=1, le=_POINTS, description="Points of a series; not more than are kept."),
    ] = 90


class SeriesView(msgspec.Struct, frozen=True):
    """A series."""

    name: str
    points: Annotated[
        list[int], Meta(description="Counts, the oldest first; the last point is still counted.")
    ]


class QueueView(msgspec.Struct, frozen=True):
    """A queue: of events (`evaluate`), of timers, or of the deliveries to a destination."""

    name: str
    depth: Annotated[int, Meta(description="Events, due timers or deliveries that are pending.")]
    oldest_age_seconds: float


class CurrentFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of the last minute, and of now."""

    events_per_second: float
    matched_per_minute: int
    notified_per_minute: int
    queues: list[QueueView]
    redis_memory_bytes: int
    redis_memory_limit_bytes: Annotated[int, Meta(description="Its maxmemory; 0 without a limit.")]
    redis_memory_used_ratio: float


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """Counts over time, and what is true now."""

    at: Annotated[float, Meta(description="Unix seconds.")]
    resolution_seconds: int
    series: list[SeriesView]
    now: CurrentFigures


_STATS: Final = viewer_operation(
    hdrs.METH_GET,
    "/api/v1/stats",
    "Show counts over time, and what is true now",
    {200: ResponseSpec("The series, and current figures.", Stats), **BAD_REQUEST},
    description=(
        "Processes add what they have counted every five seconds. A series that is not known has"
        " zeros only."
    ),
    query=StatsQuery,
)
OPERATIONS: Final = (_STATS,)
"""Descriptions of the routes."""


async def read_stats(
    connection: Connection,
    clock: Clock,
    names: Sequence[str] = OVERVIEW,
    resolution: Resolution = Resolution.TEN_SECONDS,
    points: int = 90,
) -> Stats:
    """Return series, and the current figures. Raises JournalUnavailableError.

    Args:
        connection: To Redis.
        clock: Time.
        names: The names of the series (``router.journal.series``).
        resolution: The width of a point.
        points: How many of them.
    """
    found = await Series(connection, clock).read(names, resolution, points)
    return Stats(
        at=clock.now(),
        resolution_seconds=resolution.seconds,
        series=[SeriesView(name, counts) for name, counts in found.items()],
        now=await current_figures(connection, clock),
    )


async def current_figures(connection: Connection, clock: Clock) -> CurrentFigures:
    """Return the figures of the last minute and of now. Raises JournalUnavailableError."""
    # One more, because the last one is still counted.
    found = await Series(connection, clock).read(
        (RECEIVED, MATCHED, NOTIFIED), Resolution.TEN_SECONDS, _RATE_BUCKETS + 1
    )
    received, matched, notified = (sum(counts[:-1]) for counts in found.values())
    counters = await ledger.read(connection)
    queues = await queue_ages(connection, counters, clock.now())
    memory = memory_use(await connection.ask(connection.redis.info("memory")))
    return CurrentFigures(
        events_per_second=round(received / (_RATE_BUCKETS * Resolution.TEN_SECONDS.seconds), 3),
        matched_per_minute=matched,
        notified_per_minute=notified,
        queues=[
            QueueView(each.queue, each.depth, round(each.oldest_age_seconds, 3)) for each in queues
        ],
        redis_memory_bytes=memory.used_bytes,
        redis_memory_limit_bytes=memory.limit_bytes,
        redis_memory_used_ratio=round(memory.ratio, 4),
    )


class StatsApi:
    """The handler of statistics.

    Args:
        connection: The journal.
        clock: The time.
        access: Who may call.
    """

    def __init__(self, connection: Connection, clock: Clock, access: Access) -> None:
        self._connection = connection
        self._clock = clock
        self._access = access

    def routes(self) -> list[web.RouteDef]:
        """Return the route."""
        return [viewer_route(_STATS, self.show, self._access)]

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Return series and figures."""
        query = query_params(request, StatsQuery)
        return json_response(
            await read_stats(
                self._connection,
                self._clock,
                query.series or OVERVIEW,
                Resolution(query.resolution),
                query.points,
            )
        )
