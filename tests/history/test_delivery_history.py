"""Ended deliveries in history: recorded by the transaction that ends each, and found by what they tell of."""

import pytest
from support.clock import SetClock
from support.past import Past

from router.alerts import AlertKey, AlertStatus, Delivery, alert_id, delivery_id
from router.history.delivery_history import DeliveryFilter
from router.journal.connection import Connection
from router.journal.ended_deliveries import DeliveryOutcome, compact_id, full_id
from router.journal.pagination import TimeRange

pytestmark = pytest.mark.server
RULES = """
rules:
  - {name: high, events: [a], when: data.n > 5, send_to: [noc, boss]}
  - {name: state, events: [b], when: data.up == false, send_to: [noc], resolve: {events: [b], when: data.up == true, by: [data.k]}}
  - {name: many, events: [c], send_to: [noc], group: {by: [data.k], wait: 30s}}
"""


@pytest.fixture
async def past(connection: Connection) -> Past:
    return Past(connection, SetClock(), RULES)


async def ended(past: Past, **wanted: object) -> list[tuple[str, str, str]]:
    page = await past.ended.page(DeliveryFilter(**wanted), limit=50)  # type: ignore[arg-type]
    return [(each.event_id, each.destination, each.outcome) for each in page.items]


async def test_a_delivery_says_how_it_ended(past: Past) -> None:
    event = past.event("8", n=8)
    await past.send(event)
    past.time.now += 1.5
    await past.deliver("noc")
    past.time.now += 1
    await past.give_up("HTTP 404", "boss")

    alert = alert_id(event.key, "high")
    dead, delivered = (await past.ended.page(DeliveryFilter(), limit=9)).items
    assert (delivered.id, delivered.alert, delivered.key) == (
        delivery_id(alert, "noc"),
        alert,
        AlertKey(alert),
    )
    assert (delivered.outcome, delivered.attempts, delivered.seconds, delivered.http_status) == (
        DeliveryOutcome.DELIVERED,
        1,
        0.082,
        200,
    )
    assert delivered.ended_at - delivered.raised_at == 1.5
    assert (dead.outcome, dead.seconds, dead.http_status) == (
        DeliveryOutcome.DEAD_LETTERED,
        0.5,
        404,
    )
    assert [attempt.reason for attempt in dead.failed_attempts] == ["HTTP 404"]
    record = await past.events.by_reference(delivered.event)
    assert record is not None
    assert record.id == delivered.event_id == "8"
    assert await past.ended.get(dead.id) == dead
    assert await past.ended.get("msg_" + "0" * 24) is None
    assert [each.destination for each in await past.ended.of_alerts([alert])] == ["boss", "noc"]
    assert await past.ended.of_alerts([alert_id("s\x00none", "high")]) == []


async def test_settling_again_adds_nothing(past: Past) -> None:
    await past.send(past.event("8", n=8))
    waiting = await past.waiting()
    await past.deliver()
    done = await past.deliver()
    assert done == []
    assert len(await ended(past)) == len(waiting) == 1


async def test_the_deliveries_of_a_key_tell_its_story(past: Past) -> None:
    for number, up in enumerate((False, True, False)):
        await past.send(past.event(str(number), type="b", up=up, k="x"))
        await past.deliver()
        await past.send(past.event(f"other {number}", type="b", up=up, k="y"))
        await past.deliver()

    (first, *_) = (await past.ended.page(DeliveryFilter(), limit=9)).items
    story = await past.ended.of_key(first.key, limit=9)
    assert [(each.event_id, each.status) for each in reversed(story)] == [
        ("other 0", AlertStatus.FIRING),
        ("other 0", AlertStatus.RESOLVED),
        ("other 2", AlertStatus.FIRING),
    ]
    assert len(await past.ended.of_key(first.key, limit=2)) == 2


async def test_each_member_of_a_group_leads_to_its_message(past: Past) -> None:
    events = [past.event(str(n), type="c", k="x") for n in range(3)]
    await past.send(*events)
    await past.passes(31)
    (delivery,) = await past.deliver()
    assert isinstance(delivery, Delivery)

    for event in events:
        (record,) = await past.ended.of_alerts([alert_id(event.key, "many")])
        assert (record.id, record.count) == (delivery.id, 3)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"destinations": frozenset({"boss"})}, [("8", "boss", "dead-lettered")]),
        (
            {"rule": "high", "outcomes": frozenset({DeliveryOutcome.DELIVERED})},
            [("8", "noc", "delivered")],
        ),
        ({"rule": "many"}, []),
        ({"times": TimeRange(first_ms=1_700_000_001_000)}, [("8", "boss", "dead-lettered")]),
        ({"times": TimeRange(last_ms=1_700_000_000_500)}, [("8", "noc", "delivered")]),
    ],
)
async def test_filters(past: Past, wanted: dict[str, object], found: list[object]) -> None:
    await past.send(past.event("8", n=8))
    await past.deliver("noc")
    past.time.now += 1
    await past.give_up("gone", "boss")

    assert await ended(past, **wanted) == found


async def test_pages(past: Past) -> None:
    for number in range(5):
        await past.send(past.event(f"{number}", n=9))
        await past.deliver("noc")
    first = await past.ended.page(DeliveryFilter(), limit=3)
    second = await past.ended.page(DeliveryFilter(), first.after, limit=3)
    assert [each.event_id for each in (*first.items, *second.items)] == ["4", "3", "2", "1", "0"]
    assert second.after == ""


@pytest.mark.parametrize(
    "text",
    [
        "msg_" + "0a" * 12,
        "al_" + "ff" * 12,
        "ak_" + "00" * 12,
        "",
        "msg_" + "0A" * 12,
        "x_00",
        "al_",
    ],
)
def test_ids_are_compact(text: str) -> None:
    assert full_id(compact_id(text)) == text
