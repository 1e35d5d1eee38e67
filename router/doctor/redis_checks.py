"""Judges the facts about Redis (pure). The judgements of a start and of ``/readyz`` are theirs."""

from collections.abc import Iterator, Mapping
from typing import Final

from router.doctor.certificates import certificate_check
from router.doctor.doctor_check import DoctorCheck, DoctorSection, SectionChecks, Status
from router.doctor.redis_facts import RedisFacts
from router.doctor.redis_reach import RedisReach, RedisStep
from router.doctor.sentinel_checks import judge_sentinels
from router.ingress.admission import HIGH_WATERMARK
from router.journal import schema
from router.journal.memory_budget import memory_use
from router.journal.redis_clock import WARN_SECONDS
from router.quantities import counted, duration, milliseconds, share, size
from router.settings.choices import AcceptFsync, Durability
from router.settings.model import Settings
from router.worker.evaluation.claim_eviction import EVICTION_RATIO
from router.worker.history_retention import RELEASE_RATIO

_URL: Final = "ROUTER_REDIS_URL"
_INTSET_ENTRIES: Final = 512
_DELAYED_EVERY_SECONDS: Final = 3600
"""An fsync that is late less often than once in so many seconds is not told of."""
_SLOW_SHARE: Final = 0.25
"""Share of ROUTER_COMMIT_TIMEOUT that the median of a round trip should not exceed."""
_WRITES: Final = (
    ("aof_last_write_status", "the last write to the append-only file failed"),
    ("aof_last_bgrewrite_status", "the last rewrite of the append-only file failed"),
    ("rdb_last_bgsave_status", "the last snapshot (RDB) failed"),
)

_checks = SectionChecks(DoctorSection.REDIS)


def judge_redis(
    facts: RedisFacts, settings: Settings, now: float, *, is_embedded: bool = False
) -> list[DoctorCheck]:
    """Return the checks of Redis.

    Args:
        facts: The facts about it.
        settings: Those of the processes that use it.
        now: Unix seconds, for certificates.
        is_embedded: Whether it is that of ``router dev``, which has no limits.
    """
    reach = facts.reach
    if reach is not None and reach.failed is not None:
        return [_of_failed_step(reach)]
    found = [] if reach is None else list(_of_certificate(reach, now))
    found += judge_sentinels(facts.sentinels)
    if not facts.is_answering and all(each.problem for each in facts.sentinels) and facts.sentinels:
        return found
    if not facts.is_answering:
        return [*found, _of_refused_connection(facts)]
    return [
        _of_answer(facts, reach),
        *found,
        *_of_store_check(facts, settings),
        *_of_disk(facts),
        *([] if is_embedded else _of_memory(facts)),
        *_of_replicas(facts, settings),
        *_of_latency(facts, settings),
        *_of_clock(facts),
        *_of_claims(facts),
        *_of_schema(facts),
    ]


def _of_failed_step(reach: RedisReach) -> DoctorCheck:
    message = {
        RedisStep.NAME: f"the host of {reach.address} has no address: {reach.reason}",
        RedisStep.CONNECTION: f"no connection to {reach.address}: {reach.reason}",
        RedisStep.TLS: f"no TLS with {reach.address}: {reach.reason}",
    }
    step = reach.failed or RedisStep.NAME
    return _checks.problem(step.lower(), message[step], _of_step(step, reach))


def _of_step(step: RedisStep, reach: RedisReach) -> str:
    if step is RedisStep.NAME:
        return f"correct the host in {_URL}, or the name server of this machine"
    if step is RedisStep.CONNECTION:
        if reach.is_local:
            return (
                f"start Redis, or correct the path in {_URL}; its user must be allowed to open it"
            )
        return _CONNECTION_FIXES.get(reach.reason, f"check the network, and {_URL}")
    return _TLS_FIXES.get(reach.reason, f"check the certificates that {_URL} names")


