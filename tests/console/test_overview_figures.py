"""The figures of the overview, read from Redis."""

from support.keyed import START, put

from router.console.overview_figures import read_firing
from router.events.masks import Masks
from router.journal import keys
from router.journal.connection import Connection
from router.journal.keyed_alerts import KeyedAlerts


async def test_alerts_that_are_acknowledged_are_counted_beyond_those_that_are_shown(
    connection: Connection, sample: bytes
) -> None:
    """Mutant seen to fail: the count of those shown."""
    for number in range(12):
        await put(connection, sample, f"ak_{number}", changed=START + number)
        if number < 7:
            fields = {"by": "ann", "at": START + 20}
            await connection.redis.hset(keys.acknowledgement(f"ak_{number}"), mapping=fields)

    firing = await read_firing(KeyedAlerts(connection), START / 1000 + 30, Masks(()), shown=2)

    assert (len(firing.shown), firing.count, firing.acknowledged) == (2, 12, 7)
