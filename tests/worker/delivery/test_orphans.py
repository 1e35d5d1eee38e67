"""Deliveries of a removed destination, and when a process may give them up."""

import pytest
from support.clock import SetClock
from support.dead_letters import dead_letters
from support.events import deliveries_of, event_from, held_by
from support.large_sets import fill_digest

from router.clock import Clock
from router.events.model import Received
from router.journal import keys, ledger
from router.journal.batches import Batches
from router.journal.connection import Connection
from router.journal.deliveries import Deliveries
from router.journal.finish import FinishedWork
from router.journal.keys import BatchId
from router.journal.orphaned_deliveries import OrphanedDeliveries
from router.metrics import Metrics
from router.worker.delivery.orphans import OrphanReaper

AFTER = 100.0
DELIVERIES = 250
"""More than one set holds."""


class Process:
    """A process: the destinations it delivers to, and those of its rules."""

    def __init__(self, connection: Connection, clock: Clock, time: SetClock) -> None:
        self.claimed: list[str] = []
        self.known: set[str] = set()
        self._time = time
        self.metrics = Metrics()
        deliveries = Deliveries(connection, clock)
        self.reaper = OrphanReaper(
            OrphanedDeliveries(connection, deliveries, clock),
            lambda: self.claimed,
            lambda: frozenset(self.known),
            self.metrics,
            clock,
            after=AFTER,
        )

    async def check_for(self, seconds: float, *, with_: "Process | None" = None) -> int:
        """Check ten times in each timeout; return how many deliveries were given up."""
        given_up = 0
        for _ in range(round(seconds / (AFTER / 10))):
            self._time.now += AFTER / 10
            given_up += await self.reaper.reap()
            if with_ is not None:
                await with_.reaper.reap()
        return given_up


@pytest.fixture
async def waiting(connection: Connection, clock: Clock, sample: bytes) -> None:
    """Deliveries that wait for a destination ``mail``."""
    batches = Batches(connection, clock)
    event = event_from(sample)
    await batches.accept([Received(events=[event], malformed=[])])
    (batch_id,) = await connection.redis.zrange(keys.BATCHES, 0, -1)
    verdict = FinishedWork(
        duplicate=0,
        filtered=0,
        matched=1,
        quarantined=(),
        deliveries=deliveries_of(event, DELIVERIES, "mail"),
    )
    assert await held_by(batches, batch_id.decode())
    assert await batches.finish(BatchId(batch_id.decode()), verdict)


@pytest.fixture
def process(connection: Connection, clock: Clock, time: SetClock) -> Process:
    return Process(connection, clock, time)


@pytest.fixture
def other(connection: Connection, clock: Clock, time: SetClock) -> Process:
    return Process(connection, clock, time)


async def books(connection: Connection) -> ledger.DestinationLedger:
    return (await ledger.read(connection)).destinations["mail"]


@pytest.mark.fault_row(63)
@pytest.mark.usefixtures("waiting")
async def test_it_becomes_dead_letters_and_nothing_of_it_is_left(
    connection: Connection, process: Process
) -> None:
    """Mutant: what waits for a removed destination waits for ever."""
    assert await process.check_for(2 * AFTER) == DELIVERIES

    mail = await books(connection)
    assert (mail.opened, mail.dead, mail.pending) == (DELIVERIES, DELIVERIES, 0)
    ended = process.metrics.registry.get_sample_value(
        "router_deliveries_total", {"destination": "mail", "outcome": "dead_lettered"}
    )
    assert ended == DELIVERIES
    letters = await dead_letters(connection, "mail", newest=DELIVERIES)
    assert {letter.reason for letter in letters} == {"destination removed"}
    assert len({letter.delivery.id for letter in letters}) == DELIVERIES
    left = {key.decode() for key in await connection.redis.keys("*")}
    assert left == {
        keys.LEDGER,
        keys.ORPHANED,
        keys.dead_letters("mail"),
        keys.dead_letter_index("mail"),
    } | {key for key in left if key.startswith("router:queue:evaluate")} | {
        key for key in left if key.startswith(("arq:job:", keys.CLAIMS))
    }
    assert await connection.redis.zcard(keys.deliver_queue("mail")) == 0


