"""What the page of an alert shows, as workers record it."""

import msgspec
import pytest
from support.clock import SetClock
from support.events import alert_of, event_from

from router.alerts import Alert, AlertKey, AlertStatus
from router.clock import Clock
from router.journal import keys
from router.journal.connection import Connection
from router.journal.shown_alerts import ShownAlert, ShownAlerts

KEY = AlertKey("ak_1")


@pytest.fixture
def shown(connection: Connection, clock: Clock) -> ShownAlerts:
    return ShownAlerts(connection, clock, lasts=60.0)


@pytest.fixture
def alert(sample: bytes) -> Alert:
    return msgspec.structs.replace(alert_of(event_from(sample)), key=KEY, event=b"{}")


def of(alert: Alert, **changes: object) -> ShownAlert:
    changed = msgspec.structs.replace(alert, **changes)
    return ShownAlert(alert=changed, summary="down", facts=(("Rule", "r"),))


async def test_the_last_alert_and_what_each_destination_was_told(
    shown: ShownAlerts, alert: Alert
) -> None:
    assert await shown.state(KEY) is None
    await shown.record(of(alert, raised_at=10.0), "chat")
    await shown.record(of(alert, raised_at=20.0), "pager")
    await shown.record(of(alert, raised_at=30.0, status=AlertStatus.RESOLVED), "chat")
    state = await shown.state(KEY)
    assert state is not None
    assert (state.status, state.since) == (AlertStatus.RESOLVED, 30.0)
    assert state.told == {"chat": AlertStatus.RESOLVED, "pager": AlertStatus.FIRING}
    assert state.shown == of(alert, raised_at=30.0, status=AlertStatus.RESOLVED)


async def test_a_status_has_one_beginning(shown: ShownAlerts, alert: Alert) -> None:
    for raised_at in (10.0, 20.0):
        await shown.record(of(alert, raised_at=raised_at))
    state = await shown.state(KEY)
    assert state is not None
    assert (state.since, state.shown.alert.raised_at, state.told) == (10.0, 20.0, {})


async def test_a_late_record_of_an_earlier_alert_changes_nothing(
    shown: ShownAlerts, alert: Alert
) -> None:
    await shown.record(of(alert, raised_at=30.0, status=AlertStatus.RESOLVED), "chat")
    await shown.record(of(alert, raised_at=10.0), "chat")
    state = await shown.state(KEY)
    assert state is not None
    assert (state.status, state.told) == (AlertStatus.RESOLVED, {"chat": AlertStatus.RESOLVED})


async def test_the_oldest_of_too_many_are_deleted(
    alert: Alert, connection: Connection, clock: Clock, time: SetClock
) -> None:
    few = ShownAlerts(connection, clock, lasts=60.0, limit=3)
    for number in range(6):
        time.now += 1
        await few.record(of(alert, key=AlertKey(f"ak_{number}")))
    kept = [number for number in range(6) if await few.state(AlertKey(f"ak_{number}"))]
    assert kept[-1] == 5
    assert len(kept) <= 3
    assert await connection.redis.zcard(keys.SHOWN_AGES) == len(kept)


async def test_it_is_stored_for_some_time(
    shown: ShownAlerts, alert: Alert, connection: Connection
) -> None:
    await shown.record(of(alert))
    assert 59_000 < await connection.redis.pttl(keys.shown_alert(KEY)) <= 60_000


@pytest.mark.parametrize("field", ["alert", "status", "since", "told:chat"])
async def test_a_record_that_cannot_be_read_is_none(
    shown: ShownAlerts, alert: Alert, connection: Connection, field: str
) -> None:
    await shown.record(of(alert), "chat")
    await connection.redis.hset(keys.shown_alert(KEY), field, b"\xff")
    assert await shown.state(KEY) is None
