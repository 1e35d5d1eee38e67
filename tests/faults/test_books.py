"""The books and the store agree, whatever arrives again, fails, is replayed or given up."""

import asyncio

import pytest
from hypothesis import HealthCheck, Phase, given, note, seed, settings
from hypothesis import strategies as st
from support.histories import PLACES, STEPS, History, Step
from support.stored import agree, settle_all

from router.datatypes import Secret
from router.journal.connection import connect

history = st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 200)), min_size=40, max_size=80)
quick = settings(
    max_examples=25,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


async def _live(redis_url: Secret, steps: list[tuple[Step, int]]) -> None:
    connection = connect(redis_url, deadline=5.0, max_connections=4)
    try:
        await connection.redis.flushall()
        lived = History(connection)
        for step, number in steps:
            await step(lived, number)
            await agree(connection)
        await settle_all(connection, lived.world.clock, PLACES)
        assert await connection.redis.keys("router:alerts:*") == []
    finally:
        await connection.close()


@quick
@given(steps=history)
def test_the_books_are_those_of_the_store_at_every_quiet_moment(
    redis_url: Secret, steps: list[tuple[Step, int]]
) -> None:
    """Random histories.

    Fails if finish, retry, dead_letter or abandon counts what it replaces, or leaves its reference.
    """
    note([(step.__name__, number) for step, number in steps])
    asyncio.run(_live(redis_url, steps))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@seed(11)
@settings(quick, max_examples=1500)
@given(steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 200)), max_size=200))
def test_they_are_after_long_histories(redis_url: Secret, steps: list[tuple[Step, int]]) -> None:
    note([(step.__name__, number) for step, number in steps])
    asyncio.run(_live(redis_url, steps))
