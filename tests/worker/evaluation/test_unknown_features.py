"""Timers between two generations of rules: put back, taken over, and dropped only in the end."""

from typing import Any

import pytest
from support.clock import SetClock
from support.cutting import Cutting
from support.world import ORPHAN_TIMEOUT, World

from router.errors import JournalUnavailableError, PostponedError
from router.journal import keys
from router.journal.connection import Connection
from router.journal.keys import TimerId

OTHER = "rules:\n  - {name: other, events: [x], send_to: [noc]}\n"
PLAIN = "rules:\n  - {name: one, events: [a], send_to: [noc]}\n"
ABSENT = """
rules:
  - name: one
    events: [a]
    absent: {event: b, for: 1h, by: [data.k]}
    send_to: [noc]
"""
ESCALATE = """
rules:
  - name: one
    events: [a]
    escalate: {after: 1h, send_to: [boss]}
    send_to: [noc]
"""
GROUP = """
rules:
  - name: one
    events: [a]
    group: {wait: 1h, interval: 1h, by: [data.k]}
    send_to: [noc]
"""
FEATURES = {"absent": ABSENT, "escalate": ESCALATE, "group": GROUP}


async def due_timer(world: World) -> TimerId:
    """Let the world's rules set a timer, and wait until it is due."""
    await world.send(world.event("1", k=1))
    await world.told()
    ((timer_id, wait),) = await world.timers()
    world.time.now += wait
    return timer_id


async def put_back(world: World, timer_id: TimerId) -> float:
    with pytest.raises(PostponedError) as postponed:
        await world.timer_worker(world.connection).run(timer_id)
    return postponed.value.seconds


async def watch(world: World, seconds: float) -> None:
    """Let time pass, with the checks of a process."""
    end = world.time.now + seconds
    while world.time.now < end:
        world.time.now += ORPHAN_TIMEOUT / 10
        await world.unknown.check()


async def drop_timer(before: World, after: World, connection: Connection) -> None:
    """Set a timer by rules, and drop it by others, because it was met twice in the timeout."""
    timer_id = await due_timer(before)
    await put_back(after, timer_id)
    await watch(after, ORPHAN_TIMEOUT / 2)
    await put_back(after, timer_id)
    await watch(after, ORPHAN_TIMEOUT * 0.6)
    await after.timer_worker(connection).run(timer_id)


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("rules", [OTHER, PLAIN], ids=["no rule", "no feature"])
async def test_a_timer_is_put_back_for_a_worker_that_knows_its_feature(
    connection: Connection,
    time: SetClock,
    caplog: pytest.LogCaptureFixture,
    feature: str,
    rules: str,
) -> None:
    """The mutant: ``check_timer`` asks for the rule only, and not for the feature."""
    newer = World(connection, time, FEATURES[feature])
    older = World(connection, time, rules)
    timer_id = await due_timer(newer)

    pauses = [await put_back(older, timer_id) for _ in range(8)]
    marks = await connection.redis.hkeys(keys.UNKNOWN_RULES)
    await newer.timer_worker(connection).run(timer_id)

    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (0.875, 26.25)
    assert marks == [f"one/{feature}".encode()]
    warned = [each.message for each in caplog.records if each.levelname == "WARNING"]
    assert warned == ["timer put back; its rule is unknown here"]
    books = await newer.ledger()
    assert (books.timers_dropped, books.suppressed_alerts, books.waiting) == (0, {}, 0)
    assert len(await newer.told("boss" if feature == "escalate" else "noc")) == 1


DROPPED: dict[str, Any] = {
    "absent": {"alerts": 1, "suppressed": {"rule_gone": 1}, "dropped": 1, "told": 0},
    "escalate": {"alerts": 1, "suppressed": {}, "dropped": 1, "told": 0},
    "group": {"alerts": 1, "suppressed": {}, "dropped": 0, "told": 1},
}


