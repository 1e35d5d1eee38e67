"""What the doctor says of Redis: from real servers, and from facts that are hard to make."""

import signal
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import trustme
from support.redis_servers import RedisServer, free_port
from support.sinks import HttpSink

from router.clock import system_clock
from router.datatypes import Secret
from router.destinations.transport.name_resolver import NameResolver
from router.doctor.doctor_check import DoctorCheck, Status
from router.doctor.redis_checks import judge_redis
from router.doctor.redis_facts import RedisFacts, read_redis_facts
from router.doctor.redis_reach import RedisReach, redis_address
from router.journal.connection import Connection, connect
from router.journal.round_trips import ClockOffset, Latency
from router.journal.sentinel_report import SentinelReport
from router.journal.store_check import StoreCheck
from router.settings.choices import Durability
from router.settings.model import Settings

NOW = 1_800_000_000.0
INFO = {
    "redis_version": "7.4.1",
    "role": "master",
    "maxmemory": "1000000",
    "used_memory": "100000",
    "maxmemory_policy": "noeviction",
    "aof_enabled": "1",
    "connected_slaves": "0",
}
WELL = RedisFacts(
    reach=RedisReach(address="redis:6379"),
    store=StoreCheck(info=INFO),
    is_answering=True,
    latency=Latency(0.0003, 0.001),
    clock=ClockOffset(0.01, 0.001),
    schema_version=100,
    set_max_intset_entries=512,
)


def with_info(**fields: str) -> RedisFacts:
    return msgspec.structs.replace(WELL, store=StoreCheck(info={**INFO, **fields}))


def wrong(checks: list[DoctorCheck]) -> list[tuple[str, Status]]:
    return [(each.name, each.status) for each in checks if each.status is not Status.OK]


@asynccontextmanager
async def opened(url: Secret, deadline: float) -> AsyncIterator[Connection]:
    connection = connect(url, deadline=deadline, max_connections=4)
    try:
        yield connection
    finally:
        await connection.close()


async def checks_of(url: Secret, *, deadline: float = 2.0, **changes: object) -> list[DoctorCheck]:
    settings = msgspec.structs.replace(Settings(), redis_url=url, **changes)
    async with opened(url, deadline) as connection:
        facts = await read_redis_facts(connection, settings, system_clock(), NameResolver())
    return judge_redis(facts, settings, system_clock().now())


def test_a_redis_that_is_well_has_no_warning() -> None:
    checks = judge_redis(WELL, Settings(), NOW)

    assert wrong(checks) == []
    assert {each.name for each in checks} == {
        *("answer", "write", "durability", "memory", "replicas", "latency", "clock", "schema")
    }


