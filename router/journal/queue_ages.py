"""How much waits in each queue, and how long the oldest of it has waited."""

import msgspec

from router.journal import keys
from router.journal.connection import Connection
from router.journal.ledger import Ledger

_QUEUE_PREFIX = "router:queue:"
_DELIVER = "deliver:"


class QueueAge(msgspec.Struct, frozen=True):
    """The work that waits in a queue."""

    queue: str
    """``evaluate``, ``timers`` or ``deliver:<destination>``."""
    depth: int
    """Events, due timers or deliveries that are pending."""
    oldest_age_seconds: float
    """Seconds since the oldest of them is due; 0 if none is."""

    @property
    def destination(self) -> str:
        """The destination of its deliveries; ``""`` for another queue."""
        return self.queue.removeprefix(_DELIVER) if self.queue.startswith(_DELIVER) else ""


async def queue_ages(connection: Connection, counters: Ledger, now: float) -> list[QueueAge]:
    """Return what waits in each queue.

    Args:
        connection: To Redis.
        counters: The ledger, which has the destinations and what is pending.
        now: Unix time in seconds.

    Raises:
        JournalUnavailableError: Redis did not answer.
    """
    names = list(counters.destinations)
    pipeline = connection.redis.pipeline(transaction=False)
    pipeline.zcount(keys.TIMERS, "-inf", int(now * 1000))
    for open_work in (keys.BATCHES, keys.TIMERS):
        pipeline.zrange(open_work, 0, 0, withscores=True)
    for name in names:
        pipeline.zrange(keys.open_sets(name), 0, 0, withscores=True)
        pipeline.zrange(keys.lanes(name), 0, 0, withscores=True)
    due, *oldest = await connection.ask(pipeline.execute())
    queues = [(keys.EVALUATE_QUEUE, counters.pending), (keys.TIMER_QUEUE, due)]
    queues += [(keys.deliver_queue(name), counters.destinations[name].pending) for name in names]
    # Deliveries wait in sets or in lanes.
    by_queue = [*oldest[:2], *(a + b for a, b in zip(oldest[2::2], oldest[3::2], strict=True))]
    return [
        QueueAge(queue.removeprefix(_QUEUE_PREFIX), depth, _age(members, now))
        for (queue, depth), members in zip(queues, by_queue, strict=True)
    ]


def _age(members: list[tuple[bytes, float]], now: float) -> float:
    # Not below 0, because requeued work is due in the future.
    return max(0.0, *(now - since / 1000 for _, since in members)) if members else 0.0
