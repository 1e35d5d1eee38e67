"""What no worker can read leaves its batch, set or ledger, and the sums of the ledger hold."""

import re

import msgspec
import pytest
from support import least_rights
from support.clock import SetClock
from support.waiting import until
from support.world import World

from router.errors import JournalUnavailableError, NewerRecordError
from router.events.model import Received
from router.journal import keys, ledger, schema, unreadable
from router.journal.connection import Connection
from router.journal.deliveries import Deliveries
from router.journal.job_queue import JobQueue, new_token
from router.journal.keys import BatchId, SetId, TimerId
from router.journal.missing_work import stored_by_ledger
from router.journal.quarantine import Quarantine, QuarantineFilter, QuarantineRecord

RULES = """
rules:
  - {name: one, events: [a], send_to: [noc]}
  - name: awaited
    events: [started]
    absent: {event: ended, for: 1h, by: [data.k]}
    send_to: [noc]
  - name: cooled
    events: [cooled]
    cooldown: {for: 1h, by: [data.k]}
    send_to: [noc]
"""
ENCODE = msgspec.msgpack.encode
DECODE = msgspec.msgpack.decode


@pytest.fixture
def world(connection: Connection, time: SetClock) -> World:
    unreadable._counts.clear()
    unreadable._reported.clear()
    return World(connection, time, RULES)


async def quarantined(world: World) -> list[QuarantineRecord]:
    found = await Quarantine(world.connection, world.clock).find(QuarantineFilter())(None, 99)
    return list(found.items)


def sums_hold(books: ledger.Ledger) -> bool:
    pending = [books.pending, books.waiting, *(d.pending for d in books.destinations.values())]
    return min(pending) == 0


async def test_a_commit_that_is_junk_is_set_aside_and_its_batch_goes_on(world: World) -> None:
    """The mutant: the whole batch is retried; one count for a commit of two events."""
    batch = await world.accept([world.event("1"), world.event("2")])
    key = keys.batch(batch)
    await world.connection.redis.lset(key, 0, b"\xc1 junk")
    (third,) = [world.event("3")]
    await world.connection.redis.rpush(key, ENCODE([third]))
    await world.connection.redis.append(keys.digests(batch), keys.event_digest(third.key))
    await world.connection.redis.hincrby(keys.LEDGER, "accepted", 1)

    await world.evaluate.run(batch)

    assert [each.alert.event_id for each in await world.told()] == ["3"]
    books = await world.ledger()
    assert (books.accepted, books.quarantined, books.matched, books.pending) == (3, 2, 1, 0)
    (item,) = await quarantined(world)
    assert item.record.body == b"\xc1 junk"
    assert item.record.reason.startswith("not a commit of events: ")
    assert unreadable.counts() == {"event": 1}
    # Mutant: without ``quarantine_discarded``, the work of one event is reported as missing for ever.
    assert stored_by_ledger(books)["quarantine"] == 1


async def test_one_bad_event_of_a_commit_is_set_aside_alone(world: World) -> None:
    batch = await world.accept([world.event(str(number)) for number in range(5)])
    (commit,) = await world.connection.redis.lrange(keys.batch(batch), 0, -1)
    events = DECODE(commit)
    events[2] = ["no", "event"]
    await world.connection.redis.lset(keys.batch(batch), 0, ENCODE(events))

    await world.evaluate.run(batch)
    await world.evaluate.run(batch)

    assert {each.alert.event_id for each in await world.told()} == {"0", "1", "3", "4"}
    books = await world.ledger()
    assert (books.quarantined, books.matched, books.duplicate, books.pending) == (1, 4, 0, 0)


async def test_a_batch_of_junk_alone_ends(world: World) -> None:
    batch = await world.accept([world.event("1")])
    await world.connection.redis.lset(keys.batch(batch), 0, b"\xc1")

    assert await world.evaluate.run(batch)

    assert await world.connection.redis.zcard(keys.EVALUATE_QUEUE) == 0
    assert await world.connection.redis.zcard(keys.BATCHES) == 0
    assert sums_hold(await world.ledger())


async def test_a_commit_of_a_newer_version_beside_junk_is_left_to_a_newer_worker(
    world: World,
) -> None:
    batch = await world.accept([world.event("1")])
    key = keys.batch(batch)
    (commit,) = await world.connection.redis.lrange(key, 0, -1)
    await world.connection.redis.rpush(key, b"\xc1", ENCODE([[*DECODE(commit)[0][:7], 200]]))

    with pytest.raises(NewerRecordError):
        await world.evaluate.run(batch)

    assert await world.connection.redis.llen(key) == 3
    assert await quarantined(world) == []


