"""Windows in a real Redis: small, mortal, and of no harm when something else is in their place."""

import pytest
from support.chains import START

from router.journal import keys
from router.journal.connection import Connection
from router.journal.finish import timer_work
from router.journal.keys import TimerId
from router.journal.rule_state import RuleState
from router.rules.state.chain import Chain
from router.rules.state.measure import CheckMeasure, CheckPercentile
from router.rules.state.ratio import CheckRatio
from router.rules.state.sketch import bin_of
from router.rules.state.spike import CheckSpike
from router.rules.state.step import ChainResult, Outcome, Step

WITHIN = 600_000
KINDS = ("ratio", "stddev", "spike", "p95")


def step(kind: str, number: int, at: int) -> Step:
    place = (kind, "k", at, WITHIN)
    value = 1.01 ** (number % 700)
    match kind:
        case "ratio":
            return CheckRatio(*place, number % 2 == 0, 1_000_000, ("at_least", 0.5))
        case "spike":
            return CheckSpike(*place, 2.0, 1_000_000)
        case "p95":
            bound = ("above", 5.0, bin_of(5.0))
            return CheckPercentile(*place, 95, (value, bin_of(value)), 1_000_000, bound)
        case _:
            return CheckMeasure(*place, kind, value, 1_000_000, ("above", 5.0))


async def observe(connection: Connection, steps: list[Step], work: str = "w") -> list[ChainResult]:
    opened = timer_work(TimerId(work))
    await connection.redis.set(opened.record, b"x")
    chains = [Chain(f"e{number}", (each,)) for number, each in enumerate(steps)]
    return await RuleState(connection).open(opened, START).decide(chains)


@pytest.mark.parametrize(
    ("kind", "most"), [("ratio", 3000), ("stddev", 4000), ("spike", 3000), ("p95", 2_500_000)]
)
async def test_a_key_takes_as_much_memory_as_the_guide_says(
    connection: Connection, kind: str, most: int
) -> None:
    span = WITHIN if kind == "p95" else 2 * WITHIN
    count = 3000 if kind == "p95" else 500

    await observe(
        connection, [step(kind, number, START + span * number // count) for number in range(count)]
    )

    names = await connection.redis.keys(f"{keys.STATE}{kind}:*")
    assert sum([await connection.redis.memory_usage(name, samples=0) for name in names]) < most
    assert all([await connection.redis.pttl(name) > 0 for name in names])


async def test_a_bin_of_each_part_is_bounded(connection: Connection) -> None:
    await observe(connection, [step("p95", number, START) for number in range(700)])

    (name,) = await connection.redis.keys(f"{keys.STATE}p95:k:*")
    assert await connection.redis.hlen(name) == 256
    assert sum(map(int, await connection.redis.hvals(name))) == 700


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("junk", [b"\xc1\x00 junk", b"", b"\x92\xa1a\xa1b", b"\x91\x01"])
async def test_an_unreadable_window_is_set_aside_and_begins_anew(
    connection: Connection, kind: str, junk: bytes
) -> None:
    await observe(connection, [step(kind, number, START + number) for number in range(9)])
    redis = connection.redis
    for name in await redis.keys(f"{keys.STATE}{kind}:*"):
        if await redis.type(name) == b"hash":
            await redis.hset(name, mapping=dict.fromkeys(await redis.hkeys(name), junk))

    results = await observe(
        connection, [step(kind, 1, START + 10), step(kind, 2, START + 11)], "w2"
    )

    assert [result.outcome for result in results] == [Outcome.COUNTED] * 2


@pytest.mark.parametrize("kind", KINDS)
async def test_a_window_of_another_type_is_set_aside(connection: Connection, kind: str) -> None:
    await observe(connection, [step(kind, number, START + number) for number in range(9)])
    redis = connection.redis
    for name in await redis.keys(f"{keys.STATE}{kind}:*"):
        is_text = await redis.type(name) == b"string"
        await redis.delete(name)
        await (redis.hset(name, "a", "b") if is_text else redis.set(name, b"junk"))

    results = await observe(
        connection, [step(kind, 1, START + 10), step(kind, 2, START + 11)], "w2"
    )

    assert [result.outcome for result in results] == [Outcome.COUNTED] * 2
