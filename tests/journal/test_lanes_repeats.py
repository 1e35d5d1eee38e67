"""A lane in which the same delivery is twice: its event was accepted again after the dedup window."""

from collections.abc import AsyncIterator

import msgspec
import pytest
from support.clock import SetClock
from support.lanes import Outbox, message, number_of, resolved
from support.stored import agree

from router.alerts import Delivery, DeliveryId
from router.clock import Clock
from router.journal import keys
from router.journal.connection import Connection
from router.journal.settlements import Done, Requeued


@pytest.fixture
async def outbox(connection: Connection, clock: Clock) -> AsyncIterator[Outbox]:
    """At its end the books are those of the store, and no lane waits for what is not there."""
    outbox = Outbox(connection, clock)
    yield outbox
    await agree(connection)
    await outbox.deliver_all()
    assert await outbox.waiting() == 0


def same(delivery: Delivery) -> Delivery:
    """Return a delivery with the id that all of these have."""
    return msgspec.structs.replace(delivery, id=DeliveryId("msg_same"))


async def digest_of(outbox: Outbox, time: SetClock, *numbers: int) -> None:
    """Let the same delivery wait for a digest, and then again, with these places in the lane."""
    for number in numbers:
        await outbox.open(same(message(number)), numbers=[number])
        if number == numbers[0]:
            await outbox.retry(time.now + 3600, in_digest=True)


@pytest.mark.parametrize("numbers", [(1, 2), (2, 1)], ids=["in order", "a slow worker's last"])
async def test_of_two_in_one_mail_the_later_one_is_sent(
    outbox: Outbox, connection: Connection, time: SetClock, numbers: tuple[int, int]
) -> None:
    """Case D2: the earlier one was overwritten in the mail, not counted, and blocked its lane."""
    await digest_of(outbox, time, *numbers)
    assert await outbox.waiting() == 1

    assert await outbox.sent_now() == [2]

    await agree(connection)
    assert await outbox.deliver() == [2]
    books = await outbox.books()
    assert (books.opened, books.delivered, books.superseded, books.pending) == (2, 1, 1, 0)
    await outbox.open(resolved(3))
    assert await outbox.deliver() == [3]


async def test_what_waits_behind_two_in_one_mail_is_sent_once_they_were(
    outbox: Outbox, time: SetClock
) -> None:
    """Case D2: only the sweeper released it."""
    await digest_of(outbox, time, 1, 2)
    mail = await outbox.in_sets()
    await outbox.open(resolved(3))

    await outbox.deliveries.settle([Done(*each) for each in mail])

    assert await outbox.sent_now() == [3]


async def test_the_alert_of_the_one_that_was_replaced_in_a_mail_is_deleted(
    outbox: Outbox, connection: Connection, time: SetClock
) -> None:
    """An alert with several deliveries is stored by itself, and counts who refers to it."""
    mail = Outbox(connection, outbox.clock, "mail")
    for number in (1, 2):
        each = same(message(number))
        await outbox.open(each, msgspec.structs.replace(each, destination="mail"))
        await outbox.retry(time.now + 3600, in_digest=True)

    await outbox.deliver_all()
    await mail.deliver_all()

    assert await connection.redis.keys("router:alerts:*") == []


async def test_of_two_that_wait_the_later_one_is_sent_at_its_place(outbox: Outbox) -> None:
    """Case D2: that of a slow worker moved the alert's last message before its end."""
    await outbox.open(message(0), numbers=[1])
    await outbox.open(same(message(5)), numbers=[5])
    await outbox.open(resolved(4), same(message(3)), numbers=[4, 3])

    assert await outbox.deliver_all() == [0, 4, 5]
    assert (await outbox.books()).superseded == 1


async def test_a_mail_of_which_one_could_not_be_read_releases_the_next(
    outbox: Outbox, time: SetClock
) -> None:
    """Case D2: the lane waited for the sweeper."""
    await outbox.open(message(1))
    await outbox.retry(time.now + 3600, in_digest=True)
    await outbox.open(message(2))
    (set_id, first), (_, second) = await outbox.in_sets()
    await outbox.deliveries.quarantine_unread(
        set_id, outbox.destination, second.id, "it ended processes"
    )
    await outbox.open(resolved(3))

    await outbox.deliveries.settle([Done(set_id, first)])

    assert await outbox.sent_now() == [3]


@pytest.mark.parametrize("settled", [1, 2])
async def test_what_was_in_one_mail_is_parted_once_the_destination_sends_no_digests(
    outbox: Outbox, time: SetClock, settled: int
) -> None:
    """Case D2: after a reload they were attempted at the same time, and any could arrive last."""
    await outbox.open(message(1))
    await outbox.retry(time.now + 3600, in_digest=True)
    await outbox.open(message(2), resolved(3), message(4))
    mail = await outbox.in_sets()
    later = [
        Requeued(set_id, each, time.now + 7200, in_digest=True) for set_id, each in mail[:settled]
    ]
    await outbox.deliveries.settle(list(later))  # its worker dies
    outbox.sends_digests = False

    assert await outbox.sent_now() == [1]
    assert await outbox.deliver_all() == [1, 2, 3, 4]


async def test_it_is_parted_if_each_is_read_alone(outbox: Outbox, time: SetClock) -> None:
    """Case D2: a process ended while it had the mail."""
    await outbox.open(message(1))
    await outbox.retry(time.now + 3600, in_digest=True)
    await outbox.open(message(2), resolved(3))
    mail = await outbox.in_sets()

    read = [
        await outbox.deliveries.read(set_id, outbox.destination, each.id, in_digest=False)
        for set_id, each in reversed(mail)
    ]

    assert [each.id for each in read if each] == [message(1).id]
    outbox.sends_digests = False
    assert await outbox.deliver_all() == [1, 2, 3]


async def test_what_waits_does_not_overtake_the_rest_of_a_mail(
    outbox: Outbox, time: SetClock
) -> None:
    """Case D2: one of a mail is retried, its worker dies, and the retry is due before the rest."""
    await outbox.open(message(1))
    await outbox.retry(time.now + 3600, in_digest=True)
    await outbox.open(message(2))
    (set_id, first), _ = await outbox.in_sets()
    retry_at = time.now + 60
    await outbox.deliveries.settle([Requeued(set_id, first, retry_at, in_digest=True)])
    await outbox.open(resolved(3))

    assert await outbox.deliver_all() == [1, 2, 3]


async def test_a_retry_that_is_due_with_its_own_digest_is_in_a_mail_of_its_own(
    outbox: Outbox, time: SetClock
) -> None:
    """Case D2: the clock was set back. In a usual set the deliveries of a key have no order."""
    await outbox.open(message(1))
    due_at = time.now + 3600
    await outbox.retry(due_at, in_digest=True)
    await outbox.open(*(message(number) for number in range(2, 12)))
    numbers = list(range(1, 12))
    assert await outbox.retry(due_at, in_digest=True) == numbers

    again = await outbox.in_sets()

    assert [number_of(each) for _, each in again] == numbers
    assert all(keys.is_digest_set(set_id) for set_id, _ in again)
