"""One look at a real Redis."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import ResponseError
from support import least_rights
from support.redis_servers import RedisServer
from support.scripted_sentinel import SERVICE, ScriptedSentinel
from support.sentinels import NO_SENTINEL, SentinelServer, sentinel_program
from support.waiting import until

from router.clock import Clock
from router.datatypes import Secret
from router.events.decode import decode_strictly
from router.events.model import Malformed, Received
from router.journal import keys, redis_adapter
from router.journal.access_rights import ACCEPT_COMMANDS, WORKER_RIGHTS
from router.journal.batches import Batches
from router.journal.connection import Connection, connect
from router.journal.redis_adapter import Command
from router.journal.script import ScriptCall
from router.journal.store_check import StoreCheck, StoreProbe


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "redis") as server:
        yield server


@pytest.fixture
async def own(server: RedisServer) -> AsyncIterator[Connection]:
    """A connection to a Redis whose settings the test changes."""
    connection = connect(server.url, deadline=2.0, max_connections=4)
    yield connection
    await connection.close()


def _offset(server: RedisServer, field: str = "master_repl_offset") -> int:
    return int(server.ask("INFO", "replication")[field])  # type: ignore[index]


def probe(connection: Connection, new_id: str = "a") -> StoreProbe:
    return StoreProbe(connection, lambda: new_id)


async def test_the_commands_of_accept_are_those_that_it_runs(
    connection: Connection, clock: Clock, sample: bytes
) -> None:
    """Mutant seen to fail: ``ACCEPT_COMMANDS`` without APPEND."""
    events = decode_strictly(sample, received_at=1.0, max_events=1)
    malformed = Malformed(reason="r", body=b"b", received_at=1.0, path="$")
    batches = Batches(connection, clock)
    await connection.redis.config_resetstat()
    for _ in range(2):  # a new batch, and one that is filled
        await batches.accept([Received(events, [malformed])])
    ran = {name.removeprefix("cmdstat_") for name in await connection.redis.info("commandstats")}

    own_commands = {
        "auth",
        "evalsha",
        "eval",
        "config|resetstat",
        "info",
        "client|setinfo",
        "hello",
    }
    # EXPIRE runs only if an older router has opened the batch.
    assert (ran - own_commands) | {"expire"} == {name.lower() for name in ACCEPT_COMMANDS}


async def test_all_processes_agree_on_the_epoch_of_a_store(connection: Connection) -> None:
    """Mutant seen to fail: SET without NX."""
    probes = [probe(connection, f"{number}") for number in range(10)]
    async with asyncio.TaskGroup() as group:
        checks = [group.create_task(each.check()) for each in probes]
    facts = [check.result().facts for check in checks]

    assert len({each.epoch for each in facts if each is not None}) == 1
    await connection.redis.flushall()
    (again, once_more) = [await probe(connection, new).check() for new in ("x", "y")]
    assert again.facts is not None
    assert facts[0] is not None
    assert again.facts.epoch != facts[0].epoch
    assert once_more.facts is not None
    assert again.facts.epoch == once_more.facts.epoch


async def test_a_look_reads_the_count_of_accepted_events(connection: Connection) -> None:
    await connection.redis.hset(keys.LEDGER, "accepted", 42)
    check = await probe(connection).check()

    assert check.facts is not None
    assert check.facts.accepted == 42
    assert check.facts.created_at > 1_700_000_000
    assert (check.refusal, check.durability_problems) == ("", ())


async def test_a_redis_that_forbids_config_is_asked_once(
    server: RedisServer, own: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """As managed services do. Mutant seen to fail: asked at each check."""
    caplog.set_level("INFO", "router.journal.store_check")
    server.ask("ACL", "SETUSER", least_rights.USER, "-config")
    one = probe(own)
    for _ in range(3):
        check = await one.check()
        assert (check.refusal, check.durability_problems) == ("", ())
    server.ask("ACL", "SETUSER", least_rights.USER, "+config")
    with server.client() as client:
        denied = [entry for entry in client.acl_log() if entry["reason"] == "command"]
    assert sum(entry["count"] for entry in denied) <= 2  # the script was not loaded
    assert caplog.messages == ["appendfsync not checked: Redis forbids CONFIG GET"]


@pytest.mark.default_user
async def test_a_look_leaves_the_connections_of_a_sound_redis_open(
    server: RedisServer, own: Connection
) -> None:
    """Mutant seen to fail: ``exchange`` notices each error reply."""
    server.ask("ACL", "SETUSER", least_rights.USER, "-info", "-config")
    (before,) = await own._connections.execute([("CLIENT", "ID")])
    await probe(own).check()
    (after,) = await own._connections.execute([("CLIENT", "ID")])

    assert before == after


async def test_a_look_works_without_redis_pys_private_names(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection._connections, "_is_direct", False)
    await connection.redis.config_set("appendfsync", "no")
    check = await probe(connection).check()
    await connection.redis.config_set("appendfsync", "everysec")

    assert check.refusal == ""
    assert check.info["redis_version"]
    assert [each.partition(",")[0] for each in check.durability_problems] == ["appendfsync is no"]
    assert redis_adapter.is_usable()


async def test_a_promoted_replica_knows_the_last_byte_that_it_copied(
    server: RedisServer, own: Connection, tmp_path: Path
) -> None:
    """Mutant seen to fail: ``second_repl_offset`` is taken for the last byte and not the next."""
    with RedisServer(tmp_path / "replica", repl_ping_replica_period="3600") as replica:
        server.ask("CONFIG", "SET", "repl-ping-replica-period", "3600")
        replica.follow(server)
        before = (await probe(own).check()).facts

        async def common_offset() -> int:
            # Not WAIT, which itself sends the replica a request that counts.
            copied, sent = _offset(replica, "slave_repl_offset"), _offset(server)
            return copied if copied == sent else 0

        offset = await until(common_offset)
        replica.ask("REPLICAOF", "NO", "ONE")
        promoted = connect(replica.url, deadline=2.0, max_connections=2)
        after = (await probe(promoted).check()).facts
        await promoted.close()

    assert before is not None
    assert after is not None
    assert after.epoch == before.epoch
    assert after.former_replication_id == before.replication_id
    assert after.former_offset == offset


async def test_a_service_that_no_sentinel_monitors_is_a_wrong_url() -> None:
    async with ScriptedSentinel() as sentinel:
        sentinel.error = "ERR No such master with that name"
        url = Secret(f"redis+sentinel://{sentinel.address}/{SERVICE}")
        connection = connect(url, deadline=1.0, max_connections=2)
        check = await StoreProbe(connection, lambda: "id").check()
        await connection.close()

    assert check.is_url_wrong
    assert "monitors no such service" in check.refusal


@pytest.mark.default_user
async def test_a_command_that_a_worker_needs_and_redis_lacks_is_a_refusal(tmp_path: Path) -> None:
    """Seen to fail: an unknown command counted as permitted, so that each commit failed later."""
    config = tmp_path / "redis.conf"
    config.write_text('rename-command ZADD ""\nrename-command PUBLISH other\nappendonly yes\n')
    with RedisServer(tmp_path / "redis", config_file=str(config)) as server:
        connection = connect(server.url, deadline=2.0, max_connections=2)
        check = await probe(connection).check()
        await connection.close()

    assert check.refusal == (
        "Redis has no command PUBLISH ZADD; remove its rename-command, or use a Redis that has it"
    )
    assert check.is_setup


async def test_a_redis_before_7_is_too_old(
    own: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis 6.2 answers INFO with several sections by a syntax error."""
    exchange = own.exchange

    async def as_6_2(call: ScriptCall, more: Sequence[Command]) -> list[Any]:
        replies = await exchange(call, more)
        return [
            ResponseError("syntax error") if "INFO" in each else reply
            for each, reply in zip(((), *more), replies, strict=True)
        ]

    monkeypatch.setattr(own, "exchange", as_6_2)
    check = await probe(own).check()

    assert check.refusal == "Redis is too old; use 7.0 or later, or Valkey"
    assert check.is_setup