@pytest.mark.parametrize(
    ("facts", "settings", "name", "status"),
    [
        (with_info(maxmemory="0"), {}, "memory", Status.WARNING),
        (with_info(used_memory="700000"), {}, "memory", Status.WARNING),
        (with_info(used_memory="810000"), {}, "memory", Status.PROBLEM),
        (with_info(aof_last_write_status="err"), {}, "disk", Status.PROBLEM),
        (with_info(rdb_last_bgsave_status="err"), {}, "disk", Status.PROBLEM),
        (
            with_info(aof_delayed_fsync="9", uptime_in_seconds="28000"),
            {},
            "slow disk",
            Status.WARNING,
        ),
        (with_info(aof_delayed_fsync="2", uptime_in_seconds="60"), {}, "slow disk", Status.WARNING),
        (WELL, {"accept_replicas": 1}, "replicas", Status.PROBLEM),
        (
            msgspec.structs.replace(
                WELL, sentinels=(SentinelReport(address="s:1", primary="r:1", sentinels=3),)
            ),
            {},
            "replicas",
            Status.WARNING,
        ),
        (
            msgspec.structs.replace(WELL, latency=Latency(0.3, 0.4)),
            {},
            "latency",
            Status.WARNING,
        ),
        (
            msgspec.structs.replace(WELL, latency=Latency(0.001, 0.8)),
            {},
            "latency",
            Status.PROBLEM,
        ),
        (msgspec.structs.replace(WELL, clock=ClockOffset(-1.2, 0.1)), {}, "clock", Status.WARNING),
        (msgspec.structs.replace(WELL, schema_version=200), {}, "schema", Status.PROBLEM),
        (
            msgspec.structs.replace(WELL, set_max_intset_entries=128),
            {},
            "set-max-intset-entries",
            Status.WARNING,
        ),
        (
            msgspec.structs.replace(
                WELL, reach=RedisReach(address="r:1", is_tls=True, certificate_ends=NOW + 86_400)
            ),
            {},
            "certificate",
            Status.PROBLEM,
        ),
        (
            msgspec.structs.replace(
                WELL,
                reach=RedisReach(address="r:1", is_tls=True, certificate_ends=NOW + 10 * 86_400),
            ),
            {},
            "certificate",
            Status.WARNING,
        ),
    ],
)
def test_what_is_wrong_is_told_with_a_fix(
    facts: RedisFacts, settings: dict[str, object], name: str, status: Status
) -> None:
    checks = judge_redis(facts, msgspec.structs.replace(Settings(), **settings), NOW)

    assert wrong(checks) == [(name, status)]
    assert all(each.fix for each in checks if each.status is not Status.OK)


def test_a_slow_look_is_no_difference_of_clocks() -> None:
    facts = msgspec.structs.replace(WELL, clock=ClockOffset(1.5, 0.6))

    assert wrong(judge_redis(facts, Settings(), NOW)) == []


async def test_a_redis_without_persistence_that_evicts_is_two_problems(tmp_path: Path) -> None:
    with RedisServer(
        tmp_path, appendonly="no", maxmemory="100mb", maxmemory_policy="allkeys-lru"
    ) as server:
        checks = await checks_of(server.url)
        relaxed = await checks_of(server.url, durability=Durability.RELAXED)

    assert wrong(checks) == [("durability", Status.PROBLEM), ("durability", Status.PROBLEM)]
    assert [each.fix for each in checks if each.fix] == ["set it to noeviction", "set it to yes"]
    assert wrong(relaxed) == [("durability", Status.WARNING), ("durability", Status.WARNING)]


async def test_appendfsync_no_is_a_problem(tmp_path: Path) -> None:
    with RedisServer(tmp_path, appendfsync="no", maxmemory="100mb") as server:
        checks = await checks_of(server.url)

    assert wrong(checks) == [("durability", Status.PROBLEM)]


async def test_a_replica_is_a_problem(tmp_path: Path) -> None:
    with (
        RedisServer(tmp_path / "1", maxmemory="100mb") as primary,
        RedisServer(tmp_path / "2", maxmemory="100mb") as replica,
    ):
        replica.follow(primary)
        checks = await checks_of(replica.url)

    assert ("write", Status.PROBLEM) in wrong(checks)
    assert "point ROUTER_REDIS_URL at the primary" in {each.fix for each in checks}


