"""A delivery moves to another set, once."""

import msgspec
from support.opened_set import SET, by_id

from router.alerts import Attempt, Delivery
from router.journal import jobs, keys
from router.journal.connection import Connection
from router.journal.deliveries import Deliveries
from router.journal.keys import SetId
from router.journal.settlements import Requeued


async def test_a_failed_delivery_is_put_back_alone_and_due_later(
    deliveries: Deliveries, connection: Connection, opened: tuple[Delivery, ...]
) -> None:
    attempt = Attempt(number=1, at=5.0, seconds=0.1, reason="timed out")
    later = msgspec.structs.replace(opened[1], attempt=2, failed_attempts=(attempt,))

    await deliveries.settle([Requeued(SET, later, due_at=2_000_000_000.0)])

    new_set = SetId("id0003")
    assert by_id((await deliveries.begin(SET, "mail")).deliveries) == by_id([opened[0], opened[2]])
    assert (await deliveries.begin(new_set, "mail")).deliveries == [later]
    assert await connection.redis.zscore(keys.deliver_queue("mail"), new_set) == 2e12
    assert jobs.is_job_for(await connection.redis.get(keys.job(new_set)), jobs.DELIVER)
    assert await connection.redis.ttl(keys.job(new_set)) == -1


async def test_a_delivery_is_put_back_once(
    deliveries: Deliveries, connection: Connection, opened: tuple[Delivery, ...]
) -> None:
    again = Requeued(SET, opened[1], due_at=2_000_000_000.0)

    assert await deliveries.settle([again]) == [True]
    assert await deliveries.settle([again]) == [False]

    assert await connection.redis.zcard(keys.open_sets("mail")) == 2