async def test_a_sentinel_is_no_redis_of_its_own(tmp_path: Path) -> None:
    """Seen to fail: a sentinel "may lose events, because INFO does not say whether appendonly is on"."""
    if sentinel_program() is None:
        pytest.skip(NO_SENTINEL)
    with SentinelServer(tmp_path / "sentinel") as sentinel:
        connection = connect(
            Secret(f"redis://{sentinel.address}/0"), deadline=2.0, max_connections=2
        )

        async def answer() -> StoreCheck | None:
            found = await probe(connection).check()
            return None if "refuses the connection" in found.refusal else found

        check = await until(answer)
        await connection.close()

    assert check is not None
    assert check.refusal.endswith("but a sentinel; write redis+sentinel://host1,host2/service/0")
    assert (check.is_url_wrong, check.durability_problems) == (True, ())


async def test_each_right_that_the_check_itself_needs_is_named(
    server: RedisServer, own: Connection
) -> None:
    """Seen to fail: a script's own error does not name the command that it lacks (Redis 7.0)."""
    for name in ("TIME", "GET", "SET", "HGET"):
        server.ask("ACL", "SETUSER", least_rights.USER, f"-{name.lower()}")
        check = await StoreProbe(own, lambda: "id", WORKER_RIGHTS).check()
        server.ask("ACL", "SETUSER", least_rights.USER, f"+{name.lower()}")

        assert check.refusal == (
            f"Redis forbids the user of ROUTER_REDIS_URL {name}; grant the user +{name.lower()}"
        )
        assert check.facts is None


async def test_a_process_that_accepts_events_needs_no_subscription(
    server: RedisServer, own: Connection
) -> None:
    """Seen to fail: without PSUBSCRIBE, the pattern of a channel was asked for, which it had."""
    server.ask("ACL", "SETUSER", least_rights.USER, "-psubscribe", "-subscribe")
    accepts = await probe(own).check()
    works = await StoreProbe(own, lambda: "id", WORKER_RIGHTS).check()

    assert accepts.refusal == ""
    assert works.refusal.endswith("SUBSCRIBE PSUBSCRIBE; grant the user +subscribe +psubscribe")


@pytest.mark.parametrize("field", [b"redis_mode", b"server_mode"])
@pytest.mark.parametrize(("mode", "is_refused"), [("standalone", False), ("cluster", True)])
async def test_a_cluster_is_known_by_the_field_of_redis_and_of_valkey_9(
    own: Connection, monkeypatch: pytest.MonkeyPatch, field: bytes, mode: str, *, is_refused: bool
) -> None:
    """Seen to fail on Valkey 9: a node of a cluster was used."""
    exchange = own.exchange

    async def named_so(call: ScriptCall, more: Sequence[Command]) -> list[Any]:
        replies = await exchange(call, more)
        info = re.sub(rb"(redis|server)_mode:\w+", field + b":" + mode.encode(), replies[1])
        return [replies[0], info, *replies[2:]]

    monkeypatch.setattr(own, "exchange", named_so)
    check = await probe(own).check()

    assert check.is_url_wrong == is_refused
