"""Actions of operators on keyed alerts, for the API, the commands and the page of an alert."""

import asyncio
import logging
from typing import Final

from router.alerts import AlertKey
from router.api.acknowledging import (
    acknowledgement_deliveries,
    keyed_acknowledgement_deliveries,
)
from router.api.alert_views import AlertDetails, alert_details
from router.clock import Clock
from router.destinations.rendering.summary import decode
from router.events.masks import NO_MASKS, Masks
from router.journal import lanes
from router.journal.acknowledgement_receivers import AcknowledgementReceivers
from router.journal.acknowledgements import Acknowledgement, Acknowledgements
from router.journal.connection import Connection
from router.journal.keyed_alerts import FoundAlert, KeyedAlert, KeyedAlerts
from router.journal.shown_alerts import AlertState
from router.journal.silences import Silences
from router.journal.timers import Timers
from router.rules.state.keyed_alert import RESOLVED
from router.rules.state.look import ResolutionTimer
from router.rules.state.step import KEYED_ALERTS
from router.rules.suppression.silences import silencing
from router.suggestions import closest_match

logger = logging.getLogger(__name__)

RESOLVE_SECONDS: Final = 2.0
"""How long a caller waits for a worker to resolve an alert."""
_POLL_INTERVAL: Final = 0.05
_COMPARED: Final = 1000
"""Keys with which an unknown one is compared."""
UNNAMED: Final = "unknown (alert link)"
"""In place of the name of a reader who gives none. Messages do not show it."""


async def unknown_key(alerts: KeyedAlerts, key: str) -> str:
    """Return that no alert has this key, with the key that is probably meant if there is one.

    Raises JournalUnavailableError.
    """
    match = closest_match(key, await alerts.latest_keys(_COMPARED))
    hint = f'did you mean "{match}"?' if match else "resolved ones are listed for a day"
    return f"no alert has the key {key[:60]} ({hint})"


def obstacle(found: FoundAlert, now: float) -> str:
    """Return why an alert is not acted on, at ``now`` in Unix seconds; ``""`` if it may be."""
    if not isinstance(found, KeyedAlert):
        return found.reason
    return "the alert is resolved" if found.status(now) == RESOLVED else ""


async def read_details(
    connection: Connection,
    found: KeyedAlert,
    silences: Silences | None,
    now: float,
    masks: Masks = NO_MASKS,
) -> AlertDetails:
    """Return an alert with what its destinations received, and the silences that match it.

    Args:
        connection: To Redis.
        found: The alert.
        silences: The silences to compare; None for none, because each takes time.
        now: Unix time in seconds.
        masks: The fields of the event that are not shown.

    Raises JournalUnavailableError.
    """
    received = await lanes.told(connection, found.key)
    event = decode(found.alert)
    stored = await silences.all() if silences is not None else ()
    matching = silencing(found.alert, event, (each.compiled() for each in stored), now)
    begun = found.record.opened_at / 1000
    # One until the resolution is of the alerts that were open when it began.
    applying = tuple(
        each.id for each in matching if not each.until_resolved or begun <= each.starts
    )
    return alert_details(found, received, applying, now, masks)


class AlertActions:
    """Acknowledges alerts, takes that back, and resolves them.

    All methods raise JournalUnavailableError.
    """

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._alerts = KeyedAlerts(connection)
        self._timers = Timers(connection, clock)
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
            receivers = await self._receivers.among(found.record.told_firing())
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
            logger.info("acknowledgement withdrawn", extra={"key": key, "by": by})
        return is_deleted

    async def resolve(self, found: KeyedAlert, by: str, seconds: float = RESOLVE_SECONDS) -> bool:
        """Have a worker resolve an alert; return False if that is not done within so many seconds."""
        key = found.key
        timer = ResolutionTimer(
            due_at=self._clock.now(), rule=found.alert.rule, state=KEYED_ALERTS, key=key, by=by
        )
        if await self._timers.set(timer):
            logger.info("resolution of alert requested", extra={"key": key, "by": by})
        try:
            async with asyncio.timeout(seconds):
                # No event of this process says so: a worker writes to Redis.
                while not await self._is_over(key):  # noqa: ASYNC110
                    await asyncio.sleep(_POLL_INTERVAL)
        except TimeoutError:
            return False
        return True

    async def _is_over(self, key: AlertKey) -> bool:
        found = await self._alerts.get(key)
        return not isinstance(found, KeyedAlert) or found.status(self._clock.now()) == RESOLVED
