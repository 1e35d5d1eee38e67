"""Actions of operators on keyed alerts, for the API, the commands and the page of an alert."""

import logging
from typing import Final

from router.alerts import AlertKey
from router.api.acknowledging import (
    acknowledgement_deliveries,
    keyed_acknowledgement_deliveries,
    told_firing,
)
from router.clock import Clock
from router.journal.acknowledgement_receivers import AcknowledgementReceivers
from router.journal.acknowledgements import Acknowledgement, Acknowledgements
from router.journal.connection import Connection
from router.journal.keyed_alerts import FoundAlert, KeyedAlert
from router.journal.shown_alerts import AlertState

logger = logging.getLogger(__name__)

UNNAMED: Final = "unknown (alert link)"
"""In place of the name of a reader who gives none. Messages do not show it."""


class AlertActions:
    """Acknowledges alerts, and takes that back. All methods raise JournalUnavailableError."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._acknowledgements = Acknowledgements(connection)
        self._receivers = AcknowledgementReceivers(connection, clock)
        self._clock = clock

    async def acknowledge(
        self, key: AlertKey, by: str, found: FoundAlert | None, shown: AlertState | None = None
    ) -> int:
        """Acknowledge the alerts of a key, and tell the destinations that were told that it fires.

        Args:
            key: The key.
            by: The name of who takes care of it.
            found: The keyed alert; None if there is none.
            shown: What messages showed of it, for an alert that is not keyed.

        Returns:
            The number of destinations that are told.
        """
        at = self._clock.now()
        name = "" if by == UNNAMED else by
        if isinstance(found, KeyedAlert):
            receivers = await self._receivers.among(told_firing(found))
            told = keyed_acknowledgement_deliveries(found, receivers, name, at=at)
        else:
            told = acknowledgement_deliveries(shown, name, at=at)
        opened = await self._acknowledgements.acknowledge_and_tell(
            key, Acknowledgement(by, at), told, self._clock
        )
        logger.info("alert acknowledged", extra={"key": key, "by": by, "told": opened})
        return opened

    async def unacknowledge(self, key: AlertKey, by: str) -> bool:
        """Delete the acknowledgement of a key; return False if there was none."""
        is_deleted = await self._acknowledgements.unacknowledge(key, by, self._clock)
        if is_deleted:
            logger.info("acknowledgement deleted", extra={"key": key, "by": by})
        return is_deleted
