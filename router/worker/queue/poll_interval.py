"""How long a worker waits before its next poll: busy or idle (pure).

A job costs a worker about the same whatever it contains. At a low rate each event should be
evaluated at once. At a high rate a worker that polls later does the same work with fewer jobs, and
so has time for more: ``AdaptiveLinger`` is the wait after a poll that found a job. Kafka's producers
call it ``linger.ms``. Without a due job a worker waits ``idle_seconds``, unless a PUBLISH wakes it.

The rate is an average over about the last half second, in which older work counts less. It does not
depend on how often the worker polls, so that the wait cannot feed back on itself.
"""

import math
from typing import Final

MIN_LINGER: Final = 0.008
"""Seconds, up to ``_LOW_RATE``. Short compared with the second within which an alert is delivered."""
MAX_LINGER: Final = 0.03
"""Seconds, from ``_HIGH_RATE`` on."""
_LOW_RATE: Final = 120.0
"""Events per second."""
_HIGH_RATE: Final = 200.0
"""Events per second."""
_AVERAGED_SECONDS: Final = 0.5


class AdaptiveLinger:
    """The wait between two polls of one worker. Every ``now`` is monotonic, in seconds."""

    def __init__(self) -> None:
        self._rate = 0.0
        self._as_of = 0.0

    def record(self, count: int, now: float) -> None:
        """Count ``count`` events whose evaluation begins now."""
        self._rate = self._rate_at(now) + count / _AVERAGED_SECONDS
        self._as_of = now

    def seconds(self, now: float) -> float:
        """Return how long to wait before the next poll, between MIN_LINGER and MAX_LINGER."""
        share = (self._rate_at(now) - _LOW_RATE) / (_HIGH_RATE - _LOW_RATE)
        return MIN_LINGER + (MAX_LINGER - MIN_LINGER) * min(1.0, max(0.0, share))

    def _rate_at(self, now: float) -> float:
        return self._rate * math.exp((self._as_of - now) / _AVERAGED_SECONDS)


def idle_seconds(
    poll_delay: float, *, renew_in: float | None, admitted_in: float, due_in: float | None
) -> float:
    """Return the seconds until the next poll, if no wake-up comes before.

    Args:
        poll_delay: The longest wait: polling is the safety net for a lost wake-up.
        renew_in: Seconds until leases must be renewed; None if no job runs.
        admitted_in: Seconds until the destination admits jobs; 0 if it does.
        due_in: Seconds until the next job is due; None if no job may be picked.
    """
    pause = poll_delay if renew_in is None else min(poll_delay, renew_in)
    if admitted_in > 0:
        return min(pause, admitted_in)
    return max(0.0, pause if due_in is None else min(pause, due_in))
