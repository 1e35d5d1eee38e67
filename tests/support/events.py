"""Events, alerts and deliveries for tests, made from Twilio's example."""

import msgspec

from router.alerts import Alert, Delivery, Severity, alert_id, delivery_id
from router.events.decode import decode_request
from router.events.model import Event
from router.journal.batches import Batches
from router.journal.keys import BatchId


def event_from(sample: bytes, **attributes: object) -> Event:
    """Twilio's example with some attributes changed, ``status`` in its data too."""
    document = msgspec.json.decode(sample)
    status = attributes.pop("status", None)
    document.update(attributes)
    if status is not None:
        document["data"]["status"] = status
    body = msgspec.json.encode(document)
    # As from Twilio: its example departs from CloudEvents, under whatever type.
    return decode_request(body, received_at=1_700_000_000.0, max_events=1).events[0]


def alert_of(event: Event, rule: str = "some-rule") -> Alert:
    return Alert(
        id=alert_id(event.key, rule),
        rule=rule,
        severity=Severity.WARNING,
        summary="",
        description="",
        raised_at=event.received_at,
        event_id=event.id,
        event_source=event.source,
        event_type=event.type,
        event_time=event.time,
        event_received_at=event.received_at,
        event=event.body,
    )


def deliveries_of(event: Event, count: int, destination: str = "mail") -> tuple[Delivery, ...]:
    """So many deliveries to one destination, each of another rule."""
    alerts = [alert_of(event, f"rule-{number}") for number in range(count)]
    return tuple(
        Delivery(id=delivery_id(alert.id, destination), destination=destination, alert=alert)
        for alert in alerts
    )


async def held_by(batches: Batches, batch_id: str) -> list[Event] | None:
    """The events of a batch that is open, None else."""
    begun = await batches.begin(BatchId(batch_id), claim_seconds=60)
    return None if begun is None else begun.events
