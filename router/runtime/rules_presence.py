"""Records the rules of a process in Redis while it runs, and at once when they change."""

import asyncio
from collections.abc import Callable
from typing import Final, NoReturn

from router.configuration.load import NO_FOLDER
from router.configuration.model import Configuration
from router.errors import JournalUnavailableError
from router.journal.rules_in_use import LASTS_SECONDS, RulesInUse, RulesInUseRecord
from router.outage_log import OUTAGES

_CHECK_SECONDS: Final = 2.0
"""How often the fingerprint is compared, which asks nothing of Redis."""
_CHECKS: Final = LASTS_SECONDS // 3 // int(_CHECK_SECONDS)
"""Checks after which it is recorded again."""


class RulesPresence:
    """Records the rules of one process.

    Args:
        stored: The record in Redis.
        configuration: Returns the active configuration.
        host: The name of this machine.
    """

    def __init__(
        self, stored: RulesInUseRecord, configuration: Callable[[], Configuration], host: str
    ) -> None:
        self._stored = stored
        self._configuration = configuration
        self._host = host
        self._recorded: RulesInUse | None = None

    async def run(self) -> NoReturn:
        """Record until cancelled."""
        checks = 0
        while True:
            rules = RulesInUse(generation=self._configuration().generation, host=self._host)
            is_due = checks % _CHECKS == 0 or rules != self._recorded
            if is_due and rules.generation != NO_FOLDER:
                await self._record(rules)
            checks += 1
            await asyncio.sleep(_CHECK_SECONDS)

    async def _record(self, rules: RulesInUse) -> None:
        try:
            await self._stored.record(rules, instead_of=self._recorded)
        except JournalUnavailableError as error:
            OUTAGES.warning("rules in use not recorded; retried", extra={"reason": str(error)})
        else:
            self._recorded = rules
