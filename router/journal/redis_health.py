"""Whether Redis can lose what it stores, and the gauges of what it contains."""

from collections.abc import Callable
from typing import Any, Final

from router.errors import JournalUnavailableError
from router.journal import keys, ledger, unreadable
from router.journal.alert_gauges import AlertGauges
from router.journal.claims import read_claims
from router.journal.connection import Connection
from router.journal.pauses import PauseKind, Pauses
from router.journal.queue_ages import queue_ages
from router.metrics import Metrics

_MOVED_BY_SCRIPTS: Final = frozenset({b"ledger", b"state", b"key"})
_OLDEST_VERSION: Final = (7, 0)


def durability_problems(info: dict[str, Any]) -> list[str]:
    """Return why a Redis with this INFO may lose events, a sentence each; empty if it does not.

    INFO is read and not CONFIG, because managed services forbid the latter.
    """
    found = []
    version = str(info.get("redis_version", "0"))
    if tuple(int(part) for part in version.split(".")[:2]) < _OLDEST_VERSION:
        found.append(f"Redis {version} is too old: 7.0 or later is needed")
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        found.append(f"maxmemory-policy is {policy}, which evicts events: set it to noeviction")
    if "aof_enabled" not in info:
        found.append(
            "INFO does not say whether appendonly is on, so a restart may lose events: ask the service"
        )
    elif not int(info["aof_enabled"]):
        found.append("appendonly is no, so a restart loses events: set it to yes")
    return found


async def update_gauges(
    connection: Connection,
    metrics: Metrics,
    now: Callable[[], float],
    alert_gauges: AlertGauges,
) -> bool:
    """Set the gauges to what Redis contains now; return whether Redis has answered.

    Called at each scrape, so that an idle process costs nothing and a scrape is never stale.
    ``now`` returns Unix time in seconds.
    """
    try:
        counters = await ledger.read(connection)
        for name, counts in counters.destinations.items():
            metrics.deliveries_superseded.labels(name).set(counts.superseded)
            metrics.deliveries_overtaken.labels(name).set(counts.overtaken)
            metrics.dead_letters.labels(name).set(
                await connection.ask(connection.redis.zcard(keys.dead_letter_index(name)))
            )
        for each in await queue_ages(connection, counters, now()):
            metrics.queue_depth.labels(each.queue).set(each.depth)
            metrics.queue_oldest_age_seconds.labels(each.queue).set(each.oldest_age_seconds)
        claims = await read_claims(connection, 1000 * now())
        metrics.claims.set(claims.claims)
        metrics.claims_bytes.set(claims.size_bytes)
        metrics.dedup_window_seconds.set(claims.window_seconds)
        paused = await Pauses(connection).all()
        for name in counters.destinations.keys() | paused.keys():
            for kind in PauseKind:
                is_paused = name in paused and paused[name].kind is kind
                metrics.destination_paused.labels(name, kind).set(is_paused)
        await alert_gauges.update()
        await _update_unreadable(connection, metrics)
        metrics.unknown_rules.set(await connection.ask(connection.redis.hlen(keys.UNKNOWN_RULES)))
        metrics.quarantined.set(await connection.ask(connection.redis.zcard(keys.QUARANTINE_INDEX)))
    except JournalUnavailableError:
        return False
    return True


async def _update_unreadable(connection: Connection, metrics: Metrics) -> None:
    """Set the gauge of unreadable records: those of this process, and those of the scripts."""
    found = unreadable.counts()
    for kind, count in (await connection.ask(connection.redis.hgetall(keys.UNREADABLE))).items():
        if kind in _MOVED_BY_SCRIPTS and count.isdigit():
            found[kind.decode()] = int(count)
    for kind, count in found.items():
        metrics.unreadable_records.labels(kind).set(count)
