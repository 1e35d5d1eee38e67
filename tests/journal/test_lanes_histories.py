"""Whatever happens to the deliveries of a key, each receiver learns it in its order."""

import asyncio
import random
from collections import defaultdict

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st
from support.clock import SetClock
from support.lanes import DESTINATION, KEY, OTHER, Outbox, message, number_of
from support.stored import agree

from router.alerts import AlertKey, AlertStatus, Delivery
from router.datatypes import Secret
from router.journal.connection import connect
from router.journal.keys import SetId
from router.journal.settlements import Done, GivenUp, Requeued, Settlement

STEPS = ("open", "open", "open late", "deliver", "fail", "fail together", "give up", "replay")
history = st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 999)), max_size=60)
quick = settings(
    max_examples=40,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class Lived:
    """Workers, a receiver and an operator, with two keys."""

    def __init__(self, outbox: Outbox, time: SetClock, *, is_digest: bool) -> None:
        self.outbox = outbox
        self._is_digest = is_digest
        self.time = time
        self.told: dict[AlertKey, list[int]] = defaultdict(list)
        self.latest: dict[AlertKey, int] = {}
        self._decided = 0
        self._late: list[tuple[Delivery, int]] = []

    def _decide(self, number: int) -> tuple[Delivery, int]:
        """Return the next message, and its number in the order of decisions."""
        self._decided += 1
        key = OTHER if number % 3 == 0 else KEY
        status = AlertStatus.RESOLVED if number % 2 else AlertStatus.FIRING
        self.latest[key] = self._decided
        return message(self._decided, status, key), self._decided

    async def step(self, name: str, number: int) -> None:
        self.time.now += 1
        match name:
            case "open":
                decided = [self._decide(number + each) for each in range(1 + number % 3)]
                if number % 5 == 0:
                    decided += self._late
                    self._late = []
                await self._open(decided)
            case "open late":  # by a worker that is slow to finish
                self._late.append(self._decide(number))
            case "replay":
                letters = await self.outbox.dead_letters()
                random.Random(number).shuffle(letters)  # noqa: S311 - an operator's order
                await self.outbox.letters.replay(DESTINATION, letters[: 1 + number % 30])
            case _:
                found = await self.outbox.in_sets()
                chosen = found if name == "fail together" else found[: 1 + number % 4]
                ends = [self._end(name, *each) for each in chosen]
                await self.outbox.deliveries.settle(ends)

    def _end(self, name: str, set_id: SetId, delivery: Delivery) -> Settlement:
        if name == "deliver":
            self.told[delivery.alert.key].append(number_of(delivery))
            return Done(set_id, delivery)
        if name == "give up":
            return GivenUp(set_id, delivery, "HTTP 400")
        due_at = self.time.now + 10 * (1 + number_of(delivery) % 3)
        return Requeued(set_id, delivery, due_at, in_digest=self._is_digest)

    async def _open(self, decided: list[tuple[Delivery, int]]) -> None:
        numbers = [number for _, number in decided]
        await self.outbox.open(*(delivery for delivery, _ in decided), numbers=numbers)

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


async def _live(redis_url: Secret, steps: list[tuple[str, int]], *, is_digest: bool) -> None:
    connection = connect(redis_url, deadline=5.0, max_connections=4)
    try:
        await connection.redis.flushall()
        time = SetClock()
        lived = Lived(Outbox(connection, time.clock()), time, is_digest=is_digest)
        for name, number in steps:
            await lived.step(name, number)
            if lived.latest:
                await agree(connection)
        await lived.end()
        for key, told in lived.told.items():
            assert told == sorted(told), key
        assert {key: told[-1] for key, told in lived.told.items()} == lived.latest
        assert await lived.outbox.waiting() == 0
    finally:
        await connection.close()


@pytest.mark.timeout(60)
@quick
@given(steps=history, is_digest=st.booleans())
def test_no_message_follows_a_later_one_of_its_key(
    redis_url: Secret,
    steps: list[tuple[str, int]],
    is_digest: bool,  # noqa: FBT001 - drawn
) -> None:
    """Case D2: random histories."""
    note(steps)
    asyncio.run(_live(redis_url, steps, is_digest=is_digest))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@settings(quick, max_examples=1000)
@given(
    steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 999)), max_size=300),
    is_digest=st.booleans(),
)
def test_no_message_does_in_long_histories(
    redis_url: Secret,
    steps: list[tuple[str, int]],
    is_digest: bool,  # noqa: FBT001 - drawn
) -> None:
    note(steps)
    asyncio.run(_live(redis_url, steps, is_digest=is_digest))
