"""Keyed alerts are bounded and counted exactly, in Redis and in memory; what is damaged stops nothing."""

from typing import Any

import pytest
from journal.test_looks import RULES, told
from journal.test_rule_state import Journal, same_alerts
from support.chains import START, decide
from support.clock import SetClock
from support.world import World

from router.alerts import AlertStatus
from router.datatypes import Secret
from router.journal import keys
from router.journal.connection import Connection
from router.journal.rule_state import RuleState
from router.rules.state.alert_limits import AlertLimits
from router.rules.state.chain import Chain
from router.rules.state.keyed_alert import find_alert
from router.rules.state.lifecycle import OpenAlert, RecordNotified
from router.rules.state.memory_store import MemoryStore
from router.rules.state.resolve import Resolve

HOUR = 3_600_000


def down(rule: str, number: int) -> Chain:
    key = f"{rule}{number}"
    return Chain(f"down {key}", (OpenAlert(key, rule, START, HOUR, 0, 0),), b"x")


def up(rule: str, number: int) -> Chain:
    key = f"{rule}{number}"
    step = Resolve(rule, key, START, "s", 0, key, (), HOUR, 0, (rule, key))
    return Chain(f"up {key}", (step,))


@pytest.mark.parametrize(
    ("limits", "before", "overflowed", "left"),
    [
        (
            AlertLimits(1000, 102),
            [*(down("a", n) for n in range(102)), up("a", 99)],
            [False, True],
            {b"a": b"102"},
        ),
        (
            AlertLimits(1000, 2),
            [down("b", 0), up("b", 0), down("a", 0), down("a", 1)],
            [True, True],
            {b"a": b"2", b"b": b"1"},
        ),
        (
            AlertLimits(3, 1000),
            [down("b", 0), up("b", 0), down("a", 0), down("a", 1), up("a", 0)],
            [False, False],
            {b"a": b"3"},
        ),
    ],
    ids=[
        "one that ended makes room, behind many older ones that are open",
        "those of other rules make no room in a rule",
        "those of any rule make room if all are too many, the rule's own first",
    ],
)
async def test_alerts_that_ended_make_room(
    redis_url: Secret,
    limits: AlertLimits,
    before: list[Chain],
    overflowed: list[bool],
    left: dict[bytes, bytes],
) -> None:
    journal, memory = Journal(redis_url), MemoryStore(alert_limits=limits)
    await journal.begin()
    journal.state = RuleState(journal.connection, limits)
    found = []
    for second, batch in enumerate([before, [down("a", 500)], [down("a", 501)]]):
        now = START + 1000 * second
        answers = await journal.decide(f"w{second}", batch, now)
        assert answers == decide(memory, f"w{second}", batch, now)
        found.append(answers[-1].overflowed)

    await same_alerts(journal, memory)
    assert found[1:] == overflowed
    assert await journal.connection.redis.hgetall(keys.ALERT_COUNTS) == left
    await journal.connection.close()


async def test_the_log_of_an_alert_for_many_destinations_is_short(redis_url: Secret) -> None:
    journal, memory = Journal(redis_url), MemoryStore()
    await journal.begin()
    names = tuple(f"destination-{number}" for number in range(100))
    steps = (*down("a", 0).steps, RecordNotified(names, 0))

    batch = [Chain("told", steps, b"x")]
    assert await journal.decide("w", batch, START) == decide(memory, "w", batch, START)

    await same_alerts(journal, memory)
    record = find_alert(memory.memory, "a0")
    assert record is not None
    assert record.log[-1].detail.endswith("destination-4 +95")
    await journal.connection.close()


async def junk(redis: Any, key: str) -> None:
    await redis.hset(key, "record", b"\xc1 junk")


async def wrong(redis: Any, key: str) -> None:
    """A record in which only the type of one field is wrong."""
    record = b"\x82\xa5until\xcf\x00\x00\x02\x00\x00\x00\x00\x00\xacheld_because\xa1x"
    await redis.hset(key, "record", record)


async def another_type(redis: Any, key: str) -> None:
    await redis.delete(key)
    await redis.set(key, "junk")


@pytest.mark.parametrize("damaged", [junk, wrong, another_type])
@pytest.mark.parametrize("then", ["an event", "a look"])
async def test_an_alert_that_cannot_be_read_is_counted_once(
    connection: Connection, time: SetClock, damaged: Any, then: str
) -> None:
    world = World(connection, time, RULES + "    cooldown: {for: 1h, by: [data.k]}\n")
    await world.send(world.event("1", type="down", k=1))
    (key,) = [name.decode() for name in await connection.redis.keys(keys.keyed_alert("*"))]
    await damaged(connection.redis, key)

    if then == "a look":
        await world.looks.look_at_all()
        await world.passes(0)
    for number in ("2", "3", "4"):
        await world.send(world.event(number, type="down", k=1))

    assert await connection.redis.hgetall(keys.ALERT_COUNTS) == {b"trunk": b"1"}
    assert await connection.redis.zcard(keys.KEYED_ALERTS) == 1
    assert await connection.redis.hexists(key, "record")


@pytest.mark.parametrize("damaged", [junk, wrong])
async def test_an_alert_that_cannot_be_read_counts_no_more(
    connection: Connection, time: SetClock, damaged: Any
) -> None:
    world = World(connection, time, RULES + "    cooldown: {for: 1h, by: [data.k]}\n")
    await world.send(world.event("1", type="down", k=1))
    (key,) = [name.decode() for name in await connection.redis.keys(keys.keyed_alert("*"))]
    await damaged(connection.redis, key)

    if damaged is junk:
        await world.looks.look_at_all()
        await world.passes(0)
    else:
        await world.send(world.event("2", type="down", k=1))

    assert not await connection.redis.exists(keys.ALERT_COUNTS, keys.KEYED_ALERTS)


@pytest.mark.parametrize(
    "name", [keys.LOOKS, keys.KEYED_ALERTS, keys.ALERT_COUNTS, keys.ENDED_ALERTS + "trunk"]
)
async def test_a_key_of_another_type_loses_no_notification(
    connection: Connection, time: SetClock, name: str
) -> None:
    world = World(connection, time, RULES)
    for number, kind in enumerate(["down", "up"]):
        await connection.redis.delete(name)
        await connection.redis.set(name, "junk")
        await world.send(world.event(str(number), type=kind, k=1))

    assert [status for _, status in await told(world)] == [
        AlertStatus.FIRING,
        AlertStatus.RESOLVED,
    ]
