"""What processes add of a source is summed, added once, bounded, and expires."""

import msgspec
import pytest
from support.clock import SetClock

from router.clock import Clock
from router.journal import source_keys
from router.journal.connection import Connection
from router.journal.source_log import (
    LASTS_SECONDS,
    REFUSALS_LIMIT,
    RefusedRequest,
    SourceAddition,
    SourceCounts,
    SourceLog,
)


@pytest.fixture
def log(connection: Connection, clock: Clock) -> SourceLog:
    return SourceLog(connection, clock)


def refusal(at: float, reason: str = "the signature is wrong") -> RefusedRequest:
    return RefusedRequest(at=at, status=403, code="wrong_signature", reason=reason)


def addition(number: int, **counts: object) -> SourceAddition:
    return msgspec.convert(
        {"source": "crm", "number": number, **counts}, SourceAddition, from_attributes=True
    )


async def test_two_processes_add_up(log: SourceLog, time: SetClock) -> None:
    """Mutants: HSET for HINCRBY; the last time of writing rather than the latest time."""
    now = time.now
    await log.add("one", [addition(1, accepted=3, skipped=1, accepted_at=now - 1)])
    await log.add(
        "two",
        [addition(1, accepted=4, quarantined=2, accepted_at=now - 5, refused=1, refused_at=now)],
    )

    counts = await log.counts(["crm", "other"])
    assert counts["crm"] == SourceCounts(
        accepted=7,
        quarantined=2,
        skipped=1,
        refused=1,
        since=now,
        last_accepted_at=now - 1,
        last_refused_at=now,
    )
    assert counts["other"] == SourceCounts()


async def test_an_addition_is_added_once(log: SourceLog, time: SetClock) -> None:
    """Mutant: without the number of the last addition."""
    first = addition(1, refused=1, refused_at=time.now, refusals=[refusal(time.now)])
    second = addition(2, refused=1, refused_at=time.now, refusals=[refusal(time.now)])
    for written in ([first], [first, second], [second]):
        await log.add("one", written)

    assert (await log.counts(["crm"]))["crm"].refused == 2
    assert len((await log.refusals(["crm"]))["crm"]) == 2


async def test_the_newest_hundred_refusals_are_kept(log: SourceLog, connection: Connection) -> None:
    """Mutant: without LTRIM. Processes write out of order by a second."""
    for number in range(3):
        refusals = [refusal(number * 60 + second) for second in range(60)]
        await log.add("one", [addition(number + 1, refused=60, refusals=refusals)])
    await log.add("two", [addition(1, refused=1, refusals=[refusal(178.5)])])

    found = (await log.refusals(["crm"]))["crm"]
    assert [each.at for each in found[:3]] == [179, 178.5, 178]
    assert len(found) == REFUSALS_LIMIT
    assert await connection.redis.llen(source_keys.source_refusals("crm")) == REFUSALS_LIMIT
    assert len((await log.refusals(["crm"], limit=1))["crm"]) == 1
    assert (await log.counts(["crm"]))["crm"].refused == 181


async def test_nothing_stays_of_a_source_that_is_gone(
    log: SourceLog, connection: Connection
) -> None:
    await log.add("one", [addition(1, refused=1, refusals=[refusal(1.0)])])

    for key in (source_keys.source_counts("crm"), source_keys.source_refusals("crm")):
        assert await connection.redis.ttl(key) == LASTS_SECONDS
    assert await connection.redis.ttl(source_keys.source_writer("one")) == 900


async def test_a_time_of_before_the_clock_was_set_back_does_not_stay(
    log: SourceLog, time: SetClock
) -> None:
    await log.add("one", [addition(1, accepted=1, accepted_at=time.now)])
    time.now -= 3600
    await log.add("one", [addition(2, accepted=1, accepted_at=time.now)])

    assert (await log.counts(["crm"]))["crm"].last_accepted_at == time.now


async def test_what_cannot_be_read_is_left_out(log: SourceLog, connection: Connection) -> None:
    """Also a refusal of a newer version."""
    redis = connection.redis
    newer = msgspec.msgpack.encode({**msgspec.to_builtins(refusal(1.0)), "version": 200})
    await redis.lpush(source_keys.source_refusals("crm"), b"\xc1", newer)
    await redis.hset(source_keys.source_counts("crm"), mapping={"accepted": "x", "refused": "2"})
    await redis.lpush(source_keys.source_counts("other"), "x")
    await redis.set(source_keys.source_refusals("other"), "x")

    assert await log.refusals(["crm", "other"]) == {"crm": [], "other": []}
    counts = await log.counts(["crm", "other"])
    assert counts == {"crm": SourceCounts(refused=2), "other": SourceCounts()}


@pytest.mark.parametrize("damage", ["a field", "a key"])
async def test_damage_does_not_stop_the_counts(
    log: SourceLog, connection: Connection, damage: str
) -> None:
    redis = connection.redis
    if damage == "a field":
        await redis.hset(source_keys.source_counts("crm"), "refused", "x")
    else:
        await redis.set(source_keys.source_counts("crm"), "x")
        await redis.set(source_keys.source_refusals("crm"), "x")
        await redis.set(source_keys.source_writer("one"), "x")

    await log.add("one", [addition(1, refused=2, refusals=[refusal(1.0)])])

    assert (await log.counts(["crm"]))["crm"].refused == 2
    assert len((await log.refusals(["crm"]))["crm"]) == 1
