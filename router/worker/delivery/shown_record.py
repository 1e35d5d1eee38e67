"""Record what the page of an alert shows, once a message about the alert is delivered."""

import logging

import msgspec

from router.alerts import Alert, AlertStatus, Delivery
from router.destinations.rendering.summary import decode, facts, summary
from router.destinations.rendering.templates import TemplateTarget
from router.errors import JournalUnavailableError
from router.events.masks import NO_MASKS, Masks
from router.journal.shown_alerts import ShownAlert, ShownAlerts

logger = logging.getLogger(__name__)


class ShownRecorder:
    """Records the alerts that one destination was told of.

    Args:
        shown: None in a process that makes no links, which records nothing.
        destination: The destination; ``""`` if it is not told of acknowledgements.
        masks: The fields of the event that facts do not have.
    """

    def __init__(
        self, shown: ShownAlerts | None, destination: str, masks: Masks = NO_MASKS
    ) -> None:
        self._shown = shown
        self._destination = destination
        self._masks = masks

    async def delivered(self, delivery: Delivery) -> None:
        """Record the alert of a delivery. Never raises, because the delivery is settled."""
        alert = delivery.alert
        if self._shown is None or not alert.key or alert.status is AlertStatus.ACKNOWLEDGED:
            return
        try:
            await self._shown.record(shown_alert(alert, self._masks), self._destination)
        except JournalUnavailableError as error:
            logger.warning("alert page not updated", extra={"reason": str(error)})


def _envelope(alert: Alert) -> bytes:
    """Return the alert's event without its data, whose size has no bound that suits a record."""
    found = {
        "specversion": "1.0",
        "id": alert.event_id,
        "source": alert.event_source,
        "type": alert.event_type,
        "time": alert.event_time,
    }
    return msgspec.json.encode({name: value for name, value in found.items() if value})


def shown_alert(alert: Alert, masks: Masks = NO_MASKS) -> ShownAlert:
    """Return what the page of an alert shows (pure); ``masks`` are of the fields that facts lack."""
    event = decode(alert)
    envelope = _envelope(alert)
    return ShownAlert(
        alert=msgspec.structs.replace(alert, event=envelope, summary="", values={}, members=()),
        summary=summary(alert, TemplateTarget.TEXT, event).text,
        facts=tuple((fact.label, fact.value) for fact in facts(alert, masks.applied(event))),
    )
