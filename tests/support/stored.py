"""What Redis stores, counted record by record, against what the ledger says that it stores."""

from collections import Counter
from collections.abc import Sequence

import msgspec

from router.clock import Clock
from router.journal import keys, ledger
from router.journal.connection import Connection
from router.journal.dead_letters import DeadLetterFilter, DeadLetters
from router.journal.deliveries import Deliveries
from router.journal.quarantine import Quarantine, QuarantineFilter
from router.journal.settlements import Done


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """The records of one moment. A name without records is not in a map."""

    events: int
    """Events that are in a batch."""
    alerts: int
    """Alerts that are in a group, or were taken from one by a timer that has not ended."""
    pending: dict[str, int]
    """Deliveries that are in a set, or wait in a lane, by destination."""
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
        elif prefix == "lane-waiting":
            pending[rest] += await redis.hlen(name)
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
    """Compare the ledger with the store, and the counts of references with the records.

    The message of the assertion has both.
    """
    books = await ledger.read(connection)
    found, said = await stored(connection), expected(books)
    assert found == said, f"stored {found}, in the ledger {said}: {books}"
    counted, referring = await references_counted(connection), await references_found(connection)
    assert counted == referring, f"references {counted}, of records {referring}"


async def references_counted(connection: Connection) -> dict[str, int]:
    """Return the number of references of each alert that is stored by itself, as it is stored."""
    counted: dict[str, int] = {}
    for key in await connection.redis.keys("router:alerts:*"):
        fields = await connection.redis.hgetall(key)
        numbers = {field.removesuffix(b"#") for field in fields}
        assert fields.keys() == {each for of in numbers for each in (of, of + b"#")}, key
        for number in numbers:
            counted[f"{key.decode()}/{number.decode()}"] = int(fields[number + b"#"])
    return counted


async def references_found(connection: Connection) -> dict[str, int]:
    """Return the same, as deliveries, dead letters and deliveries in quarantine refer to them."""
    redis = connection.redis
    places: list[object] = []
    for key in [*await redis.keys("router:set:*"), *await redis.keys("router:lane-waiting:*")]:
        places += [msgspec.msgpack.decode(record)[2] for record in await redis.hvals(key)]
    for key in await redis.keys("router:dead:*"):
        letters = [msgspec.msgpack.decode(letter) for letter in await redis.hvals(key)]
        places += [letter["delivery"][2] for letter in letters]
    for item in await redis.hvals(keys.QUARANTINE):
        places.append(msgspec.msgpack.decode(item).get("reference"))
    parts = [place.split(".") for place in places if isinstance(place, str)]
    return dict(Counter(f"{keys.stored_alerts(name)}/{number}" for name, number, _ in parts))


async def settle_all(connection: Connection, clock: Clock, names: Sequence[str]) -> None:
    """Deliver each delivery, and discard all dead letters and quarantined items."""
    deliveries, letters = Deliveries(connection, clock), DeadLetters(connection, clock)
    quarantine = Quarantine(connection, clock)
    for name in names:
        while sets := await connection.redis.zrange(keys.open_sets(name), 0, -1):
            for member in sets:
                set_id = keys.SetId(member.decode())
                page = await deliveries.begin(set_id, name)
                await deliveries.settle([Done(set_id, each) for each in page.deliveries])
        found = await letters.find(name, DeadLetterFilter())(None, 1000)
        await letters.discard(name, found.items)
    items = await quarantine.find(QuarantineFilter())(None, 1000)
    await quarantine.discard(items.items)


async def forget_claims(connection: Connection) -> None:
    """Let the dedup window pass for all events."""
    redis = connection.redis
    for pattern in ("router:seen:*", "router:claims*"):
        if names := [key async for key in redis.scan_iter(pattern, count=1000)]:
            await redis.delete(*names)
