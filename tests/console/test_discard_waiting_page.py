"""What waits for a destination is counted, and then discarded."""

from support.console_router import OPERATOR, VIEWER, idle_router
from support.console_visit import visiting
from support.lanes import KEY, OTHER, Outbox, message

from router.clock import Clock
from router.datatypes import Secret
from router.journal.connection import Connection

PATH = "/console/destinations/pager/discard"


async def test_deliveries_are_counted_before_they_are_discarded(
    redis_url: Secret, connection: Connection, clock: Clock
) -> None:
    outbox = Outbox(connection, clock)
    await outbox.open(*(message(number, key=KEY) for number in range(2)))
    await outbox.open(message(9, key=OTHER))
    async with (
        idle_router(redis_url) as router,
        visiting(router.url, OPERATOR) as visit,
        visiting(router.url, VIEWER) as viewer,
    ):
        assert "Discard 3 deliveries" in (await visit.get(f"{PATH}?rule=&older_than=")).text
        assert "0 deliveries wait and match" in (await visit.get(f"{PATH}?rule=other")).text
        assert "not a duration" in (await visit.get(f"{PATH}?older_than=1x")).text
        seen = (await viewer.get(PATH)).text
        assert ("3 deliveries wait" in seen, "Discard 3" in seen) == (True, False)
        assert (await viewer.post(PATH)).status == 403

        assert "Discarded 0 deliveries" in (await visit.post(PATH, ("rule", "other"))).text
        assert "Discarded 3 deliveries to pager." in (await visit.post(PATH)).text
        assert "nothing to discard" in (await visit.get(PATH)).text
