"""Lists of ``first_of`` in Redis and in memory: the same rule tells, also in reruns."""

import asyncio

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.chains import START, decide

from router.datatypes import Secret
from router.journal.connection import connect
from router.journal.finish import timer_work
from router.journal.keys import TimerId
from router.journal.rule_state import RuleState
from router.rules.state.chain import Chain
from router.rules.state.count import Count
from router.rules.state.first_of import CheckFirstOf
from router.rules.state.memory_store import MemoryStore
from router.rules.state.ratio import CheckRatio
from router.rules.state.step import Outcome
from router.rules.state.suppress import SILENCED, Suppress

# Of an event: for each of four rules whether it matches, its threshold, and whether it is silenced.
_RULES = st.lists(
    st.tuples(st.booleans(), st.integers(0, 3), st.booleans()), min_size=4, max_size=4
)


def batch_of(events: list[list[tuple[bool, int, bool]]]) -> list[Chain]:
    """The chains of events, as the rules of one list raise them."""
    chains = []
    for number, rules in enumerate(events):
        earlier: list[str] = []
        for rule, (matches, threshold, is_silenced) in enumerate(rules):
            if not matches:
                continue
            alert = f"al_{number}_{rule}"
            place = (f"s{rule}", "k")
            steps = [
                Count(*place, f"e{number}", START + number, 10_000, threshold)
                if threshold < 3
                else CheckRatio(
                    *place, START, 3_000, number % 2 > 0, 1, ("at_least", 0.5, 0.5), True
                ),
                CheckFirstOf(alert, tuple(earlier)),
                *([Suppress(SILENCED)] if is_silenced else []),
            ]
            chains.append(Chain(alert, tuple(steps if threshold else steps[1:])))
            earlier.append(alert)
    return chains


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    batches=st.lists(
        st.tuples(st.lists(_RULES, min_size=1, max_size=4), st.integers(0, 1)),
        min_size=1,
        max_size=4,
    )
)
def test_redis_and_memory_let_the_same_rule_tell(
    redis_url: Secret, batches: list[tuple[list[list[tuple[bool, int, bool]]], int]]
) -> None:
    asyncio.run(compare(redis_url, batches))


async def compare(
    redis_url: Secret, batches: list[tuple[list[list[tuple[bool, int, bool]]], int]]
) -> None:
    connection = connect(redis_url, deadline=5.0, max_connections=4)
    await connection.redis.flushall()
    state, memory = RuleState(connection), MemoryStore()
    try:
        for number, (events, again) in enumerate(batches):
            work = timer_work(TimerId(f"w{max(0, number - again)}"))
            await connection.redis.set(work.record, b"x")
            batch = batch_of(events)
            found = await state.open(work, START).decide(batch)
            expected = decide(memory, work.id, batch, START)
            shown = [(each.outcome, each.reason) for each in found]
            assert shown == [(each.outcome, each.reason) for each in expected]
            # A share that is back would end an alert in a later step.
            told = [
                chain.id.rpartition("_")[0]
                for chain, result in zip(batch, found, strict=True)
                if result.outcome is Outcome.NOTIFY and not isinstance(chain.steps[0], CheckRatio)
            ]
            if not again:
                assert len(told) == len(set(told))
    finally:
        await connection.close()
