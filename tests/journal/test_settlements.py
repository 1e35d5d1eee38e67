"""A delivery leaves its set exactly once, however often its end is recorded."""

from collections.abc import Callable

import msgspec
import pytest
from support.clock import SetClock
from support.dead_letters import dead_letters
from support.opened_set import SET, by_id

from router.alerts import Attempt, Delivery
from router.clock import Clock
from router.journal import keys, ledger
from router.journal.connection import Connection
from router.journal.deliveries import Deliveries
from router.journal.leases import LeaseToken
from router.journal.settlements import Done, GivenUp, Requeued, Settlement


async def has_job(connection: Connection) -> bool:
    """Whether arq has all of the set's job still. None of it is left else."""
    left = await connection.redis.exists(*keys.job_keys(SET))
    queued = await connection.redis.zscore(keys.deliver_queue("mail"), SET) is not None
    assert (left, queued) in {(0, False), (3, True)}
    return queued


@pytest.mark.parametrize(
    "end",
    [
        lambda delivery: Done(SET, delivery),
        lambda delivery: Requeued(SET, delivery, due_at=2_000_000_000.0),
        lambda delivery: GivenUp(SET, delivery, "HTTP 400"),
    ],
    ids=["done", "put back", "given up"],
)
async def test_the_job_of_a_set_ends_with_its_last_delivery(
    deliveries: Deliveries,
    connection: Connection,
    opened: tuple[Delivery, ...],
    end: Callable[[Delivery], Settlement],
) -> None:
    await connection.redis.mset({keys.lease(SET): 1, keys.starts(SET): 1})
    await deliveries.settle([Done(SET, opened[0]), end(opened[1])])
    assert await has_job(connection)

    await deliveries.settle([end(opened[2])])

    assert not await has_job(connection)


@pytest.mark.usefixtures("opened")
async def test_the_job_of_a_set_that_is_gone_ends_when_it_is_taken(
    deliveries: Deliveries, connection: Connection
) -> None:
    await connection.redis.mset({keys.lease(SET): 1, keys.starts(SET): 1})
    await deliveries.begin(SET, "mail")
    assert await has_job(connection)

    await connection.redis.delete(keys.delivery_set(SET))
    await deliveries.begin(SET, "mail")

    assert not await has_job(connection)


async def test_a_delivery_recorded_twice_counts_once(
    deliveries: Deliveries, connection: Connection, opened: tuple[Delivery, ...]
) -> None:
    await deliveries.settle([Done(SET, opened[0])])
    await deliveries.settle([Done(SET, opened[0])])

    books = (await ledger.read(connection)).destinations["mail"]
    assert (books.opened, books.delivered, books.pending) == (3, 1, 2)


async def test_the_last_delivery_closes_its_set(
    deliveries: Deliveries, connection: Connection, opened: tuple[Delivery, ...]
) -> None:
    await deliveries.settle([Done(SET, delivery) for delivery in opened])

    assert await connection.redis.exists(keys.delivery_set(SET), keys.open_sets("mail")) == 0
    assert (await deliveries.begin(SET, "mail")).deliveries == []


async def test_a_dead_letter_keeps_every_attempt(
    deliveries: Deliveries, connection: Connection, opened: tuple[Delivery, ...], clock: Clock
) -> None:
    attempts = tuple(
        Attempt(number=n, at=n, seconds=0.1, reason="HTTP 500", status=500) for n in (1, 2)
    )
    dead = msgspec.structs.replace(opened[0], attempt=2, failed_attempts=attempts)

    await deliveries.settle([GivenUp(SET, dead, "HTTP 500 (attempt 2 of 2)")])
    await deliveries.settle([GivenUp(SET, dead, "HTTP 500 (attempt 2 of 2)")])

    letters = await dead_letters(connection, "mail", newest=10)
    assert [(letter.delivery, letter.reason, letter.died_at) for letter in letters] == [
        (dead, "HTTP 500 (attempt 2 of 2)", clock.now())
    ]
    books = (await ledger.read(connection)).destinations["mail"]
    assert (books.dead, books.pending) == (1, 2)


async def test_settlements_of_several_kinds_and_sets_leave_in_one_round_trip(
    deliveries: Deliveries, connection: Connection, opened: tuple[Delivery, ...]
) -> None:
    await deliveries.settle(
        [
            Done(SET, opened[0]),
            Requeued(SET, opened[1], due_at=2_000_000_000.0),
            GivenUp(SET, opened[2], "no"),
        ]
    )

    books = (await ledger.read(connection)).destinations["mail"]
    assert (books.delivered, books.dead, books.pending) == (1, 1, 1)
    assert await connection.redis.zrange(keys.open_sets("mail"), 0, -1) == [b"id0003"]


async def test_scripts_that_redis_forgot_are_sent_again(
    deliveries: Deliveries, connection: Connection, opened: tuple[Delivery, ...]
) -> None:
    await connection.redis.script_flush()

    await deliveries.settle([Done(SET, opened[0]), GivenUp(SET, opened[1], "no")])

    assert (await deliveries.begin(SET, "mail")).deliveries == [opened[2]]


@pytest.mark.parametrize("owner", ["another", "mine", None])
@pytest.mark.parametrize(
    "decide",
    [
        lambda delivery: Requeued(SET, delivery, due_at=2e9, token=LeaseToken("mine")),
        lambda delivery: GivenUp(SET, delivery, "HTTP 400", LeaseToken("mine")),
    ],
    ids=["put back", "given up"],
)
async def test_a_worker_decides_about_a_delivery_unless_another_one_has_its_lease(
    deliveries: Deliveries,
    connection: Connection,
    opened: tuple[Delivery, ...],
    decide: Callable[[Delivery], Settlement],
    owner: str | None,
) -> None:
    """Seen to fail without ``is_lost`` in ``retry.lua`` and in ``dead_letter.lua``."""
    if owner is not None:
        await connection.redis.set(keys.lease(SET), owner)

    recorded = await deliveries.settle([decide(opened[0]), Done(SET, opened[1])])

    assert recorded == [owner != "another", True]
    left = [each.id for each in by_id((await deliveries.begin(SET, "mail")).deliveries)]
    assert (opened[0].id in left) is (owner == "another")
    assert (await ledger.read(connection)).destinations["mail"].opened == 3


async def test_a_delivery_is_recorded_by_whichever_worker_made_it(
    deliveries: Deliveries, connection: Connection, opened: tuple[Delivery, ...]
) -> None:
    """Seen to fail if ``mark_delivered.lua`` compares a lease."""
    await connection.redis.set(keys.lease(SET), "another")

    await deliveries.settle([Done(SET, delivery) for delivery in opened])

    assert (await ledger.read(connection)).destinations["mail"].delivered == 3
    assert not await has_job(connection)


async def test_a_retry_waits_as_long_as_was_decided_though_the_clock_was_set_since(
    deliveries: Deliveries, connection: Connection, opened: tuple[Delivery, ...], time: SetClock
) -> None:
    """As while Redis was away. Seen to fail if the wait is computed when it is recorded."""
    then = time.now + 3600

    await deliveries.settle([Requeued(SET, opened[0], then + 60, decided_at=then)])

    ((_, due_ms),) = await connection.redis.zrange(
        keys.deliver_queue("mail"), -1, -1, withscores=True
    )
    assert due_ms == (time.now + 60) * 1000
