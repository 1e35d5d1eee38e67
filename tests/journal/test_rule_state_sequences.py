"""Redis and memory give the same answers to many events that are near each other."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from support.chains import NEARBY, START, decide

from router.datatypes import Secret
from router.journal.connection import connect
from router.journal.finish import timer_work
from router.journal.keys import TimerId
from router.journal.rule_state import RuleState
from router.journal.standing import standing
from router.rules.state.chain import Chain
from router.rules.state.count import BreakRow, CountInARow
from router.rules.state.memory_store import MemoryStore
from router.rules.state.step import Outcome, Step


@pytest.mark.parametrize("kind", NEARBY)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_nearby_events_have_the_same_answers(
    redis_url: Secret, kind: str, data: st.DataObject
) -> None:
    """In any order, in batches of which each is asked again at last."""
    drawn: list[Step] = data.draw(st.lists(NEARBY[kind], min_size=10, max_size=60))
    length = data.draw(st.integers(1, 20))
    all_chains = [
        Chain(f"e{number}", (step,), b"alert %d" % number) for number, step in enumerate(drawn)
    ]
    batches = [all_chains[at : at + length] for at in range(0, len(all_chains), length)]

    async def compare() -> None:
        connection, memory = connect(redis_url, deadline=5.0, max_connections=4), MemoryStore()
        state = RuleState(connection)
        await connection.redis.flushall()
        try:
            for _ in range(2):
                for number, batch in enumerate(batches):
                    work = timer_work(TimerId(f"w{number}"))
                    await connection.redis.set(work.record, b"x")
                    found = await state.open(work, START + number).decide(batch)
                    expected = decide(memory, f"w{number}", batch, START + number)
                    assert [replace(one, number=0) for one in found] == expected
                    steps = [step for chain in batch for step in chain.steps]
                    stands = list(map(memory.standing, steps))
                    assert await standing(connection, steps) == stands
        finally:
            await connection.close()

    asyncio.run(compare())


def test_a_key_with_many_breaks_has_the_same_answers(redis_url: Secret) -> None:
    breaks = [BreakRow("s", "k", "b", f"b{at}", START + at, 60_000) for at in range(101)]
    late = [CountInARow("s", "k", "b", f"e{n}", START + n // 2, 60_000, 2) for n in range(4)]
    batch = [Chain(f"c{number}", (step,)) for number, step in enumerate([*breaks, *late])]

    async def answers() -> list[Outcome]:
        connection = connect(redis_url, deadline=5.0, max_connections=4)
        await connection.redis.flushall()
        work = timer_work(TimerId("w"))
        await connection.redis.set(work.record, b"x")
        try:
            return [
                one.outcome for one in await RuleState(connection).open(work, START).decide(batch)
            ]
        finally:
            await connection.close()

    found = asyncio.run(answers())
    assert found == [one.outcome for one in decide(MemoryStore(), "w", batch, START)]
    assert found[-4:] == [Outcome.COUNTED, Outcome.COUNTED, Outcome.COUNTED, Outcome.NOTIFY]
