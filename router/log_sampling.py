"""Limits on log lines that events cause, so that a storm of alerts does not become a storm of lines.

The first lines of each kind in a second are logged, the others counted, and a line at the end of the
second says how many there were. The metrics count each of them. The choice comes before a line is made,
because a line that is left out must cost nothing.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

LINES_PER_KIND: Final = 20
"""Lines of one kind in an interval."""
INTERVAL: Final = 1.0
"""Seconds."""
LEFT_OUT: Final = "log lines left out"
"""The message of the line with the count."""

CallLater = Callable[[float, Callable[[], None]], object]
"""Calls a function after a number of seconds."""


def call_later(seconds: float, call: Callable[[], None]) -> object:
    """Call a function on the running event loop after some seconds."""
    return asyncio.get_running_loop().call_later(seconds, call)


class LogSampler:
    """Chooses the lines of one kind that are logged.

    Args:
        logger: The logger of the lines, which logs the count, too.
        kind: The message of the lines.
        level: Their level.
        call_later: Ends an interval.
    """

    def __init__(
        self,
        logger: logging.Logger,
        kind: str,
        level: int,
        call_later: CallLater = call_later,
    ) -> None:
        self._logger = logger
        self._kind = kind
        self._level = level
        self._call_later = call_later
        self._room = LINES_PER_KIND
        self._left_out = 0
        self._is_counting = False

    def admit(self, count: int = 1) -> int:
        """Return how many of ``count`` lines to log; the others are counted as left out."""
        if not count or not self._logger.isEnabledFor(self._level):
            return 0
        if not self._is_counting:
            self._is_counting = True
            self._call_later(INTERVAL, self._end_interval)
        admitted = min(count, self._room)
        self._room -= admitted
        self._left_out += count - admitted
        return admitted

    def log(self, **fields: object) -> None:
        """Log a line that was admitted."""
        self._logger.log(self._level, self._kind, extra=fields)

    def _end_interval(self) -> None:
        left_out = self._left_out
        self._room = LINES_PER_KIND
        self._left_out = 0
        self._is_counting = False
        if left_out:
            self._logger.log(
                self._level,
                LEFT_OUT,
                extra={"kind": self._kind, "count": left_out, "seconds": INTERVAL},
            )
