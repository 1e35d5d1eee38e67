"""How full the states of rules are, counted in a real Redis."""

import pytest
from support.clock import SetClock
from support.world import World

from router.journal import keys
from router.journal.connection import Connection
from router.worker.evaluation.state_use import StateUse

RULES = """
rules:
  - name: counted
    events: [a]
    count: {at_least: 2, within: 1m, by: [data.k]}
    send_to: [noc]
  - name: following
    events: [b]
    follows: {event: c, within: 1m, by: [data.k]}
    send_to: [noc]
  - {name: plain, events: [a], send_to: [noc]}
"""
NAME = "router_rule_state_used_ratio"


async def test_the_fullest_state_of_a_rule_is_shown_and_warned_of_once(
    connection: Connection, time: SetClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Mutants: keys that have expired are counted; only the first state of a rule is."""
    world = World(connection, time, RULES)
    use = StateUse(connection, world.live, world.metrics, world.clock, keys_limit=10)

    async def check() -> tuple[float | None, float | None, int]:
        await use.check()
        ratios = [
            world.metrics.registry.get_sample_value(NAME, {"rule": name})
            for name in ("counted", "following")
        ]
        return ratios[0], ratios[1], sum("nearly full" in each.message for each in caplog.records)

    await world.send(*(world.event(f"e{n}", k=n) for n in range(4)))
    await world.send(*(world.event(f"b{n}", type="b", k=n) for n in range(6)))
    assert await check() == (None, 0.6, 0)
    await world.send(*(world.event(f"b{n}", type="b", k=n) for n in range(6, 8)))
    assert await check() == (None, 0.8, 1)
    assert await check() == (None, 0.8, 1)
    time.now += 120
    assert await check() == (None, None, 1)
    assert await connection.redis.zcard(keys.STATE_KEYS + waiting(world)) == 8

    await world.send(*(world.event(f"f{n}", type="b", k=n) for n in range(9)))
    assert await check() == (None, 0.9, 2)


async def test_a_damaged_state_counts_as_empty(connection: Connection, time: SetClock) -> None:
    world = World(connection, time, RULES)
    await connection.redis.set(keys.STATE_KEYS + waiting(world), "x")

    await StateUse(connection, world.live, world.metrics, world.clock).check()


def waiting(world: World) -> str:
    (following,) = [
        each
        for each in world.configuration.rules.by_name["following"].features.all
        if each.key == "follows"
    ]
    return following.states[1]
