"""Whatever happens to the deliveries of a key, each receiver learns it in its order."""

import asyncio
import random
from collections import defaultdict

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st
from support.clock import SetClock
from support.lanes import DESTINATION, KEY, OTHER, Outbox, message, number_of
from support.stored import agree, settle_all

from router.alerts import AlertKey, AlertStatus, Delivery, DeliveryId
from router.datatypes import Secret
from router.journal import keys
from router.journal.acknowledgements import Acknowledgement, Acknowledgements
from router.journal.connection import connect
from router.journal.discard_open import DiscardOpen, OpenFilter
from router.journal.keys import SetId
from router.journal.lanes import release_stalled
from router.journal.open_deliveries import OpenDeliveries
from router.journal.orphaned_deliveries import OrphanedDeliveries
from router.journal.pagination import TimeRange
from router.journal.settlements import Done, GivenUp, Requeued, Settlement

STEPS = (
    "open",
    "open",
    "open late",
    "open many",
    "acknowledge",
    "deliver",
    "deliver",
    "fail",
    "fail",
    "fail together",
    "give up",
    "give up",
    "replay",
    "discard",
    "discard open",
    "spoil",
    "abandon",
    "sweep",
    "reload",
)
"""Each as often as it is likely."""
APART = 10
"""Between two decisions, so that acknowledgements have numbers too."""
MAIL = "mail"
"""A second destination of some alerts, so that they are stored by themselves."""

