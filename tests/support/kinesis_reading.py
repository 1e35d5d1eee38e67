"""Events in a stream, and what became of them."""

from router.journal import ledger
from router.journal.connection import Connection
from support.events import event_from
from support.waiting import until


def events(sample: bytes, count: int, *, first: int = 0) -> list[bytes]:
    """Return events with ids of their own."""
    return [
        event_from(sample, id=f"NO{number}", type="com.example.unwatched").body
        for number in range(first, first + count)
    ]


async def evaluated(connection: Connection, count: int) -> ledger.Ledger:
    """Return the ledger, once ``count`` different events were evaluated."""

    async def enough() -> ledger.Ledger | None:
        counts = await ledger.read(connection)
        evaluated_events = counts.filtered + counts.matched + counts.quarantined
        return counts if evaluated_events >= count and not counts.pending else None

    return await until(enough)
