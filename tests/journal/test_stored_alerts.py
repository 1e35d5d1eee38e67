"""An alert with several deliveries is stored once, and as long as one of them may be sent."""

from collections.abc import Awaitable, Callable, Sequence

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.events import deliveries_of, event_from
from support.stored import references_counted, references_found, settle_all

from router.alerts import Attempt, Delivery, DeliveryId, after_attempt
from router.clock import Clock
from router.errors import NewerRecordError
from router.events.model import Received
from router.journal import keys, ledger
from router.journal.batches import Batches
from router.journal.connection import Connection
from router.journal.dead_letters import DeadLetterFilter, DeadLetters
from router.journal.deliveries import Deliveries
from router.journal.finish import FinishedWork
from router.journal.keys import BatchId, SetId
from router.journal.orphaned_deliveries import OrphanedDeliveries
from router.journal.quarantine import Quarantine, QuarantineFilter
from router.journal.records import RecordReader, version_of_array
from router.journal.settlements import DeadLetter, Done, GivenUp, Requeued, Settlement
from router.journal.stored_alerts import decode_delivery

NAMES = ("a", "b", "c")
TRIED = Attempt(number=1, at=1.0, seconds=0.1, reason="HTTP 500", status=500, response="no")


class Store:
    """The journal as a worker and an operator use it."""

    def __init__(self, connection: Connection, clock: Clock, sample: bytes) -> None:
        self.connection = connection
        self.sample = sample
        self.batches = Batches(connection, clock)
        self.deliveries = Deliveries(connection, clock)
        self.letters = DeadLetters(connection, clock)
        self.quarantine = Quarantine(connection, clock)
        self.orphans = OrphanedDeliveries(connection, self.deliveries, clock)
        self.read: dict[str, list[tuple[SetId, Delivery]]] = {}
        """Deliveries that a worker has read, by destination. What is stored may have changed."""
        self.listed: dict[str, list[DeadLetter]] = {}
        """Dead letters that an operator has listed, likewise."""

    async def open(self, *names: str, events: int = 1, size: int = 10) -> None:
        """Open a delivery to each destination of the alerts of several events."""
        some = [event_from(self.sample, id=f"NO{n}", text="x" * size) for n in range(events)]
        known = set(await self.connection.redis.zrange(keys.BATCHES, 0, -1))
        await self.batches.accept([Received(some, [])])
        (name,) = set(await self.connection.redis.zrange(keys.BATCHES, 0, -1)) - known
        opened = []
        for event in some:
            (one,) = deliveries_of(event, 1, names[0])
            opened += [
                msgspec.structs.replace(
                    one, destination=name, id=DeliveryId(f"msg_{event.id}_{name}")
                )
                for name in names
            ]
        verdict = FinishedWork(matched=events, deliveries=tuple(opened))
        await self.batches.finish(BatchId(name.decode()), verdict)

    async def pending(self, name: str) -> list[tuple[SetId, Delivery]]:
        found = []
        for set_id in await self.connection.redis.zrange(keys.open_sets(name), 0, -1):
            page = await self.deliveries.begin(SetId(set_id.decode()), name)
            found += [(SetId(set_id.decode()), each) for each in page.deliveries]
        return found

    async def check(self) -> None:
        """Compare the references that the store counts with the records that refer."""
        assert await references_counted(self.connection) == await references_found(self.connection)

    async def stored(self) -> dict[str, int]:
        return await references_counted(self.connection)


@pytest.fixture
def store(connection: Connection, clock: Clock, sample: bytes) -> Store:
    return Store(connection, clock, sample)


async def test_an_alert_of_one_delivery_is_part_of_it(store: Store) -> None:
    await store.open("a")

    assert await store.stored() == {}
    assert len(await store.pending("a")) == 1


