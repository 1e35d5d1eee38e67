"""Time and randomness as one argument.

Only commands and the composition root use the system clock. All other code receives a Clock, so
that tests can set the time.
"""

import random
import secrets
import time
from collections.abc import Callable

import msgspec


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    """The sources of time, randomness and ids that a stage uses."""

    now: Callable[[], float]
    """Return Unix time in seconds, for values that are stored or shared between processes."""
    monotonic: Callable[[], float]
    """Return seconds since an arbitrary start, for durations and deadlines."""
    chance: Callable[[], float]
    """Return a random number in [0, 1)."""
    new_id: Callable[[], str]
    """Return a new id that is unique across processes."""
    journal_ms: Callable[[], int] = lambda: 0
    """Return the Unix ms that the journal's scripts take as the time. 0, except in tests that set the
    time: the scripts then read Redis's own clock, because the clocks of two machines may differ."""


def system_clock() -> Clock:
    """Return a Clock that reads the system's time and randomness."""
    return Clock(
        now=time.time,  # noqa: TID251 - the only use of the system clock
        monotonic=time.monotonic,
        chance=random.random,
        new_id=lambda: secrets.token_hex(12),
    )
