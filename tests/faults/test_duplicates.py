"""Events that arrive again: at once, changed, or after a long outage. Each is delivered once."""

from collections import Counter

from support.clock import SetClock
from support.processes import RouterProcess
from support.receivers import Receivers
from support.sender import Sender
from support.stored import agree
from support.waiting import until
from support.world import World

from router.dev.embedded_redis import EmbeddedRedis
from router.journal import keys, ledger
from router.journal.connection import Connection, connect
from router.journal.keys import BatchId

RULES = "rules: [{name: each, events: [a], send_to: [noc, boss]}]"
COPIES = 100


async def evaluated(redis: EmbeddedRedis, count: int) -> ledger.Ledger:
    """Return the ledger, once so many events are evaluated and their deliveries have ended."""
    connection = connect(redis.url, deadline=5.0, max_connections=2)

    async def settled() -> ledger.Ledger | None:
        books = await ledger.read(connection)
        pending = [books.pending, *(each.pending for each in books.destinations.values())]
        return books if books.accepted == count and not any(pending) else None

    try:
        return await until(settled)
    finally:
        await connection.close()


async def test_an_event_that_arrives_a_hundred_times_at_once_is_delivered_once(
    redis: EmbeddedRedis,
    receivers: Receivers,
    environ: dict[str, str],
    sample: bytes,
) -> None:
    """Mutant: ``begin_batch.lua`` takes each event for its own."""
    sender = Sender(sample)
    async with (
        RouterProcess("worker", environ=environ),
        RouterProcess("ingress", environ=environ) as ingress,
    ):
        await sender.send(ingress.url, ["NO1"] * COPIES, at_once=COPIES)
        await receivers.have_all({"NO1"}, seconds=60)
        await sender.send(ingress.url, ["NO1"] * COPIES, at_once=COPIES)  # in other batches
        books = await evaluated(redis, 2 * COPIES)
        delivered = receivers.delivered({"NO1"})

    repeated = sum(has.total() - 1 for has in delivered.values())
    assert (books.matched, books.duplicate) == (1, 2 * COPIES - 1)
    assert repeated == 0


async def test_of_two_bodies_with_one_id_the_first_one_wins(
    redis: EmbeddedRedis,
    receivers: Receivers,
    environ: dict[str, str],
    sample: bytes,
) -> None:
    """The second gets 202 and counts as duplicate. Mutant as above."""
    async with (
        RouterProcess("worker", environ=environ),
        RouterProcess("ingress", environ=environ) as ingress,
    ):
        await Sender(sample).send(ingress.url, ["NO1"])
        await evaluated(redis, 1)
        await Sender(sample.replace(b"Weekly Standup", b"other")).send(ingress.url, ["NO1"])
        books = await evaluated(redis, 2)
    (ticket,) = receivers.tickets.requests

    assert (books.matched, books.duplicate) == (1, 1)
    assert b"other" not in ticket.body


async def pass_hours(connection: Connection, time: SetClock, hours: int) -> None:
    """Move the clock, and delete what Redis would let expire in that time."""
    time.now += 3600 * hours
    for key in await connection.redis.keys("*"):
        if 0 <= await connection.redis.pttl(key) <= 3_600_000 * hours:
            await connection.redis.delete(key)


async def test_nothing_expires_while_all_workers_are_off_for_25_hours(
    connection: Connection,
) -> None:
    """Batches that were accepted or begun, and deliveries, are there; what was begun is not a duplicate.

    Mutants: the result of a batch's claims expires after the dedup window; a batch has a TTL of a day.
    """
    time = SetClock()
    world = World(connection, time, RULES)
    await world.send(*(world.event(f"delivery{number}") for number in range(20)))
    begun = await world.accept([world.event(f"begun{number}") for number in range(20)])
    await world.batches.begin(begun, claim_seconds=86_400)
    await world.accept([world.event(f"accepted{number}") for number in range(20)])

    await pass_hours(connection, time, 25)
    for batch_id in await connection.redis.zrange(keys.BATCHES, 0, -1):
        await world.evaluate.run(BatchId(batch_id.decode()))

    await agree(connection)
    books = await ledger.read(connection)
    arrived = Counter(
        [each.alert.event_id for place in ("noc", "boss") for each in await world.told(place)]
    )
    lost = 60 - len(arrived)
    assert (books.matched, books.duplicate, lost) == (60, 0, 0)
    assert set(arrived.values()) == {2}