async def test_an_alert_is_stored_until_its_last_delivery_is_made(store: Store) -> None:
    """Mutants: ``mark_delivered`` counts down although it deleted nothing; it never deletes."""
    await store.open(*NAMES)
    assert list((await store.stored()).values()) == [3]
    found = {name: (await store.pending(name))[0] for name in NAMES}
    assert len({repr(each.alert) for _, each in found.values()}) == 1

    for name, left in (("a", [2]), ("b", [1]), ("b", [1]), ("c", [])):
        set_id, delivery = found[name]
        await store.deliveries.settle([Done(set_id, delivery)])
        assert list((await store.stored()).values()) == left
    assert await store.connection.redis.keys("router:alerts:*") == []


class History:
    """What can become of the deliveries of one destination."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._name = name

    async def open_again(self) -> None:
        """The event arrives after the dedup window: its deliveries have the same ids."""
        await self._store.open(*NAMES, events=1)

    async def open_for_one(self) -> None:
        """The same, by rules in which this is its only destination."""
        await self._store.open(self._name)

    async def read(self) -> None:
        self._store.read[self._name] = await self._store.pending(self._name)

    async def list(self) -> None:
        found = await self._store.letters.find(self._name, DeadLetterFilter())(None, 2)
        self._store.listed[self._name] = [*found.items]

    async def _settle(self, end: Callable[[SetId, Delivery], Settlement], times: int = 1) -> None:
        """Settle what was read earlier, or what is stored."""
        found = self._store.read.pop(self._name, None) or await self._store.pending(self._name)
        for _ in range(times):
            await self._store.deliveries.settle([end(*each) for each in found[:1] * times])

    async def deliver(self) -> None:
        await self._settle(Done)

    async def deliver_twice(self) -> None:
        await self._settle(Done, 2)

    async def retry(self) -> None:
        await self._settle(lambda of, each: Requeued(of, after_attempt(each, TRIED), due_at=1.0))

    async def wait_for_digest(self) -> None:
        await self._settle(lambda of, each: Requeued(of, each, due_at=9e9, in_digest=True))

    async def give_up(self) -> None:
        await self._settle(lambda of, each: GivenUp(of, after_attempt(each, TRIED), "HTTP 500"), 2)

    async def remove(self) -> None:
        """The destination is removed from the rules, and returns."""
        for mark in await self._store.orphans.mark_unknown(frozenset(NAMES) - {self._name}):
            await self._store.orphans.abandon(mark)
        await self._store.orphans.claim(NAMES)

    async def spoil(self) -> None:
        """The end of a record is damaged, and its set is begun."""
        for set_id, each in (await self._store.pending(self._name))[:1]:
            key = keys.delivery_set(set_id)
            record = await self._store.connection.redis.hget(key, each.id)
            await self._store.connection.redis.hset(key, each.id, record[:-1] + b"\xc1")
            await self._store.deliveries.begin(set_id, self._name)

    async def kill(self) -> None:
        """Reading a delivery ends processes."""
        for set_id, each in (await self._store.pending(self._name))[:1]:
            await self._store.deliveries.quarantine_unread(set_id, self._name, each.id, "poison")

    async def replay(self) -> None:
        for letter in await self._letters():
            await self._store.letters.replay(self._name, [letter])

    async def discard(self) -> None:
        for letter in await self._letters():
            for _ in range(2):
                await self._store.letters.discard(self._name, [letter])

    async def discard_quarantined(self) -> None:
        found = await self._store.quarantine.find(QuarantineFilter())(None, 1)
        await self._store.quarantine.replay(found.items)
        await self._store.quarantine.discard(found.items)

    async def _letters(self) -> "list[DeadLetter]":
        if listed := self._store.listed.pop(self._name, None):
            return listed
        found = await self._store.letters.find(self._name, DeadLetterFilter())(None, 1)
        return [*found.items]


OPERATIONS = (
    History.open_again,
    History.open_again,
    History.open_for_one,
    History.read,
    History.list,
    History.deliver,
    History.deliver_twice,
    History.retry,
    History.wait_for_digest,
    History.wait_for_digest,
    History.give_up,
    History.give_up,
    History.remove,
    History.spoil,
    History.kill,
    History.replay,
    History.discard,
    History.discard_quarantined,
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(OPERATIONS), st.sampled_from(NAMES[:2])), min_size=5, max_size=25
    )
)
async def test_references_are_as_many_as_records_whatever_becomes_of_them(
    connection: Connection,
    clock: Clock,
    sample: bytes,
    steps: list[tuple[Callable[[History], Awaitable[None]], str]],
) -> None:
    """Random histories.

    Mutants: ``end_reference`` is not called by ``put``, by ``finish`` or by ``discard``; it never
    deletes; ``finish`` does not mark that a filling set contains references.
    """
    await connection.redis.flushall()
    store = Store(connection, clock, sample)
    await store.open(*NAMES, events=2)
    for operation, name in steps:
        await operation(History(store, name))
        await store.check()
    await settle_all(connection, clock, NAMES)
    assert await connection.redis.keys("router:alerts:*") == []
    counters = await ledger.read(connection)
    assert all(each.pending == each.dead == 0 for each in counters.destinations.values())


async def test_what_was_read_of_a_digest_may_be_superseded_before_it_is_settled(
    store: Store,
) -> None:
    """Mutant: no ``reference_in`` in ``retry`` and ``dead_letter``; the delivery loses its alert."""
    history = History(store, "a")
    await store.open("a", "b")
    await history.wait_for_digest()
    ((set_id, read),) = await store.pending("a")
    for set_of, each in await store.pending("b"):
        await store.deliveries.settle([Done(set_of, each)])
    await store.open("a", "b")
    (found,) = [each for each in await store.pending("a") if each[0] != set_id]
    await store.deliveries.settle([Requeued(*found, due_at=9e9, in_digest=True)])

    await store.deliveries.settle([Requeued(set_id, read, due_at=1.0)])
    await store.deliveries.settle([GivenUp(set_id, read, "HTTP 500")])

    ((still, again),) = await store.pending("a")
    assert (still, again.id) == (set_id, read.id)
    await store.check()


async def test_a_delivery_with_its_alert_may_be_superseded_by_one_that_refers_to_it(
    store: Store,
) -> None:
    """Mutant: ``_delivered`` looks for references only where it has read one."""
    await store.open("a")
    await History(store, "a").wait_for_digest()
    ((set_id, read),) = await store.pending("a")
    await store.open("a", "b")
    (found,) = [each for each in await store.pending("a") if each[0] != set_id]
    await store.deliveries.settle([Requeued(*found, due_at=9e9, in_digest=True)])

    await store.deliveries.settle([Done(set_id, read)])

    assert list((await store.stored()).values()) == [1]
    await store.check()


async def test_a_dead_letter_that_was_superseded_since_it_was_listed_is_not_replayed(
    store: Store,
) -> None:
    """Mutant: no ``reference_in`` in ``replay``; the replayed delivery has no alert."""
    history = History(store, "a")
    for _ in range(2):
        await store.open("a", "b")
        for set_id, each in await store.pending("b"):
            await store.deliveries.settle([Done(set_id, each)])
        await history.give_up()
        if not store.listed:
            await history.list()

    assert await store.letters.replay("a", store.listed["a"]) == 0

    await history.list()
    assert await store.letters.replay("a", store.listed["a"]) == 1
    assert len(await store.pending("a")) == 1
    await store.check()


async def test_an_alert_that_ends_while_a_page_is_read_leaves_its_successor_in_the_set(
    store: Store,
) -> None:
    """Mutant: ``quarantine_unread`` ignores ``only``; the successor goes to quarantine."""
    await store.open("a", "b")
    await History(store, "a").wait_for_digest()
    ((set_id, _),) = await store.pending("a")
    key = keys.delivery_set(set_id)
    ((field, successor),) = (await store.connection.redis.hgetall(key)).items()
    await store.connection.redis.hset(key, field, successor.replace(b".0.", b".7.", 1))
    restore = store.deliveries._alerts.restore

    async def superseded_meanwhile(records: Sequence[Delivery]) -> list[Delivery]:
        await store.connection.redis.hset(key, field, successor)
        return await restore(records)

    store.deliveries._alerts.restore = superseded_meanwhile

    assert (await store.deliveries.begin(set_id, "a")).deliveries == []

    store.deliveries._alerts.restore = restore
    assert [each.id.encode() for _, each in await store.pending("a")] == [field]
    await store.check()


async def test_a_delivery_in_quarantine_refers_to_its_alert_until_it_is_replaced_or_discarded(
    store: Store,
) -> None:
    """Mutants: ``quarantine_unread`` uses ``write`` for ``put``, or writes no reference."""
    history = History(store, "a")
    for _ in range(2):
        await store.open("a", "b")
        for set_id, each in await store.pending("b"):
            await store.deliveries.settle([Done(set_id, each)])
        await history.kill()
        assert list((await store.stored()).values()) == [1]
        await store.check()

    await history.discard_quarantined()

    assert await store.stored() == {}


async def test_two_deliveries_of_one_id_in_one_transaction_are_one(store: Store) -> None:
    """Mutant: ``finish`` looks only at what the set contained before."""
    await store.open("a", "b", "b")

    assert list((await store.stored()).values()) == [2]
    await store.check()


async def test_a_count_of_references_that_is_none_stops_nothing(store: Store) -> None:
    """Mutant: ``end_reference`` raises; the delivery is sent again and again."""
    await store.open("a", "b")
    (key,) = await store.connection.redis.keys("router:alerts:*")
    await store.connection.redis.hset(key, "0#", "none")
    ((set_id, delivery),) = await store.pending("a")

    await store.deliveries.settle([Done(set_id, delivery)])

    assert await store.pending("a") == []
    assert len(await store.pending("b")) == 1


async def test_a_delivery_that_is_superseded_refers_to_its_alert_no_longer(store: Store) -> None:
    """Mutants: ``end_reference`` is not called in ``finish``, or in ``put``.

    Each event that was accepted again would leave an alert in Redis for ever.
    """
    histories = [History(store, name) for name in ("a", "b")]

    for _ in range(3):
        await store.open("a", "b")  # in the filling set
        await store.open("a", "b")
        await store.check()
        for each in histories:
            await each.give_up()
        await store.check()

    for each in histories:
        await each.discard()
    assert await store.stored() == {}


async def test_a_delivery_whose_alert_is_gone_is_set_aside_and_its_neighbours_are_made(
    store: Store, clock: Clock
) -> None:
    await store.open("a", "b", events=2)
    (key,) = await store.connection.redis.keys("router:alerts:*")
    await store.connection.redis.hdel(key, "0")

    (kept,) = await store.pending("a")

    assert kept[1].alert.event_id == "NO1"
    quarantine = Quarantine(store.connection, clock)
    (item,) = (await quarantine.find(QuarantineFilter())(None, 9)).items
    assert "whose alert is gone" in item.record.reason


async def test_an_older_worker_leaves_such_a_delivery_to_a_newer_one(store: Store) -> None:
    """The reader is that of the versions before."""
    older = RecordReader(
        "delivery", msgspec.msgpack.Decoder(Delivery).decode, version=version_of_array
    )
    await store.open("a", "b")
    key, *_ = await store.connection.redis.keys("router:set:*")
    (record,) = (await store.connection.redis.hgetall(key)).values()

    with pytest.raises(NewerRecordError, match="delivery of version 200"):
        older.read(record)
    assert not isinstance(decode_delivery(record), Delivery)


async def test_a_page_ends_where_its_alerts_are_too_large(store: Store) -> None:
    """Mutant: the size of the alerts is not counted; one page loads 10 MB."""
    await store.open("a", "b", events=5, size=2_000_000)
    for set_id, each in await store.pending("a"):
        requeued = Requeued(set_id, each, due_at=1.0, in_digest=True)
        await store.deliveries.settle([requeued])
    (name,) = await store.connection.redis.zrange(keys.open_sets("a"), 0, -1)
    set_id = SetId(name.decode())
    page = await store.deliveries.begin(set_id, "a")
    sizes = []

    while page.deliveries:
        sizes.append(len(page.deliveries))
        await store.deliveries.settle([Done(set_id, each) for each in page.deliveries])
        page = await store.deliveries.begin(set_id, "a", after=page.after or "0")

    assert sizes == [2, 2, 1]
