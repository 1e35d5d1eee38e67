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
  - name: rest
    events: [a]
    cooldown: {for: 1m}
    send_to: [boss]
  - name: burst
    events: [a]
    count: {at_least: 2, within: 1m}
    send_to: [noc]
first_of: [burst, rest]
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
                happened = simulation.receive(happening, now=time.now)
                simulated = [
                    (place, each.alert) for each in happened.sent for place in each.send_to
                ]
                real = [
                    (place, each.alert)
                    for place in ("noc", "boss")
                    for each in await world.told(place)
                ]
                assert sorted(real, key=repr) == sorted(simulated, key=repr)
            await world.passes(3600)
            simulated = [
                (place, each.alert)
                for happened in simulation.pass_time(time.now)
                for each in happened.sent
                for place in each.send_to
            ]
            real = [
                (place, each.alert) for place in ("noc", "boss") for each in await world.told(place)
            ]
            assert sorted(real, key=repr) == sorted(simulated, key=repr)
            ledger = await world.ledger()
            assert (ledger.pending, ledger.waiting) == (0, 0)
        finally:
            await connection.close()

    asyncio.run(compare())


def test_timers_fire_in_order_before_the_next_event() -> None:
    simulation = Simulation(CONFIGURATION.rules, now=1000.0)
    first = simulation.receive(event("1", 1000.0, type="b", k="x"), now=1000.0)
    assert [sent.send_to for sent in first.sent] == [("noc",)]
    assert simulation.pass_time(1029.9) == []

    later = simulation.receive(event("2", 1300.0, type="c", k="x"), now=1300.0)

    assert [(sent.at, place, sent.alert.rule) for sent in later.sent for place in sent.send_to] == [
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
    simulation.receive(one, now=1000.0)
    assert simulation.receive(one, now=1001.0).matches == ()
    ((told,),) = [happened.sent for happened in simulation.pass_time(1030.0)]
    simulation.acknowledge(told.alert.key)

    (happened,) = simulation.pass_time(9999.0)
    assert [sent.alert.rule for sent in happened.sent] == ["awaited"]
    assert simulation.pass_time(10**9) == []
    assert simulation.end() == ()