_CONNECTION_FIXES: Final[Mapping[str, str]] = {
    "connection refused": f"start Redis, or correct host and port in {_URL}",
    "timed out": f"open the firewall between this machine and Redis, or correct {_URL}",
    "no route to host": f"check the network of this machine, or correct the host in {_URL}",
}
_AUTHORITY: Final = f"name its authority in {_URL}: ?ssl_ca_certs=/path/to/ca.pem"
_TLS_FIXES: Final[Mapping[str, str]] = {
    "TLS certificate expired": "renew Redis's certificate, then restart Redis or load it by CONFIG SET",
    "TLS certificate not yet valid": "correct the clock of this machine, or the certificate",
    "TLS certificate self-signed": _AUTHORITY,
    "TLS certificate from an unknown authority": _AUTHORITY,
    "TLS certificate for another host name": (
        f"write the certificate's name into {_URL}, or make one for this name"
    ),
    "TLS handshake failed": f"write redis:// into {_URL} if this port of Redis has no TLS",
    "connection reset": f"write redis:// into {_URL} if this port of Redis has no TLS",
    "timed out": f"write redis:// into {_URL} if this port of Redis has no TLS",
}


def _of_certificate(reach: RedisReach, now: float) -> Iterator[DoctorCheck]:
    if reach.certificate_ends is not None:
        yield certificate_check(
            _checks,
            "certificate",
            f"the certificate of {reach.address}",
            reach.certificate_ends - now,
        )


def _of_refused_connection(facts: RedisFacts) -> DoctorCheck:
    """Return why Redis has accepted a connection and answers no command: mostly the login."""
    store = facts.store
    reason = store.refusal or "Redis did not answer"
    if store.is_connection_wrong:
        return _checks.stated("answer", Status.PROBLEM, reason)
    if "; " in reason:
        name = "login" if store.is_url_wrong else "write"
        return _checks.stated(name, Status.PROBLEM, reason)
    fix = "see what blocks Redis: its log, SLOWLOG GET, the load and the swap of its machine"
    return _checks.problem("answer", reason, fix)


def _of_answer(facts: RedisFacts, reach: RedisReach | None) -> DoctorCheck:
    info = facts.info
    name = "Valkey" if "valkey_version" in info else "Redis"
    version = info.get("valkey_version") or info.get("redis_version", "of an unknown version")
    at = f" at {reach.address}" if reach is not None else ""
    tls = ", with TLS" if reach is not None and reach.is_tls else ""
    role = {"master": ", primary", "slave": ", replica"}.get(str(info.get("role")), "")
    return _checks.ok("answer", f"{name} {version}{at} answers{tls}{role}")


def _of_store_check(facts: RedisFacts, settings: Settings) -> Iterator[DoctorCheck]:
    store = facts.store
    if store.refusal:
        yield _checks.stated("write", Status.PROBLEM, f"events are refused: {store.refusal}")
    else:
        yield _checks.ok("write", "it takes writes, and permits all that a worker needs")
    is_strict = settings.durability is Durability.STRICT
    for sentence in store.durability_problems:
        yield _checks.stated(
            "durability", Status.PROBLEM if is_strict else Status.WARNING, sentence
        )
    if store.info and not store.durability_problems:
        policy = store.info.get("maxmemory_policy", "noeviction")
        yield _checks.ok("durability", f"a restart loses nothing: appendonly yes; policy {policy}")


def _of_disk(facts: RedisFacts) -> Iterator[DoctorCheck]:
    for field, sentence in _WRITES:
        if facts.info.get(field, "ok") != "ok":
            yield _checks.problem(
                "disk",
                sentence,
                "make room on Redis's disk, and make its folder writable; see its log",
            )
    delayed, uptime = (
        int(facts.info.get(field, 0)) for field in ("aof_delayed_fsync", "uptime_in_seconds")
    )
    if delayed * _DELAYED_EVERY_SECONDS > max(uptime, _DELAYED_EVERY_SECONDS):
        yield _checks.warning(
            "slow disk",
            f"an fsync took more than 2 s {delayed} times since Redis started {duration(uptime)} ago; if Redis"
            " is killed in such a time, what it has answered in it is lost",
            "give its append-only file a faster disk, or set ROUTER_ACCEPT_FSYNC=wait",
        )


