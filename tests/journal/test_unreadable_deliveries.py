"""A record that cannot be read leaves its set, and the other deliveries stay."""

import pytest
from support.clock import SetClock
from support.large_sets import fill_digest
from support.opened_set import SET, by_id

from router.alerts import Delivery
from router.clock import Clock
from router.journal import keys, ledger
from router.journal.connection import Connection
from router.journal.dead_letters import DeadLetterFilter, DeadLetters
from router.journal.deliveries import Deliveries
from router.journal.leases import LeaseToken
from router.journal.quarantine import Quarantine, QuarantineFilter
from router.journal.settlements import Done, GivenUp


async def test_a_record_that_is_no_delivery_goes_to_quarantine_and_its_neighbours_stay(
    deliveries: Deliveries, connection: Connection, opened: tuple[Delivery, ...]
) -> None:
    await connection.redis.hset(keys.delivery_set(SET), "foreign", b"\x80\x04K\x01.")

    assert by_id((await deliveries.begin(SET, "mail")).deliveries) == by_id(opened)
    assert await connection.redis.hkeys(keys.QUARANTINE) == [b"foreign"]


@pytest.mark.parametrize("owner", [None, "mine", "another"])
async def test_a_record_that_cannot_be_read_is_left_to_the_worker_that_has_its_set(
    deliveries: Deliveries, connection: Connection, opened: tuple[Delivery, ...], owner: str | None
) -> None:
    """Mutant: ``quarantine`` passes no token. A suspended worker would take what another one reads."""
    assert opened
    await connection.redis.hset(keys.delivery_set(SET), "foreign", b"\x80\x04K\x01.")
    if owner is not None:
        await connection.redis.set(keys.lease(SET), owner)

    assert await deliveries.read(SET, "mail", "foreign", LeaseToken("mine")) is None

    is_left = await connection.redis.hexists(keys.delivery_set(SET), "foreign")
    assert is_left is (owner == "another")


async def test_a_record_that_is_no_delivery_leaves_no_dead_letter_in_the_ledger(
    deliveries: Deliveries, connection: Connection, clock: Clock, opened: tuple[Delivery, ...]
) -> None:
    await connection.redis.hset(keys.delivery_set(SET), opened[0].id, b"\x80\x04K\x01.")
    await deliveries.begin(SET, "mail")
    await deliveries.begin(SET, "mail")
    await deliveries.settle([Done(SET, opened[1]), GivenUp(SET, opened[2], "no")])

    counters = await ledger.read(connection)
    mail = counters.destinations["mail"]
    assert (mail.delivered, mail.dead, mail.quarantined, mail.pending) == (1, 1, 1, 0)
    assert mail.opened == mail.delivered + mail.dead + mail.discarded + mail.quarantined
    letters = DeadLetters(connection, clock)
    found = await letters.find("mail", DeadLetterFilter())(None, 10)
    assert len(found.items) == mail.dead
    assert await letters.discard("mail", found.items) == 1
    assert await letters.destinations() == []


async def test_a_delivery_in_the_field_of_another_is_quarantined_instead_of_sent_for_ever(
    deliveries: Deliveries, connection: Connection, sample: bytes
) -> None:
    """Mutant: the id in the record is not compared with the field."""
    set_id = await fill_digest(connection, sample, 2, 2000)
    record = await connection.redis.hget(keys.delivery_set(set_id), "msg_0")
    await connection.redis.hset(keys.delivery_set(set_id), "other", record)

    page = await deliveries.begin(set_id, "mail")
    await deliveries.settle([Done(set_id, each) for each in page.deliveries])

    assert sorted(each.id for each in page.deliveries) == ["msg_0", "msg_1"]
    assert await connection.redis.hkeys(keys.QUARANTINE) == [b"other"]
    assert not await connection.redis.exists(*keys.job_keys(set_id))


async def test_a_record_that_is_quarantined_unread_is_the_body_of_the_item(
    deliveries: Deliveries,
    connection: Connection,
    clock: Clock,
    time: SetClock,
    sample: bytes,
) -> None:
    set_id = await fill_digest(connection, sample, 1, 2000)
    record = await connection.redis.hget(keys.delivery_set(set_id), "msg_0")

    for _ in range(2):
        await deliveries.quarantine_unread(set_id, "mail", "msg_0", "poison")

    (item,) = (await Quarantine(connection, clock).find(QuarantineFilter())(None, 10)).items
    assert (item.id, item.record.reason, item.record.body) == ("msg_0", "poison", record)
    assert item.record.received_at == time.now
    counts = (await ledger.read(connection)).destinations["mail"]
    assert (counts.quarantined, counts.pending) == (1, 0)
    assert not await connection.redis.exists(*keys.job_keys(set_id), keys.deliver_queue("mail"))