step = st.tuples(st.sampled_from(STEPS), st.integers(0, 999))
history = st.lists(step, min_size=40, max_size=60)
quick = settings(
    max_examples=20,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class Lived:
    """Workers, a receiver and an operator, with two keys."""

    def __init__(self, outbox: Outbox, time: SetClock) -> None:
        self.outbox = outbox
        self.time = time
        self.told: dict[AlertKey, list[int]] = defaultdict(list)
        self.latest: dict[AlertKey, int] = {}
        self.lost: set[int] = set()
        """The numbers of those that were discarded or could not be read."""
        outbox.sends_digests = False
        self._decided = 0
        self._opened: dict[AlertKey, int] = defaultdict(int)
        self._late: list[tuple[Delivery, int]] = []

    def _decide(self, number: int) -> tuple[Delivery, int]:
        """Return the next message, and its number in the order of decisions.

        Every third one has the id of others: its event has arrived again after the dedup window.
        """
        self._decided += APART
        key = OTHER if number % 3 == 0 else KEY
        status = AlertStatus.RESOLVED if number % 2 else AlertStatus.FIRING
        self.latest[key] = self._decided
        decided = message(self._decided, status, key)
        if number // 6 % 3 == 0:
            decided = msgspec.structs.replace(decided, id=DeliveryId(f"again_{key}_{number % 4}"))
        return decided, self._decided

    async def step(self, name: str, number: int) -> None:
        self.time.now += 1
        match name:
            case "open" | "open many":
                count = 1 + number % 3 if name == "open" else 10 + number % 20
                decided = [self._decide(number + each) for each in range(count)]
                if number % 5 == 0:
                    decided += self._late
                    self._late = []
                await self._open(decided, shared=number % 2 == 0)
            case "open late":  # by a worker that is slow to finish
                self._late.append(self._decide(number))
            case "reload":  # the destination sends digests, or ceases to
                self.outbox.sends_digests = not self.outbox.sends_digests
            case "deliver" | "fail" | "fail together" | "give up":
                await self._settle(name, number)
            case _:
                await self._operate(name, number)

    async def _operate(self, name: str, number: int) -> None:
        match name:
            case "acknowledge":
                await self._acknowledge(KEY if number % 2 else OTHER)
            case "replay":
                letters = await self.outbox.dead_letters()
                random.Random(number).shuffle(letters)  # noqa: S311 - an operator's order
                await self.outbox.letters.replay(DESTINATION, letters[: 1 + number % 30])
            case "discard":
                letters = (await self.outbox.dead_letters())[: 1 + number % 3]
                self.lost |= {number_of(letter.delivery) for letter in letters}
                await self.outbox.letters.discard(DESTINATION, letters)
            case "discard open":
                await self._discard_open(number)
            case "spoil":
                await self._spoil(number)
            case "abandon":
                await self._abandon()
            case "sweep":
                await release_stalled(self.outbox.connection, DESTINATION, self.outbox.clock)
            case _:
                raise AssertionError(name)

    async def _settle(self, name: str, number: int) -> None:
        found = await self.outbox.in_sets()
        chosen = found if name == "fail together" else found[: 1 + number % 4]
        ends = [self._end(name, *each) for each in chosen]
        if number % 2:
            await self.outbox.deliveries.settle(ends)
            return
        for end in ends:
            await self.outbox.deliveries.settle([end])

    def _end(self, name: str, set_id: SetId, delivery: Delivery) -> Settlement:
        if name == "deliver":
            self.told[delivery.alert.key].append(number_of(delivery))
            return Done(set_id, delivery)
        if name == "give up":
            return GivenUp(set_id, delivery, "HTTP 400")
        due_at = self.time.now + 10 * (1 + number_of(delivery) % 3)
        return Requeued(set_id, delivery, due_at, in_digest=self.outbox.sends_digests)

    async def _open(self, decided: list[tuple[Delivery, int]], *, shared: bool = False) -> None:
        numbers = [number for _, number in decided]
        opened = [delivery for delivery, _ in decided]
        for each, number in decided:
            key = each.alert.key
            self._opened[key] = max(self._opened[key], number)
        if shared:
            opened += [msgspec.structs.replace(each, destination=MAIL) for each in opened]
            numbers *= 2
        await self.outbox.open(*opened, numbers=numbers)

    async def _acknowledge(self, key: AlertKey) -> None:
        number = self._opened[key] + 1
        if number > 1:
            told = message(number, AlertStatus.ACKNOWLEDGED, key)
            told = msgspec.structs.replace(told, id=DeliveryId(f"acknowledged_{key}"))
            opened = await Acknowledgements(self.outbox.connection).acknowledge_and_tell(
                key, Acknowledgement("ann", self.time.now), [told], self.outbox.clock
            )
            if opened:
                self._opened[key] = number
                self.latest[key] = max(self.latest[key], number)

    async def _discard_open(self, number: int) -> None:
        """An operator drops some of what waits: all, or what arose in a span; page by page."""
        latest = max([0, *self.latest.values()])
        first = 1_700_000_000.0 + latest - number % 200
        times = TimeRange(
            first_ms=int(first * 1000) if number % 3 else None,
            last_ms=int((first + number % 70) * 1000) if number % 4 else None,
        )
        before = await self._open_numbers()
        operator = DiscardOpen(self.outbox.connection, self.outbox.clock)
        page = None
        while page is None or page.after:
            page = await operator.discard(
                OpenFilter(destination=DESTINATION, times=times),
                "" if page is None else page.after,
                limit=1 + number % 20,
            )
        self.lost |= before - await self._open_numbers()

    async def _open_numbers(self) -> set[int]:
        reader, found, page = OpenDeliveries(self.outbox.connection), set(), None
        while page is None or page.after:
            page = await reader.page(DESTINATION, "" if page is None else page.after, limit=100)
            found |= {number_of(each.delivery) for each in page.items}
        return found

    async def _spoil(self, number: int) -> None:
        """The record of a delivery becomes one that cannot be decoded."""
        found = await self.outbox.in_sets()
        if found:
            set_id, delivery = found[number % len(found)]
            name = keys.delivery_set(set_id)
            record = await self.outbox.connection.redis.hget(name, delivery.id)
            if record is not None:
                self.lost.add(number_of(delivery))
                await self.outbox.connection.redis.hset(name, delivery.id, record[:-1] + b"\xc1")
                await self.outbox.in_sets()

    async def _abandon(self) -> None:
        """The destination is removed for a while."""
        outbox = self.outbox
        orphans = OrphanedDeliveries(outbox.connection, outbox.deliveries, outbox.clock)
        for mark in await orphans.mark_unknown(frozenset({MAIL})):
            await orphans.abandon(mark)
        await orphans.claim([DESTINATION])

    async def end(self) -> None:
        """Deliver all that is left, dead letters included."""
        if self._late:
            await self._open(self._late)
        while True:
            while found := await self.outbox.in_sets():
                for set_id, delivery in found:
                    self.told[delivery.alert.key].append(number_of(delivery))
                    await self.outbox.deliveries.settle([Done(set_id, delivery)])
            letters = await self.outbox.dead_letters()
            if not letters:
                return
            await self.outbox.letters.replay(DESTINATION, letters)


async def _live(redis_url: Secret, steps: list[tuple[str, int]]) -> None:
    connection = connect(redis_url, deadline=5.0, max_connections=4)
    try:
        await connection.redis.flushall()
        time = SetClock()
        lived = Lived(Outbox(connection, time.clock()), time)
        for name, number in steps:
            await lived.step(name, number)
            if lived.latest:
                await agree(connection)
        await lived.end()
        assert await lived.outbox.waiting() == 0
        for key, told in lived.told.items():
            assert told == sorted(told), key
        last = {key: told[-1] for key, told in lived.told.items()}
        known = {key: of for key, of in lived.latest.items() if of not in lived.lost}
        assert {key: last.get(key) for key in known} == known
        await settle_all(connection, lived.outbox.clock, [DESTINATION, MAIL])
        assert await connection.redis.keys("router:alerts:*") == []
    finally:
        await connection.close()


@quick
@given(steps=history)
def test_no_message_follows_a_later_one_of_its_key(
    redis_url: Secret, steps: list[tuple[str, int]]
) -> None:
    """Case D2: random histories."""
    note(steps)
    asyncio.run(_live(redis_url, steps))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@settings(quick, max_examples=400)
@given(steps=st.lists(step, min_size=60, max_size=300))
def test_no_message_does_in_long_histories(redis_url: Secret, steps: list[tuple[str, int]]) -> None:
    note(steps)
    asyncio.run(_live(redis_url, steps))
