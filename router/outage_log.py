"""Log lines about Redis that is away: each part of a process notices it, several times a second.

All parts log to one logger, which passes a line every few seconds. What it leaves out is counted in
the next line. When Redis went away, and when it is back, ingress says once (``ingress/admission``),
and the metrics count each failure.
"""

import logging
import time
from collections.abc import Callable
from typing import Final

OUTAGES: Final = logging.getLogger("router.outages")
"""The logger of the warnings that are repeated until Redis is back."""
INTERVAL: Final = 5.0
"""Seconds between two lines."""


class OutageFilter(logging.Filter):
    """Passes one record in an interval.

    Args:
        monotonic: Returns seconds.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._quiet_until = float("-inf")
        self._left_out = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log a record, and add the number of those that were left out."""
        if self._monotonic() < self._quiet_until:
            self._left_out += 1
            return False
        if self._left_out:
            record.similar_lines = self._left_out
        self._left_out = 0
        self._quiet_until = self._monotonic() + INTERVAL
        return True
