"""From matches to deliveries: who is told of what. Pure."""

from collections.abc import Iterable
from typing import Any

from router.alerts import (
    Alert,
    AlertId,
    AlertKey,
    Delivery,
    alert_id,
    alert_key,
    delivery_id,
)
from router.events.model import Event
from router.rules.model import Rule
from router.rules.state.features import values_of


def raise_alert(event: Event, content: dict[str, Any], rule: Rule, *, now: float) -> Alert:
    """The alert of one match. ``content`` is the event decoded, ``now`` Unix time in seconds."""
    own_id = alert_id(event.key, rule.name)
    return Alert(
        id=own_id,
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
        key=key_of(rule, content, own_id),
        count=rule.count.text.at_least if rule.count else 1,
        labels=rule.naming.labels_of(content),
        values=rule.naming.values_of(content),
    )


def key_of(rule: Rule, content: dict[str, Any], own_id: AlertId) -> AlertKey:
    """What alerts about the same thing have in common; the alert's own id where it stands alone."""
    by = rule.identity
    return AlertKey(own_id) if by is None else alert_key(rule.name, values_of(by, content))


def fan_out(alert: Alert, send_to: Iterable[str]) -> list[Delivery]:
    """One delivery for each destination, in their order; ``rule.told`` says which they are."""
    return [
        Delivery(id=delivery_id(alert.id, name), destination=name, alert=alert) for name in send_to
    ]
