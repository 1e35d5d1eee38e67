"""Reservations of a destination with a rate limit: Redis grants them to all workers together.

The generic cell rate algorithm (ITU-T I.371) with reservations. One number for each destination is
the time at which the next attempt would be due if all were evenly spread. A worker reserves the
next attempts that begin within the lookahead, so that a rate costs one round trip for several
attempts and no worker waits in Redis. The clock is that of Redis, because the workers' may differ.

A crash after the script and before the attempts wastes what was reserved: less than the lookahead.
"""

from typing import Final

import msgspec

from router.datatypes import Rate
from router.journal import keys
from router.journal.connection import Connection
from router.journal.script import PackedArguments, Script, ScriptKeys

LOOKAHEAD: Final = 1.0
"""Seconds. Attempts that begin later are left for the next reservation."""
_MICRO: Final = 1_000_000


class Reservation(msgspec.Struct, frozen=True):
    """The attempts that were reserved. All times are seconds from the call."""

    offsets: tuple[float, ...]
    """When each reserved attempt begins."""
    next_in: float
    """When the first attempt begins that is not reserved."""


async def reserve(
    connection: Connection, destination: str, rate: Rate, *, wanted: int
) -> Reservation:
    """Reserve up to ``wanted`` attempts.

    Raises:
        JournalUnavailableError: Some may be reserved, and are then wasted.
    """
    offsets, next_in = await connection.run(
        _RESERVE(
            _ReserveKeys(keys.rate(destination)),
            _ReserveArguments(
                interval_us=max(1, int(rate.interval * _MICRO)),
                burst=rate.burst,
                wanted=wanted,
                lookahead_us=int(LOOKAHEAD * _MICRO),
            ),
        )
    )
    return Reservation(tuple(offset / _MICRO for offset in offsets), next_in / _MICRO)


class _ReserveKeys(ScriptKeys, frozen=True):
    rate: str


class _ReserveArguments(PackedArguments, frozen=True):
    interval_us: int
    burst: int
    wanted: int
    lookahead_us: int


_RESERVE: Final = Script("reserve", _ReserveKeys, _ReserveArguments)
