"""The ledger counts what Redis stores, even if deliveries arrive that exist already.

An event that is accepted again after the dedup window has the same alert and delivery ids.
"""

from collections.abc import Awaitable, Callable

import pytest
from support.events import deliveries_of, event_from
from support.stored import agree

from router.alerts import Delivery
from router.clock import Clock
from router.events.model import Received
from router.journal import keys, ledger
from router.journal.batches import Batches
from router.journal.connection import Connection
from router.journal.deliveries import Deliveries
from router.journal.finish import FinishedWork
from router.journal.keys import BatchId, SetId
from router.journal.orphaned_deliveries import OrphanedDeliveries
from router.journal.settlements import GivenUp, Requeued

DUE = 1_700_003_600.0


class Mail:
    """Deliveries of one event to "mail", opened as often as a test wants."""

    def __init__(self, connection: Connection, clock: Clock, sample: bytes) -> None:
        self.connection = connection
        self.batches = Batches(connection, clock)
        self.deliveries = Deliveries(connection, clock)
        self.orphans = OrphanedDeliveries(connection, self.deliveries, clock)
        self.event = event_from(sample)

    async def open(self, count: int) -> tuple[Delivery, ...]:
        """Accept the event, and finish its batch with so many deliveries."""
        opened = deliveries_of(self.event, count)
        await self.batches.accept([Received([self.event], [])])
        (batch_id,) = await self.connection.redis.zrange(keys.BATCHES, 0, -1)
        verdict = FinishedWork(matched=1, deliveries=opened)
        assert await self.batches.finish(BatchId(batch_id.decode()), verdict)
        return opened

    async def begin(self) -> tuple[SetId, list[Delivery]]:
        """Begin the set that is due first."""
        first, *_ = await self.connection.redis.zrange(keys.open_sets("mail"), 0, -1)
        set_id = SetId(first.decode())
        return set_id, (await self.deliveries.begin(set_id, "mail")).deliveries

    async def books(self) -> ledger.DestinationLedger:
        await agree(self.connection)
        return (await ledger.read(self.connection)).destinations["mail"]


@pytest.fixture
def mail(connection: Connection, clock: Clock, sample: bytes) -> Mail:
    return Mail(connection, clock, sample)


async def test_a_delivery_that_still_waits_in_the_set_is_opened_once(mail: Mail) -> None:
    """Seen to fail: finish counted both as opened, and one of them was pending for ever."""
    await mail.open(3)
    await mail.open(5)

    books = await mail.books()
    assert (books.opened, books.superseded, books.pending) == (8, 3, 5)


async def give_up(mail: Mail) -> None:
    set_id, begun = await mail.begin()
    await mail.deliveries.settle([GivenUp(set_id, each, "HTTP 400") for each in begun])


async def abandon(mail: Mail) -> None:
    (mark,) = await mail.orphans.mark_unknown(frozenset())
    await mail.orphans.abandon(mark)


@pytest.mark.parametrize("end", [give_up, abandon])
async def test_twenty_dead_letters_sent_three_times_are_twenty(
    mail: Mail, end: Callable[[Mail], Awaitable[None]]
) -> None:
    """Seen to fail: dead_letter and abandon counted 60, and the store had 20."""
    for _ in range(3):
        await mail.open(20)
        await end(mail)

    books = await mail.books()
    assert (books.opened, books.dead, books.superseded, books.pending) == (60, 20, 40, 0)


async def test_a_delivery_that_comes_into_a_digest_twice_is_there_once(mail: Mail) -> None:
    """Seen to fail: retry replaced the first one, which then was pending for ever."""
    for _ in range(2):
        await mail.open(4)
        set_id, begun = await mail.begin()
        moves = [Requeued(set_id, each, due_at=DUE, in_digest=True) for each in begun]
        await mail.deliveries.settle(moves)

    books = await mail.books()
    assert (books.opened, books.superseded, books.pending) == (8, 4, 4)


@pytest.mark.parametrize("is_read", [True, False])
async def test_an_undecodable_delivery_is_quarantined_once(mail: Mail, *, is_read: bool) -> None:
    """Seen to fail: both scripts counted two records in quarantine, and there was one."""
    for _ in range(2):
        (opened,) = await mail.open(1)
        (newest,) = await mail.connection.redis.zrange(keys.open_sets("mail"), 0, -1)
        set_id = SetId(newest.decode())
        await mail.connection.redis.hset(keys.delivery_set(set_id), opened.id, b"\xc1")
        if is_read:
            await mail.begin()
        await mail.deliveries.quarantine_unread(set_id, "mail", opened.id, "poison")

    books = await mail.books()
    assert (books.quarantined, books.superseded, books.pending) == (1, 1, 0)
    assert await mail.connection.redis.hlen(keys.QUARANTINE) == 1
