"""Deliveries that have not ended: pages of a destination, and one by its id."""

import pytest
from support.clock import SetClock
from support.past import Past

from router.journal import keys
from router.journal.connection import Connection
from router.journal.open_deliveries import OpenDeliveries, OpenState

pytestmark = pytest.mark.server
RULES = """
rules:
  - {name: high, events: [a], send_to: [noc, boss]}
  - {name: state, events: [b], when: data.up == false, send_to: [noc], resolve: {events: [b], when: data.up == true, by: [data.k]}}
"""


async def test_open_deliveries_are_listed_and_found(connection: Connection) -> None:
    past = Past(connection, SetClock(), RULES)
    opened = OpenDeliveries(connection)
    assert (await opened.page("noc", limit=9)).items == ()
    await past.send(past.event("1"), past.event("2"))
    await past.send(past.event("3", type="b", up=False, k="x"))
    await past.send(past.event("4", type="b", up=True, k="x"))

    items, after = [], ""
    while True:
        page = await opened.page("noc", after, limit=1)
        items += page.items
        after = page.after
        if not after:
            break
    assert sorted((each.delivery.alert.event_id, each.state) for each in items) == [
        ("1", OpenState.WAITING),
        ("2", OpenState.WAITING),
        ("3", OpenState.BEHIND),  # that it is resolved
        ("3", OpenState.WAITING),
    ]
    for each in items:
        assert await opened.find("noc", each.delivery.id) == each
        assert await opened.find("boss", each.delivery.id) is None
    (set_id, first), *_ = await past.waiting()
    await connection.redis.set(keys.lease(set_id), "token")
    in_flight = await opened.find("noc", first.id)
    assert in_flight is not None
    assert in_flight.state is OpenState.IN_FLIGHT
    with pytest.raises(ValueError, match="is not a cursor"):
        await opened.page("noc", "lanes-x", limit=1)
