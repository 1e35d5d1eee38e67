"""A set of three deliveries, as a batch opens it."""

import pytest
from support.events import deliveries_of, event_from

from router.alerts import Delivery
from router.clock import Clock
from router.events.model import Received
from router.journal.batches import Batches
from router.journal.connection import Connection
from router.journal.deliveries import Deliveries
from router.journal.finish import FinishedWork
from router.journal.keys import BatchId


@pytest.fixture
def deliveries(connection: Connection, clock: Clock) -> Deliveries:
    return Deliveries(connection, clock)


@pytest.fixture
async def opened(connection: Connection, clock: Clock, sample: bytes) -> tuple[Delivery, ...]:
    """Three deliveries to "mail", in the set SET."""
    event = event_from(sample)
    batches = Batches(connection, clock)
    await batches.accept([Received([event], [])])
    verdict = FinishedWork(
        duplicate=0,
        filtered=0,
        matched=1,
        quarantined=(),
        deliveries=deliveries_of(event, 3),
    )
    await batches.finish(BatchId("id0001"), verdict)
    return verdict.deliveries
