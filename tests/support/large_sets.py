"""A digest with many deliveries, as its window leaves it."""

import msgspec

from router.alerts import Delivery, DeliveryId
from router.journal import jobs, keys, ledger
from router.journal.connection import Connection
from router.journal.keys import SetId
from support.events import alert_of, event_from


async def fill_digest(connection: Connection, sample: bytes, count: int, size: int) -> SetId:
    """Store a due digest with so many deliveries to ``mail``, each of so many bytes; return it."""
    event = event_from(sample)
    alert = alert_of(event)
    event_json = event.body[:-1] + b',"filler":"'
    set_id = keys.digest_set("mail", 1_000)
    redis = connection.redis
    for first in range(0, count, 1000):
        records: list[bytes] = []
        for number in range(first, min(count, first + 1000)):
            filler = f"NO{number}".encode().ljust(size - len(event_json) - 500, b"x")
            delivery = Delivery(
                id=DeliveryId(f"msg_{number}"),
                destination="mail",
                alert=msgspec.structs.replace(alert, event=event_json + filler + b'"}'),
            )
            records += [delivery.id.encode(), msgspec.msgpack.encode(delivery)]
        await redis.execute_command("HSET", keys.delivery_set(set_id), *records)
    await redis.hincrby(keys.LEDGER, ledger.opened("mail"), count)
    await redis.zadd(keys.open_sets("mail"), {set_id: 1_000})
    await redis.set(keys.job(set_id), jobs.payload(jobs.DELIVER, 1_000))
    await redis.zadd(keys.deliver_queue("mail"), {set_id: 1_000})
    return set_id
