"""A set is limited by the number and by the bytes of its deliveries."""

import msgspec
from support.events import deliveries_of, event_from

from router.clock import Clock
from router.events.model import Received
from router.journal import keys
from router.journal.batches import Batches
from router.journal.connection import Connection
from router.journal.delivery_sets import RECORD_SIZE, SET_SIZE, cut_into_sets
from router.journal.finish import FinishedWork
from router.journal.keys import BatchId, SetId


def test_deliveries_are_cut_into_sets_by_their_number(sample: bytes) -> None:
    """Mutant: a set has no limit of deliveries."""
    ids = iter("abc")

    sets, _ = cut_into_sets(deliveries_of(event_from(sample), SET_SIZE + 1), lambda: next(ids))

    assert [(each.set_id, each.weight()) for each in sets] == [("a", SET_SIZE), ("b", 1)]


async def test_large_deliveries_are_cut_into_sets_by_their_bytes(
    connection: Connection, clock: Clock, sample: bytes
) -> None:
    """Mutants: a set is cut by its count alone; a filling set is weighed by its count."""
    batches, event = Batches(connection, clock), event_from(sample)
    heavy = msgspec.structs.replace(event, body=b"x" * 51 * RECORD_SIZE)
    light = deliveries_of(event, SET_SIZE // 2)

    for outcome in (deliveries_of(heavy, 3), light):
        await batches.accept([Received([event], [])])
        ((batch_id, *_),) = [await connection.redis.zrange(keys.BATCHES, 0, -1)]
        await batches.finish(
            BatchId(batch_id.decode()), FinishedWork(matched=1, deliveries=outcome)
        )

    assert await sizes_of_sets(connection) == [1, 1, 1, SET_SIZE // 2]


async def sizes_of_sets(connection: Connection) -> list[int]:
    sets = await connection.redis.zrange(keys.open_sets("mail"), 0, -1)
    return [await connection.redis.hlen(keys.delivery_set(SetId(s.decode()))) for s in sets]
