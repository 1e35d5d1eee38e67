"""From matches to deliveries. Pure."""

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
from router.rules.model import NumberForm, Rule
from router.rules.state.decision import Notification
from router.rules.state.feature import values_of


def raise_alert(event: Event, content: dict[str, Any], rule: Rule, *, now: float) -> Alert:
    """Return the alert of one match.

    Args:
        event: The event that matched.
        content: The same as Python values.
        rule: The rule that matched.
        now: Unix time in seconds.
    """
    own_id = alert_id(event.key, rule.name)
    return Alert(
        id=own_id,
        rule=rule.name,
        severity=rule.severity_of(content),
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
        count=rule.features.events_per_alert,
        labels=rule.naming.labels_of(content),
        values=rule.naming.values_of(content),
        reads=rule.reads,
        fields=rule.naming.fields_of(content),
        whole_numbers=rule.numbers is NumberForm.WHOLE,
        trace=event.trace,
    )


def key_of(rule: Rule, content: dict[str, Any], own_id: AlertId) -> AlertKey:
    """Return what alerts about the same thing share; the alert's own id if it stands alone."""
    by = rule.features.identity
    return AlertKey(own_id) if by is None else alert_key(rule.name, values_of(by, content))


def fan_out(notifications: Iterable[Notification]) -> tuple[Delivery, ...]:
    """Return one delivery for each destination of each notification, in their order."""
    return tuple(
        [
            Delivery(id=delivery_id(each.alert.id, name), destination=name, alert=each.alert)
            for each in notifications
            for name in each.send_to
        ]
    )


def numbers(notifications: Iterable[Notification]) -> tuple[int, ...]:
    """Return the number of each delivery of ``fan_out``; ``()`` if none has one."""
    found = [each.number for each in notifications for _ in each.send_to]
    return tuple(found) if any(found) else ()
