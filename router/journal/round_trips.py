"""How far Redis is away: the time of a round trip, and the difference of the clocks."""

import statistics
from collections.abc import Callable
from typing import Final

import msgspec

from router.clock import Clock
from router.journal.connection import Connection

PINGS: Final = 20


class Latency(msgspec.Struct, frozen=True):
    """Round trips, in seconds."""

    median: float
    worst: float


class ClockOffset(msgspec.Struct, frozen=True):
    """By how much this machine's clock is ahead of Redis's."""

    seconds: float
    uncertainty: float
    """Half of the round trip by which it was measured."""


async def measure_latency(
    connection: Connection, monotonic: Callable[[], float], pings: int = PINGS
) -> Latency:
    """Return the round trips of some PINGs, without the first. Raises JournalUnavailableError."""
    times = []
    for _ in range(pings + 1):  # the first one may open the connection
        before = monotonic()
        await connection.ask(connection.redis.ping())
        times.append(monotonic() - before)
    return Latency(statistics.median(times[1:]), max(times[1:]))


async def measure_clock(connection: Connection, clock: Clock) -> ClockOffset:
    """Return the difference of the clocks. Raises JournalUnavailableError."""
    before = clock.now()
    seconds, microseconds = await connection.ask(connection.redis.time())
    after = clock.now()
    return ClockOffset(
        (before + after) / 2 - (seconds + microseconds / 1e6), abs(after - before) / 2
    )
