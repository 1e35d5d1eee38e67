"""How each destination is: one word, its queue, its circuit, its rate of attempts, its last error."""

import enum
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from router.api.views import DestinationView, Time, destination_view
from router.clock import Clock
from router.destinations.rendering.summary import rfc3339
from router.journal import ledger
from router.journal.connection import Connection
from router.journal.destination_health import (
    CircuitRecord,
    DestinationHealth,
    LastError,
    ReportedHealth,
)
from router.journal.ledger import Ledger
from router.journal.pauses import Pause, PauseKind, Pauses
from router.journal.queue_ages import QueueAge, queue_ages
from router.journal.series import Resolution, Series, series_name

PLOT_MINUTES: Final = 60
"""Points of the plots of a destination."""
RATE_MINUTES: Final = 10
"""Minutes over which rates are measured, and in which failures count."""


class HealthState(enum.StrEnum):
    """The state of a destination in one word."""

    OK = "ok"
    FAILING = "failing"
    """At least half of the attempts of the last ten minutes failed or were refused."""
    CIRCUIT_OPEN = "circuit open"
    """It is down: nothing is attempted but a trial from time to time."""
    PAUSED = "paused"
    """By an operator, or because it refused everything."""
    DISABLED = "disabled"
    """Its receiver has said that it is gone (HTTP 410)."""


class CircuitWord(enum.StrEnum):
    """The state of a circuit."""

    CLOSED = "closed"
    HALF_OPEN = "half open"
    OPEN = "open"


class LastErrorView(msgspec.Struct, frozen=True, kw_only=True):
    """The last attempt that failed or was refused."""

    at: Time
    reason: Annotated[str, Meta(description="What happened, and what to do if that is known.")]
    status: Annotated[int | None, Meta(description="HTTP or SMTP status, null without response.")]
    response: Annotated[str, Meta(description="First KiB of the receiver's response.")]


class DestinationHealthView(DestinationView, frozen=True, kw_only=True):
    """A destination with its health."""

    health: HealthState
    oldest_age_seconds: Annotated[
        float, Meta(description="Seconds for which the oldest delivery is due; 0 if none is.")
    ]
    circuit: Annotated[
        CircuitWord, Meta(description="Of the worker in which it is open for the longest time.")
    ]
    circuit_open_until: Annotated[
        Time | None, Meta(description="When the next trial is made; null if it is not open.")
    ]
    attempts_per_minute: Annotated[float, Meta(description=f"Over {RATE_MINUTES} minutes.")]
    failures_per_minute: Annotated[
        float, Meta(description="Attempts that failed or were refused, over ten minutes.")
    ]
    delivered_by_minute: Annotated[
        list[int], Meta(description="Deliveries of the last 60 minutes, the oldest first.")
    ]
    failed_by_minute: Annotated[
        list[int], Meta(description="Failed attempts of the last 60 minutes, the oldest first.")
    ]
    last_success_at: Annotated[
        Time | None, Meta(description="Up to five seconds late; null if more than 8 days ago.")
    ]
    last_error: Annotated[
        LastErrorView | None, Meta(description="Null if there was none in the last 8 days.")
    ]


class AttemptCounts(msgspec.Struct, frozen=True):
    """Attempts at a destination by minutes, the oldest first; the last minute is still counted."""

    delivered: Sequence[int]
    failed: Sequence[int]
    last_success_at: float | None = None
    """Unix time in seconds."""


async def read_destinations(
    connection: Connection, clock: Clock, configured: Iterable[str]
) -> list[DestinationHealthView]:
    """Return the destinations of the rules, of the ledger and of pauses, by name.

    Args:
        connection: To Redis.
        clock: Time.
        configured: Names of the destinations of the rules, as far as they are known.

    Raises:
        JournalUnavailableError: Redis did not answer.
    """
    counters = await ledger.read(connection)
    pauses = await Pauses(connection).all()
    names = sorted({*configured, *counters.destinations, *pauses})
    return await _views(connection, clock, names, counters, pauses)


async def read_destination(
    connection: Connection, clock: Clock, name: str
) -> DestinationHealthView:
    """Return one destination, known or not. Raises JournalUnavailableError."""
    counters = await ledger.read(connection)
    (view,) = await _views(connection, clock, [name], counters, await Pauses(connection).all())
    return view