@pytest.mark.parametrize("feature", FEATURES)
async def test_a_timer_that_no_worker_knows_is_dropped_and_counted_in_the_end(
    connection: Connection, time: SetClock, caplog: pytest.LogCaptureFixture, feature: str
) -> None:
    """The mutants: ``>`` for ``>=`` the timeout; a drop that is counted in no column."""
    before = World(connection, time, FEATURES[feature])
    after = World(connection, time, PLAIN)
    timer_id = await due_timer(before)
    await put_back(after, timer_id)
    await after.unknown.check()
    await watch(after, ORPHAN_TIMEOUT * 0.9)
    await put_back(after, timer_id)
    await watch(after, ORPHAN_TIMEOUT * 0.1)

    await after.timer_worker(connection).run(timer_id)

    books = await after.ledger()
    assert DROPPED[feature] == {
        "alerts": books.alerts,
        "suppressed": books.suppressed_alerts,
        "dropped": books.timers_dropped,
        "told": len(await after.told()),
    }
    assert books.waiting == 0
    dropped = DROPPED[feature]["dropped"]
    assert after.metric("router_timers_dropped_total", feature=feature) == dropped
    assert caplog.messages.count("timer dropped; its rule or feature was removed") == dropped
    left = await after.timers()
    assert [wait for _, wait in left] == ([3600.0] if feature == "group" else [])


async def test_a_worker_that_knows_a_feature_keeps_the_others_from_dropping_its_timers(
    connection: Connection, time: SetClock
) -> None:
    """The mutant: ``claim`` deletes no mark."""
    newer = World(connection, time, ABSENT)
    older = World(connection, time, OTHER)
    timer_id = await due_timer(newer)

    for _ in range(30):
        await put_back(older, timer_id)
        await older.unknown.check()
        await newer.unknown.check()
        time.now += ORPHAN_TIMEOUT / 10

    await newer.timer_worker(connection).run(timer_id)
    assert len(await newer.told()) == 1


async def test_a_mark_that_was_deleted_since_the_last_check_prevents_the_drop(
    connection: Connection, time: SetClock
) -> None:
    """The mutant: the mark is not compared once more."""
    newer = World(connection, time, ABSENT)
    older = World(connection, time, OTHER)
    timer_id = await due_timer(newer)
    await put_back(older, timer_id)
    await watch(older, ORPHAN_TIMEOUT * 1.1)
    await newer.unknown.check()

    await put_back(older, timer_id)


async def test_a_worker_beside_one_that_knows_puts_timers_back_for_a_second_and_polls_less(
    connection: Connection, time: SetClock
) -> None:
    newer = World(connection, time, ABSENT)
    older = World(connection, time, OTHER)
    timer_id = await due_timer(newer)
    alone = [await put_back(older, timer_id) for _ in range(5)]
    assert older.unknown.wait() == 0
    await newer.unknown.check()

    beside = await put_back(older, timer_id)

    assert (max(alone), beside) == (14.0, 0.875)
    assert older.unknown.wait() == 1.0


async def test_the_mark_of_a_removed_rule_is_deleted_when_none_of_its_timers_is_left(
    connection: Connection, time: SetClock
) -> None:
    before = World(connection, time, ABSENT)
    after = World(connection, time, OTHER)
    await drop_timer(before, after, connection)
    assert await connection.redis.hlen(keys.UNKNOWN_RULES) == 1

    await watch(after, ORPHAN_TIMEOUT * 1.2)

    assert await connection.redis.hlen(keys.UNKNOWN_RULES) == 0


async def test_a_dropped_absence_does_not_keep_a_rule_that_returns_from_waiting_again(
    connection: Connection, time: SetClock
) -> None:
    """The mutant: the drop leaves ``pending``, so that no event of that key waits for 30 days."""
    before = World(connection, time, ABSENT)
    after = World(connection, time, OTHER)
    await drop_timer(before, after, connection)

    await before.send(before.event("2", k=1))
    await before.passes(3600)

    assert [each.alert.event_id for each in await before.told()] == ["2"]


