"""The state of a router at one time, as the view shows it and as ``router top --json`` prints it (pure)."""

from collections.abc import Sequence
from typing import Final

import msgspec

from router.api.destination_views import DestinationHealthView, HealthState
from router.api.stats import QueueView
from router.journal.ledger import Ledger

_POINTS_OF_MINUTE: Final = 6
"""A point of the plots has ten seconds."""


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """Events, alerts and deliveries in a second, on average."""

    accepted: float = 0.0
    duplicate: float = 0.0
    filtered: float = 0.0
    suppressed: float = 0.0
    """Events whose alerts were all suppressed."""
    matched: float = 0.0
    quarantined: float = 0.0
    notified: float = 0.0
    """Alerts of which a destination was notified."""
    delivered: float = 0.0
    dead: float = 0.0
    """Deliveries that were given up."""


class RedisFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Redis, as this process sees it."""

    latency_seconds: float
    """The median of some round trips."""
    memory_bytes: int
    memory_limit_bytes: int
    """0 for no limit."""
    clock_offset_seconds: float
    """By how much the clock of this machine is ahead of Redis's."""


class TopDestination(msgspec.Struct, frozen=True, kw_only=True):
    """A destination."""

    name: str
    health: str
    """As in ``router destinations list``."""
    pending: int
    oldest_age_seconds: float
    delivered_per_second: float | None
    """Since the last snapshot; None at the first one."""
    dead: int
    reason: str = ""
    """Why it is paused, or its last error if it is not well."""


class FiringLine(msgspec.Struct, frozen=True, kw_only=True):
    """A keyed alert that fires."""

    severity: str
    rule: str
    summary: str
    age_seconds: float | None
    """Since its first event; None if that is not known."""
    acknowledged_by: str = ""
    suppressed: str = ""
    """Why no destination is notified at the moment."""


class TopSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a router at one time."""

    at: float
    """Unix seconds, of Redis."""
    state: str
    """The judgement of the console: ``all well``, or the worst of what is true."""
    attention: str
    """good, unknown, warning or critical."""
    advice: str = ""
    rates: Rates | None
    """Since the last snapshot; None at the first one."""
    rates_of_minute: Rates
    """Those of the last minute."""
    accepted: list[int]
    """Events in steps of ten seconds, the oldest first."""
    delivered: list[int]
    """Deliveries in the same steps."""
    queues: list[QueueView]
    """Events and timers."""
    destinations: list[TopDestination]
    firing: list[FiringLine]
    """The most severe ones."""
    firing_count: int
    acknowledged_count: int
    """Those of ``firing_count`` that are acknowledged."""
    is_firing_complete: bool
    """Whether there are no more that were not read."""
    dead_letters: int
    quarantined: int
    redis: RedisFigures


class LedgerSnapshot(msgspec.Struct, frozen=True):
    """The ledger at a moment."""

    at: float
    """Seconds of a monotonic clock."""
    ledger: Ledger


def rates_between(before: LedgerSnapshot, after: LedgerSnapshot) -> Rates | None:
    """Return the rates between two snapshots; None if no time has passed.

    A count that became less (a restored or emptied Redis, a replayed dead letter) counts as 0.
    """
    seconds = after.at - before.at
    if seconds <= 0:
        return None
    old, new = before.ledger, after.ledger

    def rate(earlier: int, later: int) -> float:
        return round(max(0, later - earlier) / seconds, 3)

    return Rates(
        accepted=rate(old.accepted, new.accepted),
        duplicate=rate(old.duplicate, new.duplicate),
        filtered=rate(old.filtered, new.filtered),
        suppressed=rate(old.suppressed, new.suppressed),
        matched=rate(old.matched, new.matched),
        quarantined=rate(old.quarantined, new.quarantined),
        notified=rate(old.notified, new.notified),
        delivered=rate(_sum(old, "delivered"), _sum(new, "delivered")),
        dead=rate(_sum(old, "dead"), _sum(new, "dead")),
    )


def delivered_between(before: LedgerSnapshot, after: LedgerSnapshot) -> dict[str, float]:
    """Return the deliveries in a second by destination, between two snapshots."""
    seconds = after.at - before.at
    if seconds <= 0:
        return {}
    old = before.ledger.destinations
    return {
        name: round(
            max(0, each.delivered - (old[name].delivered if name in old else 0)) / seconds, 3
        )
        for name, each in after.ledger.destinations.items()
    }


def top_destination(view: DestinationHealthView, rate: float | None) -> TopDestination:
    """Return a destination as a line of the view."""
    error = None if view.health is HealthState.OK else view.last_error
    return TopDestination(
        name=view.name,
        health=view.health,
        pending=view.pending,
        oldest_age_seconds=view.oldest_age_seconds,
        delivered_per_second=rate,
        dead=view.dead,
        reason=view.reason or ("" if error is None else error.reason),
    )


def rate_of_minute(points: Sequence[int]) -> float:
    """Return the rate in a second of the last minute of a plot, without its last point, which still grows."""
    return round(sum(points[-_POINTS_OF_MINUTE - 1 : -1]) / 60, 3)


def _sum(of: Ledger, field: str) -> int:
    return sum(getattr(each, field) for each in of.destinations.values())