@pytest.mark.usefixtures("waiting")
async def test_it_is_kept_for_a_time(connection: Connection, process: Process) -> None:
    assert await process.check_for(AFTER) == 0
    assert (await books(connection)).pending == DELIVERIES


@pytest.mark.usefixtures("waiting")
async def test_it_is_kept_while_another_process_delivers_there(
    connection: Connection, process: Process, other: Process
) -> None:
    other.claimed = ["mail"]
    other.known = {"mail"}

    assert await process.check_for(5 * AFTER, with_=other) == 0
    assert (await books(connection)).pending == DELIVERIES


@pytest.mark.usefixtures("waiting")
async def test_the_time_begins_anew_when_the_other_process_has_ended(
    process: Process, other: Process
) -> None:
    other.claimed = ["mail"]
    await process.check_for(5 * AFTER, with_=other)

    assert await process.check_for(AFTER) == 0
    assert await process.check_for(AFTER) == DELIVERIES


@pytest.mark.usefixtures("waiting")
async def test_a_destination_that_is_back_in_time_keeps_what_waits(
    connection: Connection, process: Process
) -> None:
    await process.check_for(AFTER)
    process.claimed, process.known = ["mail"], {"mail"}

    assert await process.check_for(3 * AFTER) == 0

    process.claimed, process.known = [], set()
    assert await process.check_for(AFTER) == 0
    assert (await books(connection)).pending == DELIVERIES


@pytest.mark.usefixtures("waiting")
async def test_a_process_that_stood_still_begins_anew(process: Process, time: SetClock) -> None:
    await process.check_for(AFTER / 2)
    time.now += 10 * AFTER

    assert await process.check_for(AFTER) == 0


@pytest.mark.usefixtures("waiting")
async def test_a_set_that_a_worker_runs_is_left_alone(
    connection: Connection, process: Process
) -> None:
    held = (await connection.redis.zrange(keys.open_sets("mail"), 0, -1))[0].decode()
    size = await connection.redis.hlen(keys.delivery_set(keys.SetId(held)))
    await connection.redis.set(keys.lease(held), b"1")

    assert await process.check_for(2 * AFTER) == DELIVERIES - size

    await connection.redis.delete(keys.lease(held))
    assert await process.check_for(AFTER / 10) == size


@pytest.mark.usefixtures("waiting")
async def test_a_claim_at_the_last_moment_keeps_the_deliveries(
    connection: Connection, clock: Clock
) -> None:
    removed = OrphanedDeliveries(connection, Deliveries(connection, clock), clock)
    (mail,) = await removed.mark_unknown(frozenset())
    await removed.claim(["mail"])

    assert await removed.abandon(mail) == 0
    assert (await books(connection)).pending == DELIVERIES


@pytest.mark.usefixtures("waiting")
async def test_a_process_that_knows_a_part_of_the_rules_gives_nothing_up(
    connection: Connection, clock: Clock
) -> None:
    removed = OrphanedDeliveries(connection, Deliveries(connection, clock), clock)
    reaper = OrphanReaper(removed, lambda: ["other"], None, Metrics(), clock, after=AFTER)

    assert await reaper.reap() == 0
    assert not await connection.redis.exists(keys.ORPHANED)


async def test_a_set_of_several_pages_is_given_up_whole(
    process: Process, connection: Connection, sample: bytes
) -> None:
    """Mutant: only the first page is given up."""
    await fill_digest(connection, sample, 1200, 1700)
    process.claimed, process.known = [], set()

    given_up = 0
    while not given_up:
        given_up = await process.check_for(AFTER / 10)

    counts = (await ledger.read(connection)).destinations["mail"]
    assert (given_up, counts.dead, counts.pending) == (1200, 1200, 0)
    assert not await connection.redis.exists(keys.open_sets("mail"))
