"""What workers record of a delivered alert for its page."""

import asyncio

import msgspec
import pytest
from support.clock import SetClock
from support.events import deliveries_of, event_from

from router.alerts import AlertKey, AlertStatus, Delivery
from router.clock import Clock
from router.journal import keys
from router.journal.connection import Connection
from router.journal.shown_alerts import ShownAlerts
from router.worker.delivery.shown_record import ShownRecorder

KEY = AlertKey("ak_1")


@pytest.fixture
def delivery(sample: bytes) -> Delivery:
    (one,) = deliveries_of(event_from(sample), 1)
    alert = msgspec.structs.replace(one.alert, key=KEY, summary="{{ data.friendly_name }} late")
    return msgspec.structs.replace(one, alert=alert)


def with_status(delivery: Delivery, status: AlertStatus, raised_at: float) -> Delivery:
    alert = msgspec.structs.replace(delivery.alert, status=status, raised_at=raised_at)
    return msgspec.structs.replace(delivery, alert=alert)


async def test_the_texts_of_the_message_are_recorded_without_the_event(
    delivery: Delivery, connection: Connection, clock: Clock
) -> None:
    """Case O20."""
    shown = ShownAlerts(connection, clock, lasts=60.0)
    await ShownRecorder(shown, "chat").delivered(delivery)
    state = await shown.state(KEY)
    assert state is not None
    assert state.shown.summary == "Weekly Standup Meeting late"
    assert dict(state.shown.facts)["Conference"].startswith("Weekly Standup Meeting")
    assert state.told == {"chat": AlertStatus.FIRING}
    event = msgspec.json.decode(state.shown.alert.event)
    assert event.keys() == {"specversion", "id", "source", "type"}
    assert event["id"] == delivery.alert.event_id
    assert await connection.redis.memory_usage(keys.shown_alert(KEY)) < 1500


async def test_a_destination_that_does_not_want_to_know_is_not_listed(
    delivery: Delivery, connection: Connection, clock: Clock
) -> None:
    shown = ShownAlerts(connection, clock, lasts=60.0)
    await ShownRecorder(shown, "").delivered(delivery)
    state = await shown.state(KEY)
    assert state is not None
    assert state.told == {}


async def test_an_acknowledgement_does_not_replace_its_alert(
    delivery: Delivery, connection: Connection, clock: Clock, time: SetClock
) -> None:
    shown = ShownAlerts(connection, clock, lasts=60.0)
    recorder = ShownRecorder(shown, "chat")
    await recorder.delivered(delivery)
    before = await shown.state(KEY)
    await recorder.delivered(with_status(delivery, AlertStatus.ACKNOWLEDGED, time.now + 5))
    assert await shown.state(KEY) == before


async def test_without_links_nothing_is_recorded(
    delivery: Delivery, connection: Connection
) -> None:
    await ShownRecorder(None, "chat").delivered(delivery)
    assert await connection.redis.exists(keys.shown_alert(KEY)) == 0


async def test_a_redis_that_is_away_costs_no_more_than_the_page(
    delivery: Delivery, connection: Connection, clock: Clock
) -> None:
    await connection.redis.set(keys.shown_alert(KEY), b"of another type")
    async with asyncio.timeout(60):
        await ShownRecorder(ShownAlerts(connection, clock, lasts=60.0), "chat").delivered(delivery)
