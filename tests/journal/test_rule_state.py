"""State in a real Redis: the same answers as in memory, each given once, bounded and mortal."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.chains import START, chains, decide, measured

from router.alerts import AlertKey
from router.datatypes import Secret
from router.journal import keys
from router.journal.acknowledgements import Acknowledgement, Acknowledgements
from router.journal.connection import Connection, connect
from router.journal.finish import timer_work
from router.journal.keys import TimerId
from router.journal.rule_state import RuleState
from router.journal.standing import standing
from router.rules.state.chain import Chain, WorkFinishedError
from router.rules.state.cooldown import COOLDOWN, CheckCooldown
from router.rules.state.count import Count
from router.rules.state.keyed_alert import AlertRecord, find_alert
from router.rules.state.memory_store import MemoryStore
from router.rules.state.resolve import CheckResolved, Resolve
from router.rules.state.step import ChainResult, Outcome


class Journal:
    """State in Redis for a test without fixtures of its own: each run begins with nothing."""

    def __init__(self, url: Secret) -> None:
        self.connection = connect(url, deadline=5.0, max_connections=4)
        self.state = RuleState(self.connection)

    async def begin(self) -> None:
        await self.connection.redis.flushall()

    async def decide(self, work: str, batch: list[Chain], now: int) -> list[ChainResult]:
        open_work = timer_work(TimerId(work))
        await self.connection.redis.set(open_work.record, b"x")
        results = await self.state.open(open_work, now).decide(batch)
        # The store in memory has no numbers.
        return [msgspec.structs.replace(each, number=0) for each in results]


@pytest.fixture
async def journal(redis_url: Secret) -> AsyncIterator[Journal]:
    journal = Journal(redis_url)
    await journal.begin()
    yield journal
    await journal.connection.close()


def counted(event: str, second: float = 0, at_least: int = 3, key: str = "a") -> Chain:
    at = START + int(second * 1000)
    return Chain(f"count {event}", (Count("s", key, event, at, 10_000, at_least),))


def cooled(event: str, second: float = 0, key: str = "a") -> Chain:
    return Chain(event, (CheckCooldown("s", key, START + int(second * 1000), 10_000),))


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    batches=st.lists(
        st.tuples(chains(), st.integers(0, 60), st.integers(0, 3)), min_size=1, max_size=8
    )
)
def test_redis_and_memory_give_the_same_answers(
    redis_url: Secret, batches: list[tuple[list[Chain], int, int]]
) -> None:
    """Whatever is asked, in batches of which some are asked again (a rerun, a second worker)."""
    asyncio.run(compare(redis_url, batches))


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    batches=st.lists(
        st.tuples(measured(), st.integers(0, 6), st.integers(0, 3)), min_size=1, max_size=4
    )
)
def test_redis_and_memory_measure_the_same(
    redis_url: Secret, batches: list[tuple[list[Chain], int, int]]
) -> None:
    """Late events, gaps, and batches that run again."""
    asyncio.run(compare(redis_url, batches))


async def compare(redis_url: Secret, batches: list[tuple[list[Chain], int, int]]) -> None:
    """Decide batches in Redis and in memory; each has its seconds, and which one it repeats."""
    journal, memory = Journal(redis_url), MemoryStore()
    await journal.begin()
    now = START
    try:
        for number, (batch, seconds, again) in enumerate(batches):
            now += 1000 * seconds
            work = f"w{max(0, number - again)}"
            expected = decide(memory, work, batch, now)
            assert await journal.decide(work, batch, now) == expected
            await same_alerts(journal, memory)
            steps = [step for chain in batch for step in chain.steps]
            assert await standing(journal.connection, steps) == list(map(memory.standing, steps))
    finally:
        await journal.connection.close()


async def same_alerts(journal: Journal, memory: MemoryStore) -> None:
    """Compare the records of keyed alerts in Redis and in memory, and when they are looked at."""
    redis, bodies = journal.connection.redis, memory.memory.bodies
    for key in bodies:
        packed, body = await redis.hmget(keys.keyed_alert(key), "record", "alert")
        record = msgspec.msgpack.decode(packed, type=AlertRecord)
        for told in record.told.values():
            told.by = told.by.removeprefix(keys.timer(TimerId("")))
        assert record == find_alert(memory.memory, key)
        assert body == bodies[key]
    looks = {
        name.decode(): int(at)
        for name, at in await redis.zrange(keys.LOOKS, 0, -1, withscores=True)
    }
    if not any(name.startswith("!") for name in looks):  # those are spread when they are due
        assert looks == memory.memory.looks.times
    assert await redis.zcard(keys.KEYED_ALERTS) == len(bodies)


async def test_a_rerun_is_answered_as_the_first_run_and_counts_nothing_again(
    journal: Journal,
) -> None:
    batch = [counted("e1"), counted("e2")]

    first = await journal.decide("w1", batch, START)
    again = await journal.decide("w1", batch, START + 5000)
    other = await journal.decide("w2", [counted("e3")], START)

    assert [answer.outcome for answer in first] == [Outcome.COUNTED] * 2
    assert again == first
    assert [(answer.outcome, answer.count) for answer in other] == [(Outcome.NOTIFY, 3)]


async def test_two_workers_with_the_same_batch_get_the_same_answers(journal: Journal) -> None:
    batch = [cooled(f"e{number}") for number in range(50)]

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(journal.decide("w", batch, START)) for _ in range(4)]

    answers = [task.result() for task in tasks]
    assert all(each == answers[0] for each in answers)
    assert [answer.outcome for answer in answers[0]].count(Outcome.NOTIFY) == 1


async def test_a_finished_batch_decides_nothing_more(journal: Journal) -> None:
    with pytest.raises(WorkFinishedError):
        await journal.state.open(timer_work(TimerId("w")), START).decide([counted("e1")])

    assert await journal.connection.redis.keys("router:state:*") == []


async def test_a_batch_larger_than_one_call_is_decided_whole_and_in_order(
    journal: Journal,
) -> None:
    answers = await journal.decide("w", [cooled(f"e{number}") for number in range(450)], START)
    (following,) = await journal.decide("w2", [cooled("later", 10)], START + 10_000)

    assert answers[0].outcome is Outcome.NOTIFY
    assert {answer.reason for answer in answers[1:]} == {COOLDOWN}
    assert (following.outcome, following.held_back) == (Outcome.NOTIFY, 449)


async def test_keys_of_strangers_are_bounded(redis_url: Secret) -> None:
    journal = Journal(redis_url)
    await journal.begin()
    journal.state = RuleState(journal.connection, keys_limit=3)

    first = await journal.decide("w", [cooled(k, key=k) for k in "abcd"], START)
    after_they_ended = await journal.decide("w2", [cooled("e", key="e")], START + 20_000)

    assert [answer.overflowed for answer in first] == [False, False, False, True]
    assert first[3].outcome is Outcome.NOTIFY  # too many keys: better told than lost
    assert not after_they_ended[0].overflowed
    assert await journal.connection.redis.zcard("router:keys:s") == 1
    await journal.connection.close()


async def test_no_call_drops_many_keys_that_ended(redis_url: Secret) -> None:
    """Mutant: ``touch`` drops all of them at once."""
    journal = Journal(redis_url)
    await journal.begin()
    journal.state = RuleState(journal.connection, keys_limit=1000)
    await journal.connection.redis.zadd(
        "router:keys:s", {f"k{number}": 1 for number in range(1000)}
    )

    (answer,) = await journal.decide("w", [cooled("e", key="e")], START)

    assert not answer.overflowed
    assert await journal.connection.redis.zcard("router:keys:s") == 901
    await journal.connection.close()


async def test_a_late_event_in_a_large_window_reads_little_of_it(journal: Journal) -> None:
    """Mutant: all events that may be in a window with it are read, 3 ms for each late event."""
    at_least, within, near = 10_000, 60_000, 9_990
    times = {f"old{number}": START + within * number // near for number in range(at_least + 50)}
    newest = max(times.values())
    redis = journal.connection.redis
    await redis.zadd("router:state:s:a", times)
    await redis.zadd("router:keys:s", {"a": newest + 1_000_000})
    late = [
        Chain(f"e{number}", (Count("s", "a", f"e{number}", newest - 600, within, at_least),))
        for number in range(8)
    ]
    await redis.config_resetstat()

    answers = await journal.decide("w", late, newest)

    assert {answer.outcome for answer in answers} == {Outcome.COUNTED}
    assert (await redis.info("commandstats"))["cmdstat_zrange"]["usec_per_call"] < 500


async def test_of_too_many_endings_the_oldest_are_forgotten(redis_url: Secret) -> None:
    def ended(key: str) -> Chain:
        steps = (Resolve("s", key, START, "s1", 0, key, (), 60_000, 0, ("s", key)),)
        return Chain(f"up {key}", steps)

    def late(key: str) -> Chain:
        return Chain(f"down {key}", (CheckResolved("s", key, START - 1, "s1", 0),))

    journal, memory = Journal(redis_url), MemoryStore(keys_limit=20)
    await journal.begin()
    journal.state = RuleState(journal.connection, keys_limit=20)
    names = [f"{number:02}" for number in range(50)]
    outcomes = []
    for second, batch in (
        (0, [ended(key) for key in names[:19]]),
        (1, [ended(key) for key in names[18:30]]),
        (1, [late(key) for key in names]),
        (60, [ended(names[0]), *(late(key) for key in names)]),
        (61, [ended(key) for key in names[30:]]),
    ):
        now = START + 1000 * second
        answers = await journal.decide(f"w{second}{len(batch)}", batch, now)
        assert answers == decide(memory, f"w{second}{len(batch)}", batch, now)
        outcomes.append([answer.outcome for answer in answers].count(Outcome.SUPPRESSED))

    assert outcomes == [0, 0, 20, 13, 0]
    assert await journal.connection.redis.zcard("router:keys:s:over") == 20
    assert await journal.connection.redis.hlen("router:state:s:over") == 20
    assert 0 < await journal.connection.redis.pttl("router:state:s:over") <= 60_000
    await journal.connection.close()


async def test_all_that_is_remembered_is_forgotten_some_day(journal: Journal) -> None:
    await journal.decide("w", [counted("e1"), cooled("e2", key="b")], START)

    kept = await journal.connection.redis.keys("router:*")
    lifetimes = {name: await journal.connection.redis.pttl(name) for name in kept}
    del lifetimes[keys.timer(TimerId("w")).encode()], lifetimes[keys.chain_results("w").encode()]
    del lifetimes[keys.LATEST_NUMBER.encode()]
    assert len(lifetimes) == 3
    assert all(0 < lifetime <= 30_000 for lifetime in lifetimes.values())


@pytest.mark.parametrize("moved_ms", [0, 5000, -3_600_000])
async def test_chains_have_numbers_in_the_order_in_which_they_were_decided(
    journal: Journal, moved_ms: int
) -> None:
    """Case D2: whatever the clocks of the workers show, and whichever batch is finished first."""

    async def numbers(work: str, batch: list[Chain], now: int) -> list[int]:
        await journal.connection.redis.set(keys.timer(TimerId(work)), b"")
        store = journal.state.open(timer_work(TimerId(work)), now)
        return [each.number for each in await store.decide(batch)]

    first = await numbers("w1", [cooled("a", key="a"), cooled("b", key="b")], START)
    second = await numbers("w2", [cooled("c", key="a")], START + moved_ms)
    again = await numbers("w1", [cooled("a", key="a"), cooled("b", key="b")], START + moved_ms)

    assert [*first, *second] == sorted({*first, *second})
    assert again == first


async def test_an_acknowledgement_is_found_again(connection: Connection) -> None:
    acknowledgements = Acknowledgements(connection)
    key = AlertKey("ak_1")

    assert await acknowledgements.acknowledged(key) is None
    await acknowledgements.acknowledge(key, "ann", 1_700_000_000.5)
    await acknowledgements.acknowledge(key, "bob", 1_700_000_001.0)

    assert await acknowledgements.acknowledged(key) == Acknowledgement("bob", 1_700_000_001.0)
    assert await connection.redis.ttl(keys.acknowledgement(key)) > 0


async def test_an_event_from_before_1970_is_ordered_too(journal: Journal) -> None:
    memory = MemoryStore()
    older = ("resolve", "a")
    end = Resolve("over", "a", -5_000, "s", 0, "k", (), 60_000, 0, older)
    batches = [
        [Chain("1", (end,))],
        [Chain(f"late {at}", (CheckResolved("over", "a", at, "s", 0),)) for at in (-9_000, -1_000)],
    ]

    for number, batch in enumerate(batches):
        expected = decide(memory, f"w{number}", batch, START)
        assert await journal.decide(f"w{number}", batch, START) == expected

    assert [each.outcome for each in expected] == [Outcome.SUPPRESSED, Outcome.NOTIFY]