async def test_a_timer_that_is_junk_moves_to_quarantine_with_its_event(world: World) -> None:
    """The mutant: it is retried for ever."""
    await world.send(world.event("1", type="started", k=1))
    ((timer_id, _),) = await world.timers()
    await world.connection.redis.set(keys.timer(timer_id), b"\x93 junk")

    assert await world.timer_worker(world.connection).run(timer_id)

    assert await world.timers() == []
    books = await world.ledger()
    assert (books.matched, books.quarantined, books.pending) == (0, 1, 0)
    assert [item.record.body for item in await quarantined(world)] == [b"\x93 junk"]


async def test_work_whose_key_has_another_type_moves_to_quarantine(world: World) -> None:
    """The mutants: a job of it is retried for ever; the dump is cut to nothing."""
    redis = world.connection.redis
    batch = await world.accept([world.event("1")])
    timer = TimerId("timer")
    for key in (keys.batch(batch), keys.timer(timer), keys.delivery_set(SetId("set"))):
        await redis.delete(key)
        await redis.sadd(key, "another type")
    await redis.zadd(keys.open_sets("noc"), {"set": 1})

    assert await world.evaluate.run(batch)
    assert await world.timer_worker(world.connection).run(timer)
    assert await Deliveries(world.connection, world.clock).set_aside(SetId("set"), "noc")

    assert await redis.keys("router:batch:*") == await redis.keys("router:set:*") == []
    assert await redis.exists(keys.timer(timer)) == 0
    assert await redis.zcard(keys.open_sets("noc")) == 0
    items = await quarantined(world)
    assert len(items) == 3
    assert all(b"another type" in item.record.body for item in items)


async def test_an_identity_list_of_another_type_is_computed_again(world: World) -> None:
    batch = await world.accept([world.event("1")])
    await world.connection.redis.delete(keys.digests(batch))
    await world.connection.redis.rpush(keys.digests(batch), "x")

    await world.evaluate.run(batch)

    assert (await world.ledger()).matched == 1


@pytest.mark.parametrize("junk", [b"", b"many", b"\xff"])
async def test_a_field_of_the_ledger_that_is_junk_stops_nothing(world: World, junk: bytes) -> None:
    """The mutant: ``HINCRBY`` without ``add_to``: each commit fails after it was written."""
    redis = world.connection.redis
    await redis.hset(
        keys.LEDGER, mapping={"accepted": junk, b"\xff:noc": b"1", "opened:noc": junk, "x": junk}
    )
    assert (await world.ledger()).accepted == 0

    await world.send(world.event("1"))

    books = await world.ledger()
    assert (books.accepted, books.matched, books.destinations["noc"].opened) == (1, 1, 1)
    assert len(await world.told()) == 1
    saved = await redis.hgetall(keys.UNREADABLE_LEDGER)
    assert saved == {b"accepted": junk, b"opened:noc": junk}
    assert await redis.hget(keys.UNREADABLE, "ledger") == b"2"


async def test_a_count_that_is_refused_for_another_reason_keeps_its_field(world: World) -> None:
    """The mutant: ``add_to`` moves the field aside after any error."""
    redis = world.connection.redis
    await world.send(world.event("1"))
    await redis.execute_command("ACL", "SETUSER", least_rights.USER, "-hincrby")
    try:
        with pytest.raises(JournalUnavailableError, match="grant"):
            await world.accept([world.event("2")])
    finally:
        await redis.execute_command("ACL", "SETUSER", least_rights.USER, "+hincrby")

    assert (await world.ledger()).accepted == 1
    assert not await redis.exists(keys.UNREADABLE_LEDGER)


async def test_a_commit_that_failed_in_its_middle_takes_no_further_commits(world: World) -> None:
    """The mutant: ``filling`` is set before the job is enqueued: the next commit is never run."""
    redis = world.connection.redis
    await redis.set(keys.BATCHES, "another type")
    await redis.set(keys.EVALUATE_QUEUE, "another type")

    await world.batches.accept([Received([world.event("1")], [])])
    (name,) = await redis.zrange(keys.BATCHES, 0, -1)
    await world.evaluate.run(BatchId(name.decode()))

    assert (await world.ledger()).matched == 1
    assert await redis.get(keys.UNREADABLE_KEY + keys.BATCHES) == b"another type"
    assert await redis.hget(keys.UNREADABLE, "key") == b"2"


