"""Which destinations are told of acknowledgements, as workers register them."""

from support.clock import SetClock

from router.clock import Clock
from router.journal.acknowledgement_receivers import REGISTERED_SECONDS, AcknowledgementReceivers
from router.journal.connection import Connection


async def test_those_that_a_worker_has_registered_within_a_day_are_told(
    connection: Connection, clock: Clock, time: SetClock
) -> None:
    receivers = AcknowledgementReceivers(connection, clock)
    await receivers.register({"chat": True, "pager": True, "mail": False})
    assert await receivers.among(["pager", "mail", "chat", "gone"]) == ["pager", "chat"]
    assert await receivers.among([]) == []

    time.now += REGISTERED_SECONDS
    await receivers.register({"pager": False})
    assert await receivers.among(["pager", "chat"]) == ["chat"]
    time.now += 1
    await receivers.register({})
    assert await receivers.among(["chat"]) == []
