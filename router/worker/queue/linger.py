"""For how long work is let gather before the next look for it, by how much comes (pure).

A job costs a worker much the same whatever it holds. Where little comes each event should be told at once;
where much comes a worker that looks later does the same with fewer jobs, and has time for more.

The rate is an average over the last half second or so: what came counts the less the longer ago it was. It
does not depend on how often one looks, so that the pause cannot feed on itself.
"""

import math
from typing import Final

SHORTEST: Final = 0.008
"""Seconds. Short beside the second within which people are told."""
LONGEST: Final = 0.03
_GENTLE: Final = 120.0
"""A second. Up to this rate the pause is the shortest."""
_BRISK: Final = 200.0
"""A second. From this rate on it is the longest."""
_AVERAGED: Final = 0.5
"""Seconds."""


class AdaptiveLinger:
    """The pause of one worker. Every ``now`` is monotonic, in seconds."""

    def __init__(self) -> None:
        self._rate = 0.0
        self._as_of = 0.0

    def came(self, count: int, now: float) -> None:
        """So many pieces of work were begun."""
        self._rate = self._rate_at(now) + count / _AVERAGED
        self._as_of = now

    def seconds(self, now: float) -> float:
        share = (self._rate_at(now) - _GENTLE) / (_BRISK - _GENTLE)
        return SHORTEST + (LONGEST - SHORTEST) * min(1.0, max(0.0, share))

    def _rate_at(self, now: float) -> float:
        return self._rate * math.exp((self._as_of - now) / _AVERAGED)
