"""Counts over time: what is added is read in each resolution, as long as it reaches back."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.clock import SetClock

from router.clock import Clock
from router.journal.connection import Connection
from router.journal.series import Additions, Resolution, Series, series_key, writer_key

NAME = "rule_matches/quality"


@pytest.fixture
def series(connection: Connection, clock: Clock) -> Series:
    return Series(connection, clock)


async def test_what_processes_add_is_summed_by_bucket(series: Series, time: SetClock) -> None:
    """Mutants: the slot of the bucket before; no clearing of the buckets between."""
    await series.add("one", [Additions(1, {NAME: 3, "other": 1})])
    await series.add("two", [Additions(1, {NAME: 4})])
    time.now += 20
    await series.add("one", [Additions(2, {NAME: 5})])

    shown = await series.read([NAME, "other", "unknown"], Resolution.TEN_SECONDS, 4)
    assert shown == {NAME: [0, 7, 0, 5], "other": [0, 1, 0, 0], "unknown": [0, 0, 0, 0]}
    assert (await series.read([NAME], Resolution.HOUR, 1))[NAME] == [12]
    assert await series.last_added([NAME, "other", "unknown"]) == {
        NAME: time.now,
        "other": time.now - 20,
    }


async def test_a_difference_is_added_once(series: Series) -> None:
    """Mutant: without the number of the writer's last addition."""
    first, second = Additions(1, {NAME: 1}), Additions(2, {NAME: 1})
    for written in ([first], [first, second], [second]):
        await series.add("one", written)

    assert (await series.read([NAME], Resolution.MINUTE, 1))[NAME] == [2]


async def test_a_series_expires_when_it_reaches_back_no_further(
    series: Series, connection: Connection
) -> None:
    await series.add("one", [Additions(1, {NAME: 1})])

    lasts = [await connection.redis.ttl(series_key(each.value, NAME)) for each in Resolution]
    assert lasts == [910, 181 * 60, 193 * 3600]
    assert await connection.redis.ttl(writer_key("one")) == 900


async def test_a_key_of_another_type_begins_again(series: Series, connection: Connection) -> None:
    """Read as zeros; written to, it is replaced."""
    key = series_key(Resolution.MINUTE.value, NAME)
    await connection.redis.lpush(key, "x")
    assert (await series.read([NAME], Resolution.MINUTE, 1))[NAME] == [0]

    await series.add("one", [Additions(1, {NAME: 1})])

    assert (await series.read([NAME], Resolution.MINUTE, 1))[NAME] == [1]


async def test_more_names_than_one_command_reads(series: Series) -> None:
    names = [f"rule_matches/{number}" for number in range(501)]
    await series.add("one", [Additions(1, dict.fromkeys(names, 1))])

    assert await series.read(names, Resolution.MINUTE, 1) == {name: [1] for name in names}


STEPS = st.lists(
    st.tuples(st.integers(-1500, 4000), st.integers(1, 2**33)), min_size=1, max_size=12
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(STEPS)
async def test_a_series_is_as_its_model(
    connection: Connection, steps: list[tuple[int, int]]
) -> None:
    """Also if Redis's clock is set back: within the time that is kept, counts go to their buckets."""
    await connection.redis.flushall()
    time = SetClock()
    series = Series(connection, time.clock())
    resolution = Resolution.TEN_SECONDS
    latest, model = 0, dict[int, int]()
    for number, (passed, amount) in enumerate(steps, 1):
        time.now += passed
        await series.add("one", [Additions(number, {NAME: amount})])
        bucket = int(time.now // 10)
        if abs(bucket - latest) >= resolution.slots:
            latest, model = bucket, {}
        latest = max(latest, bucket)
        model[bucket] = min(model.get(bucket, 0) + amount, 2**32 - 1)
        shown = await series.read([NAME], resolution, 1000)
        assert shown[NAME] == [
            model.get(each, 0) if each > latest - resolution.slots else 0
            for each in range(bucket - resolution.slots + 1, bucket + 1)
        ]
