"""How full the states of rules are, shown and warned of before events are no longer remembered.

The keys of a state come from events, which anyone can send, so their number is bounded. Once a minute
each worker counts the keys that have not expired, of all rules that remember.
"""

import asyncio
import logging
from typing import Final, NoReturn

from router.clock import Clock
from router.configuration.model import ActiveConfiguration
from router.errors import JournalUnavailableError
from router.journal.connection import Connection
from router.journal.rule_state import count_keys
from router.metrics import Metrics
from router.outage_log import OUTAGES
from router.rules.state.step import KEYS_LIMIT, NEARLY_FULL

logger = logging.getLogger(__name__)

SHOWN_FROM: Final = 0.5
"""Share from which a rule is shown, so that thousands of rules are not as many series."""
_INTERVAL: Final = 60.0
_BELOW: Final = 0.7
"""Share below which a rule that was nearly full is warned of again."""


class StateUse:
    """Shows how full the states of the active rules are.

    Args:
        connection: To Redis.
        live: The rules that are active.
        metrics: What to show it by.
        clock: Unix time.
        keys_limit: Keys of one state at a time.
    """

    def __init__(
        self,
        connection: Connection,
        live: ActiveConfiguration,
        metrics: Metrics,
        clock: Clock,
        *,
        keys_limit: int = KEYS_LIMIT,
    ) -> None:
        self._connection = connection
        self._live = live
        self._gauge = metrics.rule_state_used_ratio
        self._now = clock.now
        self._limit = keys_limit
        self._shown: set[str] = set()
        self._warned: set[str] = set()

    async def run(self) -> NoReturn:
        """Check once a minute until cancelled."""
        while True:
            try:
                await self.check()
            except JournalUnavailableError as error:
                OUTAGES.warning("check of rule states failed", extra={"reason": str(error)})
            await asyncio.sleep(_INTERVAL)

    async def check(self) -> None:
        """Count once. Raises JournalUnavailableError."""
        states = [
            (rule.name, state)
            for rule in self._live.configuration.rules.rules
            for feature in rule.features.all
            for state in feature.states
        ]
        counts = await count_keys(self._connection, [state for _, state in states], self._now())
        ratios: dict[str, float] = {}
        for (rule, _), count in zip(states, counts, strict=True):
            ratios[rule] = max(ratios.get(rule, 0.0), count / self._limit)
        shown = {rule for rule, ratio in ratios.items() if ratio >= SHOWN_FROM}
        for rule in self._shown - shown:
            self._gauge.remove(rule)
        for rule in shown:
            self._gauge.labels(rule).set(ratios[rule])
        self._shown = shown
        self._warned = {rule for rule in self._warned if ratios.get(rule, 0.0) >= _BELOW}
        for rule in shown - self._warned:
            if ratios[rule] >= NEARLY_FULL:
                self._warned.add(rule)
                logger.warning(
                    "rule state nearly full; new keys will neither be counted nor waited for",
                    extra={"rule": rule, "used": f"{ratios[rule]:.0%}"},
                )
