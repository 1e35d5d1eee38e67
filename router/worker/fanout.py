"""From matches to deliveries: who is told of what. Pure."""

from collections.abc import Iterable
from typing import Any

from router.alerts import Alert, Delivery, alert_id, delivery_id
from router.events import Event
from router.rules.model import Rule


def raise_alert(event: Event, content: dict[str, Any], rule: Rule, *, now: float) -> Alert:
    """The alert of one match. ``content`` is the event decoded, ``now`` Unix time in seconds."""
    return Alert(
        id=alert_id(event.key, rule.name),
        rule=rule.name,
        severity=rule.severity,
        summary=rule.summary,
        description=rule.description,
        raised_at=now,
        event_id=event.id,
        event_source=event.source,
        event_type=event.type,
        event_time=event.time,
        event_received_at=event.received_at,
        event=event.body,
        labels=rule.naming.labels_of(content),
        values=rule.naming.values_of(content),
    )


def fan_out(alert: Alert, send_to: Iterable[str]) -> list[Delivery]:
    """One delivery for each destination, in their order; ``rule.told`` says which they are."""
    return [
        Delivery(id=delivery_id(alert.id, name), destination=name, alert=alert) for name in send_to
    ]
