"""The gauges of keyed alerts: how many there are, how near to their bounds, and how late they are judged."""

from collections.abc import Callable, Iterable
from typing import Final

from router.clock import Clock
from router.journal import keys
from router.journal.connection import Connection
from router.metrics import Metrics
from router.rules.state.alert_limits import AlertLimits

_RULES: Final = 500
"""Rules whose keyed alerts are counted in one round trip."""


class AlertGauges:
    """Sets the gauges of keyed alerts to what Redis contains.

    Args:
        connection: The Redis that contains them.
        metrics: Has the gauges.
        clock: Time.
        limits: The bounds of the settings.
        rule_names: Returns the rules that this process knows to have keyed alerts.
    """

    def __init__(
        self,
        connection: Connection,
        metrics: Metrics,
        clock: Clock,
        limits: AlertLimits,
        rule_names: Callable[[], Iterable[str]],
    ) -> None:
        self._connection = connection
        self._metrics = metrics
        self._now = clock.now
        self._limits = limits
        self._rule_names = rule_names

    async def update(self) -> None:
        """Set the gauges.

        Raises:
            JournalUnavailableError: Redis did not answer; some gauges may be set.
        """
        pipeline = self._connection.redis.pipeline(transaction=False)
        pipeline.zcard(keys.KEYED_ALERTS)
        pipeline.zrange(keys.LOOKS, 0, 0, withscores=True)
        count, oldest = await self._connection.ask(pipeline.execute())
        overdue = max((self._now() - due / 1000 for _, due in oldest), default=0.0)
        ratio = self._metrics.keyed_alerts_used_ratio
        self._metrics.keyed_alerts.set(count)
        self._metrics.looks_overdue_seconds.set(max(0.0, overdue))
        ratio.labels("all").set(count / self._limits.of_all)
        names = list(self._rule_names())
        if names:
            ratio.labels("rule").set(await self._largest(names) / self._limits.of_rule)

    async def _largest(self, names: list[str]) -> int:
        """Return the number of keyed alerts of the rule that has most."""
        counts: list[int] = []
        for start in range(0, len(names), _RULES):
            pipeline = self._connection.redis.pipeline(transaction=False)
            for name in names[start : start + _RULES]:
                pipeline.zcard(keys.rule_alerts(name))
            counts += await self._connection.ask(pipeline.execute())
        return max(counts)