def _of_memory(facts: RedisFacts) -> Iterator[DoctorCheck]:
    if not facts.info:
        return
    use = memory_use(facts.info)
    if not use.limit_bytes:
        yield _checks.warning(
            "memory",
            f"no maxmemory is set ({size(use.used_bytes)} in use), so that the kernel ends Redis when"
            " the machine has no memory left",
            "set maxmemory below the machine's memory: ingress then answers 503 before it is full",
        )
        return
    message = f"{size(use.used_bytes)} of {size(use.limit_bytes)} maxmemory in use"
    message = f"{message} ({share(use.ratio)})"
    if use.ratio > HIGH_WATERMARK:
        yield _checks.problem(
            "memory",
            f"{message}; above {share(HIGH_WATERMARK)} events are refused",
            "raise maxmemory, or let the workers drain it; replay or discard dead letters",
        )
    elif use.ratio > EVICTION_RATIO:
        yield _checks.warning(
            "memory",
            f"{message}; above {share(EVICTION_RATIO)} the window of duplicates gets shorter, above"
            f" {share(RELEASE_RATIO)} history",
            "raise maxmemory, or shorten ROUTER_HISTORY and ROUTER_DEDUP_WINDOW",
        )
    else:
        yield _checks.ok("memory", message)


def _of_replicas(facts: RedisFacts, settings: Settings) -> Iterator[DoctorCheck]:
    if "connected_slaves" not in facts.info:
        return
    wanted = settings.accept_replicas
    count = int(facts.info["connected_slaves"])
    replicas = counted(count, "replica")
    if count < wanted:
        yield _checks.problem(
            "replicas",
            f"{replicas}, and ROUTER_ACCEPT_REPLICAS is {wanted}, so that every event is refused",
            "bring the replicas back, or lower ROUTER_ACCEPT_REPLICAS",
        )
    elif facts.sentinels and not count:
        yield _checks.warning(
            "replicas",
            "no replica, so that the sentinels have no server to fail over to",
            "start a replica of it: replicaof HOST PORT",
        )
    elif count and not wanted and settings.accept_fsync is AcceptFsync.REDIS:
        yield _checks.ok(
            "replicas",
            f"{replicas}; a failover may lose what was acknowledged last (see operations)",
        )
    else:
        yield _checks.ok("replicas", f"{replicas}, ROUTER_ACCEPT_REPLICAS is {wanted}")


def _of_latency(facts: RedisFacts, settings: Settings) -> Iterator[DoctorCheck]:
    latency = facts.latency
    if latency is None:
        return
    limit = settings.commit_timeout
    message = (
        f"{milliseconds(latency.median)} a round trip, {milliseconds(latency.worst)} the worst"
    )
    limited = f"{message}, and ROUTER_COMMIT_TIMEOUT is {milliseconds(limit)}"
    near = "move Redis nearer, find what blocks it (SLOWLOG GET), or raise ROUTER_COMMIT_TIMEOUT"
    if latency.worst >= limit:
        yield _checks.problem("latency", limited, near)
    elif latency.median > _SLOW_SHARE * limit:
        yield _checks.warning("latency", limited, near)
    else:
        yield _checks.ok("latency", message)


def _of_clock(facts: RedisFacts) -> Iterator[DoctorCheck]:
    offset = facts.clock
    if offset is None:
        return
    if abs(offset.seconds) - offset.uncertainty > WARN_SECONDS:
        side = "ahead of" if offset.seconds > 0 else "behind"
        yield _checks.warning(
            "clock",
            f"the clock of this machine is {duration(abs(offset.seconds))} {side} Redis's",
            "synchronise both by NTP: signatures with a time are refused if this one is wrong",
        )
    else:
        yield _checks.ok("clock", "the clocks of Redis and of this machine agree")


def _of_claims(facts: RedisFacts) -> Iterator[DoctorCheck]:
    entries = facts.set_max_intset_entries
    if entries is not None and entries < _INTSET_ENTRIES:
        yield _checks.warning(
            "set-max-intset-entries",
            f"set-max-intset-entries is {entries}, so that each remembered event takes more memory",
            f"set it to {_INTSET_ENTRIES}, its default",
        )


def _of_schema(facts: RedisFacts) -> Iterator[DoctorCheck]:
    found = facts.schema_version
    if found is None:
        return
    problem = schema.version_problem(found)
    if problem:
        yield _checks.stated("schema", Status.PROBLEM, problem)
    else:
        yield _checks.ok("schema", f"its records have schema {found}, this router {schema.VERSION}")
