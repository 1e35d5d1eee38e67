"""Limits on log lines that clients cause, so that a flood of bad requests does not fill the disk.

A client causes a few lines of each kind in an interval, and all clients together a few more. The
lines above that are counted, and one line at the end of the interval says how many there were. The
metrics count each request, so nothing is hidden.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from typing import Final

LINES_PER_CLIENT: Final = 5
"""Lines of one kind that one client causes in an interval."""
LINES_PER_KIND: Final = 50
"""Lines of one kind that all clients cause in an interval."""
INTERVAL: Final = 10.0
"""Seconds."""


class LogThrottle:
    """Logs warnings up to a limit. Memory is bounded by the lines that were logged.

    Args:
        logger: The logger of the lines.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._logged: Counter[tuple[str, str]] = Counter()
        self._logged_by_kind: Counter[str] = Counter()
        self._suppressed: Counter[str] = Counter()
        self._end: asyncio.TimerHandle | None = None

    def warning(
        self, message: str, *, kind: str, client: str, fields: Mapping[str, object]
    ) -> None:
        """Log a warning, or count it as suppressed.

        Args:
            message: The message.
            kind: A word of a closed set; each has limits of its own.
            client: The address of the client.
            fields: The fields of the line.
        """
        if self._end is None:
            self._end = asyncio.get_running_loop().call_later(INTERVAL, self._end_interval)
        if (
            self._logged_by_kind[kind] >= LINES_PER_KIND
            or self._logged[kind, client] >= LINES_PER_CLIENT
        ):
            self._suppressed[kind] += 1
            return
        self._logged_by_kind[kind] += 1
        self._logged[kind, client] += 1
        self._logger.warning(message, extra=fields)

    def _end_interval(self) -> None:
        suppressed = self._suppressed
        self._end = None
        self._logged = Counter()
        self._logged_by_kind = Counter()
        self._suppressed = Counter()
        for kind, count in sorted(suppressed.items()):
            self._logger.warning(
                "log lines suppressed",
                extra={"kind": kind, "count": count, "seconds": INTERVAL},
            )