@pytest.mark.parametrize("how", ["junk", "another type"])
async def test_state_that_cannot_be_used_is_moved_aside_and_the_alert_is_sent(
    world: World, how: str
) -> None:
    """The mutant: the step runs without ``pcall``: every batch with this key fails for ever."""
    redis = world.connection.redis
    await world.send(world.event("1", type="cooled", k=1), world.event("2", type="cooled", k=2))
    for key in await redis.keys("router:state:*"):
        if how == "junk":
            await redis.hset(key, mapping={"until": "soon", "record": "junk"})
        else:
            await redis.delete(key)
            await redis.sadd(key, "x")
    await world.told()

    await world.send(world.event("3", type="cooled", k=1), world.event("4", type="a"))
    await world.send(world.event("5", type="cooled", k=1))

    assert [each.alert.event_id for each in await world.told()] == ["3", "4"]
    assert (await world.ledger()).suppressed_alerts == {"cooldown": 1}
    # The cooldown and the keyed alert.
    assert await redis.hget(keys.UNREADABLE, "state") == b"2"
    assert len(await redis.keys("router:unreadable:router:state:*")) == 2


async def test_results_of_chains_that_are_junk_are_decided_again(world: World) -> None:
    batch = await world.accept([world.event("1", type="cooled", k=1)])
    await world.connection.redis.set(keys.chain_results(batch), "another type")

    await world.evaluate.run(batch)

    assert len(await world.told()) == 1


async def test_an_id_that_is_not_utf_8_leaves_its_queue_and_the_jobs_beside_it_are_polled(
    world: World,
) -> None:
    """The mutant: ``poll`` decodes all ids: the worker's task ends, and the process with it."""
    redis = world.connection.redis
    await world.accept([world.event("1")])
    await redis.zadd(keys.EVALUATE_QUEUE, {b"\xff\xfe": 0})
    queue = JobQueue(world.connection, keys.EVALUATE_QUEUE)
    token = new_token("w", 1, lease_ms=1000)

    poll = await queue.poll(token, lease_ms=1000, max_jobs=10, max_ids=100)

    assert len(poll.jobs) == 1
    assert await redis.zscore(keys.EVALUATE_QUEUE, b"\xff\xfe") is None
    assert await redis.keys(b"arq:in-progress:\xff*") == []
    assert unreadable.counts() == {"job": 1}


@pytest.mark.parametrize("prefix", ["arq:job:", "arq:in-progress:", "arq:retry:"])
async def test_a_key_of_a_job_of_another_type_does_not_stop_its_queue(
    world: World, prefix: str
) -> None:
    redis = world.connection.redis
    one = await world.accept([world.event("1")])
    two = await world.accept([world.event("2")])
    await redis.delete(prefix + one)
    await redis.sadd(prefix + one, "x")
    queue = JobQueue(world.connection, keys.EVALUATE_QUEUE)
    token = new_token("w", 1, lease_ms=1)

    found = set()

    async def both_are_polled() -> bool:
        poll = await queue.poll(token, lease_ms=1, max_jobs=10, max_ids=100)
        found.update(job.id for job in poll.jobs)
        return found == {one, two}

    await until(both_are_polled)


def test_all_keys_that_all_work_shares_have_a_type() -> None:
    rows = re.findall(r"^\| (``router:[^<|]*) \| ([a-z ]+)", keys.__doc__ or "", re.MULTILINE)
    shared = {name for names, _ in rows for name in re.findall(r"``([^`]+)``", names)}

    # Claims are repaired by their own scripts; a process whose schema cannot be read does not start.
    assert shared - {key for key, _ in schema._TYPES} == {keys.CLAIMS, keys.SCHEMA}


async def test_all_keys_of_the_schema_have_their_type_checked(world: World) -> None:
    redis = world.connection.redis
    expected = dict([*schema._TYPES, *schema._of_destination("noc")])
    for key in expected:
        await redis.sadd(key, "x")

    assert await schema.check_types(world.connection, ["noc"]) == len(expected)
    assert await schema.check_types(world.connection, ["noc"]) == 0
    assert await redis.hget(keys.UNREADABLE, "key") == str(len(expected)).encode()
