"""Runs rules over the events of history: for ``router backtest --from-history``."""

from router.cli.redis_commands import CLOCK, with_redis
from router.history.event_filter import EventFilter
from router.history.log_reader import LogReader
from router.history.oldest_first import oldest_first
from router.journal.connection import Connection
from router.journal.history_log import EVENTS
from router.journal.pagination import TimeRange
from router.offline.backtest import HistoryTally, Recorder
from router.settings.choices import KeptBody
from router.timestamps import rfc3339_utc


def record_history(age: float, runs: Recorder) -> HistoryTally:
    """Add the events that were evaluated in the last ``age`` seconds, the oldest first, and end.

    Raises:
        ConfigurationError: Redis is unavailable.
    """
    until = CLOCK.now()
    since = max(0.0, until - age)

    async def read(connection: Connection) -> HistoryTally:
        segments = await LogReader(connection, EVENTS).segments()
        tally = HistoryTally(
            wanted_since=rfc3339_utc(int(since)),
            begins=rfc3339_utc(segments[-1].first_ms // 1000) if segments else "",
        )
        # Until now, so that it ends although events go on to come.
        times = TimeRange(first_ms=int(since * 1000), last_ms=int(until * 1000))
        async for each in oldest_first(connection, EventFilter(times=times)):
            record = each.record
            if record is None:
                continue
            tally.events += 1
            tally.masked += record.is_masked
            tally.cut += record.kept is not KeptBody.FULL
            runs.add(record.event)
        return tally

    history = with_redis(read)
    runs.end()
    return history
