"""Dead letters: found page by page, replayed once, discarded; the books stay true."""

import asyncio
from collections.abc import Sequence

import msgspec
import pytest
from support.clock import SetClock
from support.events import deliveries_of, event_from

from router.alerts import (
    HISTORY_LIMIT,
    Attempt,
    Delivery,
    after_attempt,
    delivery_id,
    replayed,
)
from router.clock import Clock
from router.events.model import Received
from router.journal import keys, ledger
from router.journal import pagination as pages
from router.journal.batches import Batches
from router.journal.connection import Connection
from router.journal.dead_letters import DeadLetterFilter, DeadLetters
from router.journal.deliveries import Deliveries
from router.journal.finish import FinishedWork
from router.journal.keys import BatchId, SetId
from router.journal.pagination import PageCursor, TimeRange
from router.journal.settlements import DeadLetter, GivenUp


@pytest.fixture
def letters(connection: Connection, clock: Clock) -> DeadLetters:
    return DeadLetters(connection, clock)


async def die(
    connection: Connection,
    clock: Clock,
    deliveries: Sequence[Delivery],
    *,
    reason: str = "HTTP 404",
    number: int = 1,
) -> None:
    """Open deliveries and give all of them up, now. ``number`` counts the calls of a test."""
    batch_id, set_id = BatchId(f"batch{number}"), SetId(f"set{number}")
    ids = iter([batch_id, set_id])
    batches = Batches(connection, msgspec.structs.replace(clock, new_id=ids.__next__))
    await batches.accept(
        [
            Received(
                [event_from(b'{"specversion":"1.0","id":"1","source":"s","type":"t","data":{}}')],
                [],
            )
        ]
    )
    verdict = FinishedWork(
        duplicate=0, filtered=0, matched=1, quarantined=(), deliveries=tuple(deliveries)
    )
    assert await batches.finish(batch_id, verdict)
    await Deliveries(connection, clock).settle(
        [GivenUp(set_id, delivery, reason) for delivery in deliveries]
    )


async def books(connection: Connection) -> ledger.DestinationLedger:
    return (await ledger.read(connection)).destinations["mail"]


async def ids(letters: DeadLetters, wanted: DeadLetterFilter, *, page: int) -> list[str]:
    found: list[str] = []
    after: PageCursor | None = None
    while True:
        some = await pages.collect(letters.find("mail", wanted), after, count=page)
        assert len(some.items) <= page
        found += [letter.delivery.id for letter in some.items]
        if some.after is None:
            return found
        after = some.after


@pytest.mark.parametrize("page", [1, 2, 3, 100])
async def test_pages_show_each_one_once_newest_first(
    letters: DeadLetters,
    connection: Connection,
    clock: Clock,
    time: SetClock,
    sample: bytes,
    page: int,
) -> None:
    deliveries = deliveries_of(event_from(sample), 7)
    for number, part in enumerate((deliveries[:2], deliveries[2:6], deliveries[6:])):
        time.now += 10
        await die(connection, clock, part, number=number)

    found = await ids(letters, DeadLetterFilter(), page=page)

    assert sorted(found) == sorted(delivery.id for delivery in deliveries)
    assert found[0] == deliveries[6].id
    assert set(found[1:5]) == {delivery.id for delivery in deliveries[2:6]}


@pytest.mark.parametrize("newest_first", [True, False])
async def test_a_cursor_outlives_its_own_dead_letter(
    letters: DeadLetters, connection: Connection, clock: Clock, sample: bytes, *, newest_first: bool
) -> None:
    await die(connection, clock, deliveries_of(event_from(sample), 9))
    find = letters.find("mail", DeadLetterFilter(), newest_first=newest_first)
    everything = [letter.delivery.id for letter in (await find(None, 100)).items]
    first = await find(None, 4)

    await letters.discard("mail", first.items)

    rest = await find(first.after, 100)
    assert [letter.delivery.id for letter in rest.items] == everything[4:]


async def test_filters_by_rule_reason_age_and_id(
    letters: DeadLetters, connection: Connection, clock: Clock, time: SetClock, sample: bytes
) -> None:
    old, new = deliveries_of(event_from(sample), 6)[:3], deliveries_of(event_from(sample), 6)[3:]
    await die(connection, clock, old, reason="HTTP 404 Not Found", number=1)
    middle = int(time.now * 1000) + 5000
    time.now += 10
    await die(connection, clock, new, reason="timed out (attempt 16 of 16)", number=2)

    async def found(**wanted: object) -> set[str]:
        return set(await ids(letters, DeadLetterFilter(**wanted), page=2))  # type: ignore[arg-type]

    assert await found(rule="rule-4") == {new[1].id}
    assert await found(reason="TIMED OUT") == {delivery.id for delivery in new}
    assert await found(span=TimeRange(last_ms=middle)) == {delivery.id for delivery in old}
    assert await found(span=TimeRange(first_ms=middle)) == {delivery.id for delivery in new}
    assert await found(ids=(old[0].id, "msg_unknown")) == {old[0].id}


