"""Redis as a store: whether it can be trusted, and what is in it now."""

from collections.abc import Callable
from typing import Any, Final

from router.errors import JournalUnavailableError
from router.journal import keys, ledger
from router.journal.connection import Connection
from router.journal.pauses import PauseKind, Pauses
from router.metrics import Metrics

_OLDEST_VERSION: Final = (7, 0)


async def redis_info(connection: Connection) -> dict[str, Any]:
    """What Redis says of itself. Raises JournalUnavailableError."""
    info: dict[str, Any] = await connection.ask(
        connection.redis.info("server", "memory", "persistence")
    )
    return info


def durability_problems(info: dict[str, Any]) -> list[str]:
    """Why a Redis with this INFO may lose what it was given; empty where it may not.

    INFO is asked, not CONFIG: managed services forbid the latter.
    """
    found = []
    version = str(info.get("redis_version", "0"))
    if tuple(int(part) for part in version.split(".")[:2]) < _OLDEST_VERSION:
        found.append(f"Redis {version} is too old: 7.0 or later is needed")
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        found.append(f"maxmemory-policy is {policy}, which evicts events: set it to noeviction")
    if not int(info.get("aof_enabled", 0)):
        found.append("appendonly is no, so a restart loses events: set it to yes")
    return found


def memory_used_ratio(info: dict[str, Any]) -> float:
    """The share of maxmemory in use, 0.0 where there is no limit."""
    limit = int(info.get("maxmemory", 0))
    return int(info.get("used_memory", 0)) / limit if limit else 0.0


async def update_gauges(connection: Connection, metrics: Metrics, now: Callable[[], float]) -> None:
    """Set the gauges that show the store as it is now; ``router_redis_up`` 0 where it is away.

    Asked at each scrape, so that an idle process costs nothing and a scrape is never stale.
    """
    try:
        books = await ledger.read(connection)
        queues = [(keys.EVALUATE_QUEUE, keys.BATCHES, books.pending)]
        due = await connection.ask(connection.redis.zcount(keys.TIMERS, "-inf", int(now() * 1000)))
        queues.append((keys.TIMER_QUEUE, keys.TIMERS, due))
        for name, counts in books.destinations.items():
            queues.append((keys.deliver_queue(name), keys.open_sets(name), counts.pending))
            metrics.dead_letters.labels(name).set(
                await connection.ask(connection.redis.zcard(keys.dead_letter_index(name)))
            )
        for queue, open_work, depth in queues:
            label = queue.removeprefix("router:queue:")
            metrics.queue_depth.labels(label).set(depth)
            oldest = await connection.ask(connection.redis.zrange(open_work, 0, 0, withscores=True))
            waited = now() - oldest[0][1] / 1000 if oldest else 0.0
            # Work that is put back for later is not late.
            metrics.queue_oldest_age_seconds.labels(label).set(max(0.0, waited))
        held = await Pauses(connection).all()
        for name in books.destinations.keys() | held.keys():
            for kind in PauseKind:
                is_held = name in held and held[name].kind is kind
                metrics.destination_paused.labels(name, kind).set(is_held)
        metrics.quarantined.set(await connection.ask(connection.redis.zcard(keys.QUARANTINE_INDEX)))
        metrics.redis_memory_used_ratio.set(memory_used_ratio(await redis_info(connection)))
        metrics.redis_up.set(1)
    except JournalUnavailableError:
        metrics.redis_up.set(0)
