"""What Redis stores, counted record by record, against what the ledger says that it stores."""

from collections import Counter

import msgspec

from router.journal import keys, ledger
from router.journal.connection import Connection


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """The records of one moment. A name without records is not in a map."""

    events: int
    """Events that are in a batch."""
    alerts: int
    """Alerts that are in a group, or were taken from one by a timer that has not ended."""
    pending: dict[str, int]
    """Deliveries that are in a set, by destination."""
    dead: dict[str, int]
    """Dead letters, by destination."""


async def stored(connection: Connection) -> Stored:
    """Count the records, as an auditor would: no counter is read."""
    redis = connection.redis
    events = alerts = 0
    pending: Counter[str] = Counter()
    dead: Counter[str] = Counter()
    for name in sorted([key.decode() async for key in redis.scan_iter(count=1000)]):
        prefix, _, rest = name.removeprefix("router:").partition(":")
        if prefix == "batch":
            events += sum(
                len(msgspec.msgpack.decode(each)) for each in await redis.lrange(name, 0, -1)
            )
        elif prefix in {"taken", "state"} and await redis.type(name) == b"hash":
            is_group = await redis.hexists(name, "joined")
            alerts += int(await redis.hget(name, "count")) if is_group else 0
        elif prefix == "sets":
            for set_id in await redis.zrange(name, 0, -1):
                pending[rest] += await redis.hlen(keys.delivery_set(keys.SetId(set_id.decode())))
        elif prefix == "dead":
            dead[rest] += await redis.hlen(name)
            assert await redis.zcard(keys.dead_letter_index(rest)) == dead[rest]
    return Stored(events=events, alerts=alerts, pending=+pending, dead=+dead)


def expected(books: ledger.Ledger) -> Stored:
    """Return what the ledger says that Redis stores."""
    return Stored(
        events=books.pending,
        alerts=books.waiting,
        pending={name: of.pending for name, of in books.destinations.items() if of.pending},
        dead={name: of.dead for name, of in books.destinations.items() if of.dead},
    )


async def agree(connection: Connection) -> None:
    """Compare the ledger with the store; the message of the assertion has both."""
    books = await ledger.read(connection)
    found, said = await stored(connection), expected(books)
    assert found == said, f"stored {found}, in the ledger {said}: {books}"


async def forget_claims(connection: Connection) -> None:
    """Let the dedup window pass for all events."""
    redis = connection.redis
    for pattern in ("router:seen:*", "router:claims*"):
        if names := [key async for key in redis.scan_iter(pattern, count=1000)]:
            await redis.delete(*names)
