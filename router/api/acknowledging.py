"""The deliveries that tell destinations that an alert is acknowledged (pure)."""

from collections.abc import Iterable

import msgspec

from router.alerts import Alert, AlertStatus, Delivery, alert_id, delivery_id
from router.journal.keyed_alerts import KeyedAlert
from router.journal.shown_alerts import AlertState

_SUMMARY = "shown_summary"


def acknowledgement_deliveries(state: AlertState | None, name: str, *, at: float) -> list[Delivery]:
    """Return a delivery for each destination that was last told that the alert is firing.

    Their ids follow from the alert, so that an acknowledgement that is repeated opens none twice.

    Args:
        state: What is known of the alert; None for nothing.
        name: The name of who acknowledges it; ``""`` if it is not known.
        at: Unix time in seconds.
    """
    if state is None or state.status is not AlertStatus.FIRING:
        return []
    sent = state.shown.alert
    alert = msgspec.structs.replace(
        sent,
        id=alert_id(sent.id, "acknowledged"),
        status=AlertStatus.ACKNOWLEDGED,
        raised_at=at,
        # As a value, because the text of a summary is not a template.
        summary=f"{{{{ {_SUMMARY} }}}}",
        values={_SUMMARY: state.shown.summary},
        acknowledged_by=name,
        key=sent.key,
    )
    names = [name for name, status in state.told.items() if status is AlertStatus.FIRING]
    return _deliveries(alert, names)


def keyed_acknowledgement_deliveries(
    found: KeyedAlert, destinations: Iterable[str], name: str, *, at: float
) -> list[Delivery]:
    """Return a delivery for each of these destinations.

    Args:
        found: The alert.
        destinations: Those that were told that it is firing, and are told acknowledgements.
        name: The name of who acknowledges it; ``""`` if it is not known.
        at: Unix time in seconds.
    """
    alert = msgspec.structs.replace(
        found.alert,
        # With the time, because an acknowledgement may be withdrawn and given again.
        id=alert_id(found.alert.id, f"acknowledged {int(at * 1000)}"),
        status=AlertStatus.ACKNOWLEDGED,
        raised_at=at,
        count=found.record.count,
        acknowledged_by=name,
        key=found.key,
    )
    return _deliveries(alert, destinations)


def _deliveries(alert: Alert, destinations: Iterable[str]) -> list[Delivery]:
    return [
        Delivery(id=delivery_id(alert.id, name), destination=name, alert=alert)
        for name in sorted(destinations)
    ]
