"""Rules tried out in memory do what a worker on Redis does."""

import asyncio

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.clock import SetClock
from support.world import World, configuration, event

from router.datatypes import Secret
from router.journal.connection import connect
from router.offline.simulation import Simulation

RULES = """
rules:
  - name: counted
    events: [a]
    count: {at_least: 2, within: 1m, by: [data.k]}
    cooldown: {for: 5m}
    send_to: [noc]
  - name: grouped
    events: [a, b]
    group: {by: [data.k], wait: 30s, interval: 2m}
    resolve: {events: [c], by: [data.k]}
    escalate: [{after: 1m, send_to: [boss]}, {after: 2m, send_to: [boss]}]
    send_to: [noc]
  - name: awaited
    events: [b]
    absent: {event: c, for: 3m, by: [data.k]}
    send_to: [boss]
  - name: held
    events: [a, b]
    send_to: [noc]
silences:
  - match: {rule: grouped, data.k: x}
    starts: "2023-11-14T22:15:00Z"
    ends: "2023-11-14T22:17:00Z"
    author: ann
    comment: works
inhibitions:
  - {while: [awaited, counted], hold_back: [held], equal: [data.k], for: 2m}
"""
CONFIGURATION = configuration(RULES)

stories = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from("xy"), st.integers(0, 90)),
    min_size=1,
    max_size=12,
)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(story=stories)
def test_memory_tells_what_redis_tells(
    redis_url: Secret, story: list[tuple[str, str, int]]
) -> None:
    async def compare() -> None:
        connection = connect(redis_url, deadline=5.0, max_connections=4)
        await connection.redis.flushall()
        time = SetClock()
        world = World(connection, time, RULES)
        simulation = Simulation(CONFIGURATION.rules, CONFIGURATION.silences, now=time.now)
        try:
            for number, (kind, key, wait) in enumerate(story):
                await world.passes(wait)
                happening = world.event(str(number), type=kind, k=key)
                await world.send(happening)
                happened = simulation.happens(happening, time.now)
                simulated = [(each.destination, each.alert) for each in happened.sent]
                real = [
                    (place, each.alert)
                    for place in ("noc", "boss")
                    for each in await world.told(place)
                ]
                assert sorted(real, key=repr) == sorted(simulated, key=repr)
            await world.passes(3600)
            simulated = [(s.destination, s.alert) for s in simulation.passes(time.now).sent]
            real = [
                (place, each.alert) for place in ("noc", "boss") for each in await world.told(place)
            ]
            assert sorted(real, key=repr) == sorted(simulated, key=repr)
            books = await world.books()
            assert (books.pending, books.waiting) == (0, 0)
        finally:
            await connection.close()

    asyncio.run(compare())


def test_timers_fire_in_order_before_the_next_event() -> None:
    simulation = Simulation(CONFIGURATION.rules, now=1000.0)
    first = simulation.happens(event("1", 1000.0, type="b", k="x"), 1000.0)
    assert [sent.destination for sent in first.sent] == ["noc"]
    assert simulation.next_timer == 1030.0

    later = simulation.happens(event("2", 1300.0, type="c", k="x"), 1300.0)

    assert [(sent.at, sent.destination, sent.alert.rule) for sent in later.sent] == [
        (1030.0, "noc", "grouped"),
        (1090.0, "boss", "grouped"),
        (1180.0, "boss", "awaited"),
        (1210.0, "boss", "grouped"),
        (1300.0, "boss", "grouped"),
        (1300.0, "noc", "grouped"),
    ]


def test_a_repeat_changes_nothing_and_an_acknowledgement_ends_escalation() -> None:
    simulation = Simulation(CONFIGURATION.rules, now=1000.0)
    one = event("1", 1000.0, type="b", k="x")
    simulation.happens(one, 1000.0)
    assert simulation.happens(one, 1001.0).matched == ()
    (told,) = simulation.passes(1030.0).sent
    simulation.acknowledge(told.alert)

    assert [sent.alert.rule for sent in simulation.passes(9999.0).sent] == ["awaited"]
    assert simulation.next_timer is None
