"""Time and chance as one argument: only commands and the composition root take the real one.

Everything else is handed a Clock, and tests make their own.
"""

import random
import secrets
import time
from collections.abc import Callable

import msgspec


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    """What a stage may know of time and chance."""

    now: Callable[[], float]
    """Unix time in seconds: for what is kept or compared between processes."""
    monotonic: Callable[[], float]
    """Seconds from any start: for spans and deadlines."""
    chance: Callable[[], float]
    """A random number in [0, 1)."""
    new_id: Callable[[], str]
    """A new id, unique without coordination."""


def system_clock() -> Clock:
    """The real time and chance."""
    return Clock(
        now=time.time,  # noqa: TID251 - the one place that reads the clock
        monotonic=time.monotonic,
        chance=random.random,
        new_id=lambda: secrets.token_hex(12),
    )