CHANGES = [
    ("for: 1h", "for: 2h"),
    ("for: 1h", "for: 1m"),
    ("event: b", "event: c"),
    ("event: b", "event: b, when: data.k == 1"),
    ("send_to", "severity: critical\n    send_to"),
]


@pytest.mark.parametrize(("old", "new"), CHANGES)
async def test_what_waits_when_its_rule_is_changed_is_told_when_it_was_due(
    connection: Connection, time: SetClock, old: str, new: str
) -> None:
    """The mutant: ``fire`` compares the state of the timer with that of the rule."""
    before = World(connection, time, ABSENT)
    after = World(connection, time, ABSENT.replace(old, new))
    await before.send(before.event("1", k=1))
    await after.send(after.event("2", k=1))  # it waits for the same, so it sets no timer
    assert len(await after.timers()) == 1

    await after.passes(3600)

    assert [each.alert.event_id for each in await after.told()] == ["1"]
    assert (await after.ledger()).suppressed_alerts == {}


@pytest.mark.parametrize(("old", "new"), CHANGES)
async def test_what_waits_when_its_rule_is_changed_is_ended_by_the_event_of_the_new_wording(
    connection: Connection, time: SetClock, old: str, new: str
) -> None:
    """The mutant: ``Fulfil`` asks only its own state."""
    before = World(connection, time, ABSENT)
    after = World(connection, time, ABSENT.replace(old, new))
    await before.send(before.event("1", k=1))

    await after.send(after.event("2", type="c" if "event: c" in new else "b", k=1))

    assert await after.timers() == []
    await after.passes(7200)
    assert await after.told() == []


async def test_a_group_whose_rule_was_changed_is_sent_and_the_next_one_joins_the_new_group(
    connection: Connection, time: SetClock
) -> None:
    before = World(connection, time, GROUP)
    after = World(connection, time, GROUP.replace("wait: 1h", "wait: 10m"))
    await before.send(before.event("1", k=1))

    await after.send(after.event("2", k=1))
    await after.passes(3600)

    assert [each.alert.event_id for each in await after.told()] == ["1", "2"]
    assert (await after.ledger()).waiting == 0


@pytest.mark.parametrize(
    "rules", [ESCALATE.replace("1h", "5m"), ESCALATE.replace("[boss]", "[noc]")]
)
async def test_an_escalation_whose_rule_was_changed_goes_on_as_it_was_begun(
    connection: Connection, time: SetClock, rules: str
) -> None:
    before = World(connection, time, ESCALATE)
    after = World(connection, time, rules)
    await before.send(before.event("1", k=1))
    await after.told()

    await after.passes(3600)

    assert [each.alert.escalation for each in await after.told("boss")] == [1]


@pytest.mark.parametrize(
    ("rules", "changed"),
    [
        (GROUP, GROUP.replace("wait: 1h", "wait: 2h")),
        (ABSENT, ABSENT.replace("for: 1h", "for: 2h")),
    ],
    ids=["group changed", "absent changed"],
)
async def test_a_batch_that_was_decided_by_other_rules_sets_the_timer_of_what_waits(
    connection: Connection, time: SetClock, rules: str, changed: str
) -> None:
    """The mutant: the timer takes its place from the rule's own step: nothing is ever sent."""
    before = World(connection, time, rules)
    after = World(connection, time, changed)
    batch = await before.accept([before.event("1", k=1)])
    with pytest.raises(JournalUnavailableError):
        await before.worker(Cutting(connection, 3, happens=False)).run(batch)

    await after.evaluate.run(batch)
    await before.passes(3 * 3600)

    assert [each.alert.event_id for each in await after.told()] == ["1"]
    books = await after.ledger()
    assert (books.alerts, books.notified, books.waiting) == (1, 1, 0)
