"""An alert with several deliveries is stored once, and as long as one of them may be sent."""

from collections import Counter
from collections.abc import Awaitable, Callable

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.events import deliveries_of, event_from

from router.alerts import Attempt, Delivery, DeliveryId, after_attempt
from router.clock import Clock
from router.errors import NewerRecordError
from router.events.model import Received
from router.journal import keys, ledger
from router.journal.batches import Batches
from router.journal.connection import Connection
from router.journal.dead_letters import DeadLetterFilter, DeadLetters
from router.journal.deliveries import DeadLetter, Deliveries, Done, GivenUp, Requeued
from router.journal.finish import FinishedWork
from router.journal.keys import BatchId, SetId
from router.journal.quarantine import Quarantine, QuarantineFilter
from router.journal.records import RecordReader, version_of_array
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

    async def stored(self) -> dict[str, int]:
        """Return the number of references of each stored alert, as the store counts them."""
        found = {}
        for key in await self.connection.redis.keys("router:alerts:*"):
            for field, value in (await self.connection.redis.hgetall(key)).items():
                if field.endswith(b"#"):
                    found[f"{key.decode()}/{field.decode()[:-1]}"] = int(value)
        return found

    async def referring(self) -> dict[str, int]:
        """Return the same, as the deliveries and dead letters refer to them."""
        found: Counter[str] = Counter()
        redis = self.connection.redis
        records: list[bytes] = []
        for key in await redis.keys("router:set:*"):
            records += (await redis.hgetall(key)).values()
        places = [msgspec.msgpack.decode(record)[2] for record in records]
        for key in await redis.keys("router:dead:*"):
            letters = (await redis.hgetall(key)).values()
            places += [msgspec.msgpack.decode(letter)["delivery"][2] for letter in letters]
        for place in places:
            if isinstance(place, str):
                name, number, _ = place.split(".")
                found[f"{keys.stored_alerts(name)}/{number}"] += 1
        return dict(found)


@pytest.fixture
def store(connection: Connection, clock: Clock, sample: bytes) -> Store:
    return Store(connection, clock, sample)


async def test_an_alert_of_one_delivery_is_part_of_it(store: Store) -> None:
    await store.open("a")

    assert await store.stored() == {}
    assert len(await store.pending("a")) == 1


async def test_an_alert_is_stored_until_its_last_delivery_is_made(store: Store) -> None:
    """Mutants: ``end_reference`` counts down although ``HDEL`` deleted nothing; it never deletes."""
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

    async def deliver(self, times: int = 1) -> None:
        done = [Done(*each) for each in (await self._store.pending(self._name))[:1]]
        for _ in range(times):
            await self._store.deliveries.settle([*done])

    async def deliver_twice(self) -> None:
        await self.deliver(2)

    async def retry(self) -> None:
        for set_id, each in (await self._store.pending(self._name))[:1]:
            requeued = Requeued(set_id, after_attempt(each, TRIED), due_at=1.0)
            await self._store.deliveries.settle([requeued])

    async def give_up(self) -> None:
        for set_id, each in (await self._store.pending(self._name))[:1]:
            given_up = GivenUp(set_id, after_attempt(each, TRIED), "HTTP 500")
            await self._store.deliveries.settle([given_up, given_up])

    async def replay(self) -> None:
        for letters in await self._letters():
            await self._store.letters.replay(self._name, [letters])

    async def discard(self) -> None:
        for letter in await self._letters():
            for _ in range(2):
                await self._store.letters.discard(self._name, [letter])

    async def _letters(self) -> list[DeadLetter]:
        found = await self._store.letters.find(self._name, DeadLetterFilter())(None, 1)
        return list(found.items)


OPERATIONS = (
    History.deliver,
    History.deliver_twice,
    History.retry,
    History.give_up,
    History.replay,
    History.discard,
)
TO_THE_END = [(History.deliver, name) for name in NAMES * 2] + [
    (operation, name) for _ in range(2) for operation in (History.discard,) for name in NAMES
]


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.sampled_from(OPERATIONS), st.sampled_from(NAMES)), max_size=20))
async def test_references_are_as_many_as_deliveries_whatever_becomes_of_them(
    connection: Connection,
    clock: Clock,
    sample: bytes,
    steps: list[tuple[Callable[[History], Awaitable[None]], str]],
) -> None:
    """Mutants: ``discard`` without references; ``retry`` encodes the whole alert."""
    await connection.redis.flushall()
    store = Store(connection, clock, sample)
    await store.open(*NAMES, events=2)
    for operation, name in [*steps, *TO_THE_END]:
        await operation(History(store, name))
        assert await store.stored() == await store.referring()
    assert await store.stored() == {}
    counters = await ledger.read(connection)
    assert all(each.pending == each.dead == 0 for each in counters.destinations.values())


async def test_a_delivery_that_is_superseded_refers_to_its_alert_no_longer(store: Store) -> None:
    """Mutants: ``end_reference_of`` is not called in ``finish``, or in ``dead_letter``.

    Each event that was accepted again would leave an alert in Redis for ever.
    """
    histories = [History(store, name) for name in ("a", "b")]

    for _ in range(3):
        await store.open("a", "b")  # in the filling set
        await store.open("a", "b")
        assert await store.stored() == await store.referring()
        for each in histories:
            await each.give_up()
        assert await store.stored() == await store.referring()

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