async def test_a_replay_is_a_new_delivery_with_its_history(
    letters: DeadLetters, connection: Connection, clock: Clock, sample: bytes
) -> None:
    attempt = Attempt(number=16, at=1.0, seconds=0.1, reason="HTTP 500", reached=("ann@x",))
    (delivery,) = deliveries_of(event_from(sample), 1)
    died = msgspec.structs.replace(delivery, attempt=16, failed_attempts=(attempt,))
    await die(connection, clock, [died])
    (letter,) = (await letters.find("mail", DeadLetterFilter())(None, 10)).items

    assert await letters.replay("mail", [letter]) == 1

    (again,) = (await Deliveries(connection, clock).begin(SetId("id0001"), "mail")).deliveries
    assert again.id not in {delivery.id, ""}
    assert (again.replay_of, again.replays, again.attempt) == (delivery.id, 1, 1)
    assert again.failed_attempts == (attempt,)
    assert await books(connection) == ledger.DestinationLedger(opened=1, replayed=1)
    assert await connection.redis.zscore(keys.deliver_queue("mail"), "id0001") is not None


@pytest.mark.fault_row(64)
async def test_replayed_twice_at_once_it_is_replayed_once(
    letters: DeadLetters, connection: Connection, clock: Clock, sample: bytes
) -> None:
    """Mutant: a dead letter is replayed whether or not it is there."""
    await die(connection, clock, deliveries_of(event_from(sample), 50))
    found = (await letters.find("mail", DeadLetterFilter())(None, 100)).items

    async with asyncio.TaskGroup() as group:
        replays = [group.create_task(letters.replay("mail", found)) for _ in range(4)]

    assert sorted(task.result() for task in replays) == [0, 0, 0, 50]
    assert (await books(connection)).pending == 50
    assert await connection.redis.zcard(keys.open_sets("mail")) == 1
    assert await letters.replay("mail", found) == 0


async def test_what_is_discarded_is_gone_and_counted(
    letters: DeadLetters, connection: Connection, clock: Clock, sample: bytes
) -> None:
    await die(connection, clock, deliveries_of(event_from(sample), 3))
    found = (await letters.find("mail", DeadLetterFilter())(None, 100)).items

    assert await letters.discard("mail", found[:2]) == 2
    assert await letters.discard("mail", found[:2]) == 0

    assert await books(connection) == ledger.DestinationLedger(opened=3, dead=1, discarded=2)
    assert (await books(connection)).pending == 0
    assert await letters.get("mail", found[0].delivery.id) is None
    assert await letters.get("mail", found[2].delivery.id) == found[2]


async def test_a_sweep_leaves_what_dies_meanwhile(
    letters: DeadLetters, connection: Connection, clock: Clock, time: SetClock, sample: bytes
) -> None:
    await die(connection, clock, deliveries_of(event_from(sample), 150)[:100])
    wanted = DeadLetterFilter(span=pages.clip(TimeRange(), int(time.now * 1000)))
    swept: list[DeadLetter] = []

    async for chunk in pages.iterate(letters.find("mail", wanted, newest_first=False)):
        swept += chunk
        time.now += 1
        await die(connection, clock, deliveries_of(event_from(sample), 150)[100:], number=2)

    assert len(swept) == 100


def test_the_id_of_a_replay_follows_from_the_first_and_differs_each_time(sample: bytes) -> None:
    (delivery,) = deliveries_of(event_from(sample), 1)
    once, twice = replayed(delivery), replayed(replayed(delivery))

    assert once == replayed(delivery)
    assert len({delivery.id, once.id, twice.id}) == 3
    assert twice.replay_of == delivery.id
    assert once.id != delivery_id(delivery.alert.id, delivery.destination)


def test_a_long_history_forgets_attempts_but_nobody_who_was_reached(sample: bytes) -> None:
    (delivery,) = deliveries_of(event_from(sample), 1)
    for number in range(1, HISTORY_LIMIT + 6):
        attempt = Attempt(
            number=number, at=1.0, seconds=0.1, reason="x", reached=(f"{number % 3}@example.com",)
        )
        delivery = after_attempt(delivery, attempt)

    assert len(delivery.failed_attempts) == HISTORY_LIMIT
    assert delivery.failed_attempts[0].number == 6
    assert set(delivery.failed_attempts[0].reached) == {f"{n}@example.com" for n in range(3)}
