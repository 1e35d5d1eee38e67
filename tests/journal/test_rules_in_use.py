"""The rules that processes have recorded, from a real Redis."""

from router.clock import Clock
from router.journal import keys
from router.journal.connection import Connection
from router.journal.rules_in_use import LASTS_SECONDS, RulesInUse, RulesInUseRecord

OLD, NEW = RulesInUse(generation="a", host="h 1"), RulesInUse(generation="b", host="h 1")
OTHER = RulesInUse(generation="a", host="h2")


async def test_what_is_not_recorded_again_is_gone_after_a_minute(
    connection: Connection, clock: Clock
) -> None:
    """Mutant seen to fail: ``use_rules`` without ZREMRANGEBYSCORE."""
    stored = RulesInUseRecord(connection, clock)
    await stored.record(OLD)
    await stored.record(OTHER)
    assert set(await stored.read()) == {OLD, OTHER}

    old = {OTHER.member: clock.now() * 1000 - LASTS_SECONDS * 1001}
    await connection.redis.zadd(keys.RULES_IN_USE, old)
    await stored.record(OLD)

    assert await stored.read() == [OLD]
    assert 0 < await connection.redis.ttl(keys.RULES_IN_USE) <= LASTS_SECONDS


async def test_new_rules_take_the_place_of_the_old_ones(
    connection: Connection, clock: Clock
) -> None:
    stored = RulesInUseRecord(connection, clock)
    await stored.record(OLD)
    await stored.record(NEW, instead_of=OLD)
    await stored.record(NEW, instead_of=NEW)

    assert await stored.read() == [NEW]