@pytest.mark.default_user
async def test_a_wrong_password_is_a_problem_of_the_login(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as server:
        server.ask("CONFIG", "SET", "requirepass", "right")
        none = await checks_of(server.url)
        wrong_one = await checks_of(Secret(f"redis://:wr0ng@127.0.0.1:{server.port}/0"))

    assert wrong(none) == wrong(wrong_one) == [("login", Status.PROBLEM)]
    assert "wr0ng" not in str(wrong_one)
    assert wrong_one[0].fix == "correct them: redis://user:password@host:6379/0"


async def test_a_user_without_a_right_is_a_problem(tmp_path: Path) -> None:
    with RedisServer(tmp_path, maxmemory="100mb") as server:
        server.ask("ACL", "SETUSER", "less", "on", ">pw", "~*", "&*", "+@all", "-zadd")
        checks = await checks_of(Secret(f"redis://less:pw@127.0.0.1:{server.port}/0"))

    (check,) = [each for each in checks if each.status is Status.PROBLEM]
    assert check.name == "write"
    assert "zadd" in check.message.lower()


async def test_a_user_without_ping_or_config_is_told_all_else(tmp_path: Path) -> None:
    with RedisServer(tmp_path, maxmemory="100mb") as server:
        server.ask(
            *(
                "ACL",
                "SETUSER",
                "less",
                "on",
                ">pw",
                "~*",
                "&*",
                "+@all",
                "-ping",
                "-config",
                "-time",
            )
        )
        checks = await checks_of(Secret(f"redis://less:pw@127.0.0.1:{server.port}/0"))

    names = {each.name for each in checks}
    assert {"answer", "write", "durability", "memory", "schema"} - names == {"schema"}
    assert names & {"latency", "clock"} == set()


async def test_a_redis_that_hangs_is_told_after_the_deadline(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as server:
        server.signal(signal.SIGSTOP)
        (check,) = await checks_of(server.url, deadline=0.2)

    assert (check.name, check.message) == ("answer", "Redis did not answer in time")
    assert check.fix.startswith("see what blocks Redis")


@pytest.mark.parametrize(
    ("url", "name", "fix"),
    [
        (
            lambda: f"redis://127.0.0.1:{free_port()}",
            "connection",
            "start Redis, or correct host and port in ROUTER_REDIS_URL",
        ),
        (
            lambda: "redis://redis.invalid",
            "name",
            "correct the host in ROUTER_REDIS_URL, or the name server of this machine",
        ),
        (
            lambda: "unix:///nowhere/redis.sock",
            "connection",
            "start Redis, or correct the path in ROUTER_REDIS_URL; its user must be allowed to open it",
        ),
    ],
)
async def test_a_redis_that_is_not_there_is_told_by_the_step_that_failed(
    url: Callable[[], str], name: str, fix: str
) -> None:
    (check,) = await checks_of(Secret(url()))

    assert (check.name, check.status, check.fix) == (name, Status.PROBLEM, fix)


async def test_an_expired_certificate_and_a_port_without_tls_are_told(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    expired = authority.issue_cert("localhost", not_after=datetime(2020, 1, 1, tzinfo=UTC))
    expired.configure_cert(context)
    async with HttpSink(tls=context) as server, HttpSink() as plain:
        url = f"rediss://localhost:{server.port}/0?ssl_ca_certs={tmp_path}/ca.pem"
        (of_expired,) = await checks_of(Secret(url))
        (of_plain,) = await checks_of(Secret(f"rediss://127.0.0.1:{plain.port}/0"))

    assert of_expired.name == of_plain.name == "tls"
    assert "TLS certificate expired" in of_expired.message
    assert of_plain.fix == "write redis:// into ROUTER_REDIS_URL if this port of Redis has no TLS"


async def test_redis_without_tls_at_a_port_with_it_names_rediss() -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    async with HttpSink(tls=context) as server:
        (check,) = await checks_of(Secret(f"redis://127.0.0.1:{server.port}/0"))

    assert check.name == "answer"
    assert check.fix == "write rediss:// instead of redis://"


def test_an_address_has_no_password() -> None:
    found = redis_address(Secret("rediss://ann:secret@r.example.com:7000/2"))

    assert str(found) == "r.example.com:7000"
    assert "secret" not in repr(found)


@pytest.mark.parametrize(("delayed", "uptime"), [("0", "60"), ("1", "60"), ("7", "28000")])
def test_a_disk_that_is_seldom_slow_is_not_told_of(delayed: str, uptime: str) -> None:
    facts = with_info(aof_delayed_fsync=delayed, uptime_in_seconds=uptime)

    assert wrong(judge_redis(facts, Settings(), NOW)) == []
