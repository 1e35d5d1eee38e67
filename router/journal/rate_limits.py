"""Reservation of a destination with a rate: handed out by Redis to all workers together.

The generic cell rate algorithm (ITU-T I.371) with reservation: one number for each destination,
the time at which the next turn would be if all came evenly. Whoever asks is given the next turns
that begin within a horizon, and keeps them; so a rate costs one round trip for several attempts,
and nobody waits in Redis. Redis' own clock counts, for the workers' may differ.

A crash after the script and before the attempts wastes the turns it reserved: less than a horizon.
"""

from typing import Final

import msgspec

from router.datatypes import Rate
from router.journal import keys
from router.journal.connection import Connection, Script

LOOKAHEAD: Final = 1.0
"""Seconds: turns further away are left for whoever asks later."""
_RESERVE: Final = Script("reserve")
_MICRO: Final = 1_000_000


class Reservation(msgspec.Struct, frozen=True):
    """What was reserved. All times are seconds from the call."""

    offsets: tuple[float, ...]
    """When each of our turns begins."""
    next_in: float
    """When the first turn begins that is nobody's yet."""


async def reserve(
    connection: Connection, destination: str, rate: Rate, *, wanted: int
) -> Reservation:
    """Up to ``wanted`` turns. Raises JournalUnavailableError; then some may be wasted."""
    offsets, next_in = await connection.run(
        _RESERVE,
        [keys.rate(destination)],
        [max(1, int(rate.interval * _MICRO)), rate.burst, wanted, int(LOOKAHEAD * _MICRO)],
    )
    return Reservation(tuple(offset / _MICRO for offset in offsets), next_in / _MICRO)
