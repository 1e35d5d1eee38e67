"""Windows in a real Redis: small, mortal, and of no harm when something else is in their place."""

import random

import msgspec
import pytest
from support.chains import START, decide

from router.journal import keys
from router.journal.connection import Connection
from router.journal.finish import timer_work
from router.journal.keys import TimerId
from router.journal.rule_state import RuleState
from router.rules.state.chain import Chain
from router.rules.state.lifecycle import OpenAlert
from router.rules.state.measure import CheckMeasure, CheckPercentile
from router.rules.state.memory_store import MemoryStore
from router.rules.state.ratio import CheckRatio
from router.rules.state.resolve import EndAlert
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
            return CheckRatio(*place, number % 2 == 0, 1_000_000, ("at_least", 0.5, 0.5), False)
        case "spike":
            return CheckSpike(*place, 2.0, 1_000_000, 2.0, False)
        case "p95":
            bound = ("above", 5.0, bin_of(5.0), 5.0, False)
            return CheckPercentile(*place, 95, (value, bin_of(value)), 1_000_000, bound)
        case _:
            return CheckMeasure(*place, kind, value, 1_000_000, ("above", 5.0, 5.0, False))


async def observe(connection: Connection, steps: list[Step], work: str = "w") -> list[ChainResult]:
    opened = timer_work(TimerId(work))
    await connection.redis.set(opened.record, b"x")
    chains = [Chain(f"e{number}", (each,)) for number, each in enumerate(steps)]
    return await RuleState(connection).open(opened, START).decide(chains)


def between(kind: str, at: int, number: float) -> Step:
    """A step whose figures are often between the threshold and where they are back."""
    place, ends = (kind, "k", at, 20_000), number < 9
    match kind:
        case "ratio":
            return CheckRatio(*place, number > 5, 4, ("at_least", 0.6, 0.4), ends)
        case "at most":
            return CheckRatio(*place, number > 5, 4, ("at_most", 0.4, 0.6), ends)
        case "spike":
            return CheckSpike(*place, 1.6, 4, 1.1, ends)
        case "p75":
            bound = ("above", 7.5, bin_of(7.5), 5.5, ends)
            return CheckPercentile(*place, 75, (number, bin_of(number)), 4, bound)
        case "p50":
            bound = ("below", 3.5, bin_of(3.5), 4.5, ends)
            return CheckPercentile(*place, 50, (number, bin_of(number)), 4, bound)
        case _:
            limit, back = {"avg": (5.5, 4.5), "sum": (60.0, 40.0), "stddev": (3.1, 2.6)}[kind]
            return CheckMeasure(*place, kind, number, 4, ("above", limit, back, ends))


@pytest.mark.parametrize(
    "kind", ["ratio", "at most", "spike", "p75", "p50", "avg", "sum", "stddev"]
)
async def test_a_long_history_is_the_same_in_redis_and_in_memory(
    connection: Connection, kind: str
) -> None:
    """Mutant: the figures are back as soon as they are no longer beyond the threshold."""
    dice = random.Random(kind)  # noqa: S311 - a repeatable history
    at, steps = START, []
    for _ in range(600):
        at += dice.choice([0, 100, 300, 700, 1500, 3000, -2000])
        number = float(dice.randrange(10))
        steps.append(
            (
                between(kind, at, number),
                EndAlert("k", (), 0),
                OpenAlert("k", "r", at, 60_000, 0, 0),
            )
        )
    chains = [Chain(f"e{number}", each, b"alert ") for number, each in enumerate(steps)]
    opened = timer_work(TimerId("w"))
    await connection.redis.set(opened.record, b"x")

    found = await RuleState(connection).open(opened, START).decide(chains)

    expected = decide(MemoryStore(), "w", chains, START)
    assert [msgspec.structs.replace(each, number=0) for each in found] == expected
    outcomes = {each.outcome for each in expected}
    assert outcomes == {Outcome.COUNTED, Outcome.NOTIFY, Outcome.ENDED}


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
