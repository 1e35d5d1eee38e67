"""Time and chance as one argument: only the composition root makes a Clock, tests make their own."""

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
