"""The gauges of keyed alerts: how many there are, how near to their bounds, and how late they are judged."""

from router.clock import Clock
from router.journal import keys
from router.journal.connection import Connection
from router.metrics import Metrics
from router.rules.state.alert_limits import AlertLimits


class AlertGauges:
    """Sets the gauges of keyed alerts to what Redis contains.

    Args:
        connection: The Redis that contains them.
        metrics: Has the gauges.
        clock: Time.
        limits: The bounds of the settings.
    """

    def __init__(
        self,
        connection: Connection,
        metrics: Metrics,
        clock: Clock,
        limits: AlertLimits,
    ) -> None:
        self._connection = connection
        self._metrics = metrics
        self._now = clock.now
        self._limits = limits

    async def update(self) -> None:
        """Set the gauges.

        Raises:
            JournalUnavailableError: Redis did not answer; some gauges may be set.
        """
        pipeline = self._connection.redis.pipeline(transaction=False)
        pipeline.zcard(keys.KEYED_ALERTS)
        pipeline.zrange(keys.LOOKS, 0, 0, withscores=True)
        pipeline.hvals(keys.ALERT_COUNTS)
        count, oldest, counts = await self._connection.ask(pipeline.execute())
        overdue = max((self._now() - due / 1000 for _, due in oldest), default=0.0)
        ratio = self._metrics.keyed_alerts_used_ratio
        self._metrics.keyed_alerts.set(count)
        self._metrics.looks_overdue_seconds.set(max(0.0, overdue))
        ratio.labels("all").set(count / self._limits.of_all)
        # One that is no number begins again with the rule's next alert.
        largest = max((int(each) for each in counts if each.isdigit()), default=0)
        ratio.labels("rule").set(largest / self._limits.of_rule)