async def _views(
    connection: Connection,
    clock: Clock,
    names: Sequence[str],
    counters: Ledger,
    pauses: Mapping[str, Pause],
) -> list[DestinationHealthView]:
    ages = {each.destination: each for each in await queue_ages(connection, counters, clock.now())}
    reported = await DestinationHealth(connection, clock).read(names)
    attempts = await _attempts(Series(connection, clock), names)
    return [
        health_view(
            destination_view(name, counters.destinations.get(name), pauses.get(name)),
            None if name not in pauses else pauses[name].kind,
            reported[name],
            attempts[name],
            ages.get(name),
        )
        for name in names
    ]


async def _attempts(series: Series, names: Sequence[str]) -> dict[str, AttemptCounts]:
    outcomes = ("delivered", "retried", "dead_lettered")
    wanted = [series_name("delivery_attempts", name, each) for name in names for each in outcomes]
    # One more, because the last one is still counted.
    counts = await series.read(wanted, Resolution.MINUTE, PLOT_MINUTES + 1)
    last = await series.last_added(wanted[:: len(outcomes)])
    found = {}
    for name in names:
        delivered, retried, dead = (
            series_name("delivery_attempts", name, each) for each in outcomes
        )
        failed = [a + b for a, b in zip(counts[retried], counts[dead], strict=True)]
        found[name] = AttemptCounts(counts[delivered], failed, last.get(delivered))
    return found


def health_view(
    destination: DestinationView,
    pause: PauseKind | None,
    reported: ReportedHealth,
    attempts: AttemptCounts,
    age: QueueAge | None,
) -> DestinationHealthView:
    """Return a destination with its health (pure)."""
    circuit = reported.circuit
    is_open = _CIRCUITS[circuit.state] is CircuitWord.OPEN
    delivered, failed = (sum(each[-RATE_MINUTES - 1 :]) for each in _both(attempts))
    return DestinationHealthView(
        **msgspec.structs.asdict(destination),
        health=health_of(pause, circuit, delivered=delivered, failed=failed),
        oldest_age_seconds=0.0 if age is None else round(age.oldest_age_seconds, 3),
        circuit=_CIRCUITS[circuit.state],
        circuit_open_until=rfc3339(circuit.until_ms / 1000) if is_open else None,
        attempts_per_minute=_rate(attempts.delivered, attempts.failed),
        failures_per_minute=_rate(attempts.failed),
        delivered_by_minute=list(attempts.delivered[:-1]),
        failed_by_minute=list(attempts.failed[:-1]),
        last_success_at=(
            None if attempts.last_success_at is None else rfc3339(attempts.last_success_at)
        ),
        last_error=None if reported.error is None else _error_view(reported.error),
    )


def health_of(
    pause: PauseKind | None, circuit: CircuitRecord, *, delivered: int, failed: int
) -> HealthState:
    """Return the state of a destination in one word (pure).

    Args:
        pause: Why it is paused; None if it is not.
        circuit: Its circuit.
        delivered: Attempts of the last minutes that delivered.
        failed: Those that failed or were refused.
    """
    if pause is PauseKind.DISABLED:
        return HealthState.DISABLED
    if pause is not None:
        return HealthState.PAUSED
    if _CIRCUITS[circuit.state] is not CircuitWord.CLOSED:
        return HealthState.CIRCUIT_OPEN
    return HealthState.FAILING if failed and failed >= delivered else HealthState.OK


_CIRCUITS: Final = (CircuitWord.CLOSED, CircuitWord.HALF_OPEN, CircuitWord.OPEN)
"""By the number of the state."""


def _both(attempts: AttemptCounts) -> tuple[Sequence[int], Sequence[int]]:
    return attempts.delivered, attempts.failed


def _rate(*counts: Sequence[int]) -> float:
    return round(sum(sum(each[-RATE_MINUTES - 1 : -1]) for each in counts) / RATE_MINUTES, 3)


def _error_view(error: LastError) -> LastErrorView:
    return LastErrorView(
        at=rfc3339(error.at), reason=error.reason, status=error.status, response=error.response
    )
