"""The deliveries that tell destinations that an alert is acknowledged (pure)."""

import msgspec

from router.alerts import AlertStatus, Delivery, alert_id, delivery_id
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
    return [
        Delivery(id=delivery_id(alert.id, destination), destination=destination, alert=alert)
        for destination, status in sorted(state.told.items())
        if status is AlertStatus.FIRING
    ]
