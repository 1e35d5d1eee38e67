"""A commit is acknowledged once replicas or disks have it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.exceptions import ResponseError
from support.redis_servers import RedisServer

from router.clock import Clock
from router.errors import JournalUnavailableError
from router.events.decode import decode_strictly
from router.events.model import Received
from router.journal import ledger
from router.journal.batches import Batches
from router.journal.confirmation import NO_CONFIRMATION, Confirmation
from router.journal.connection import Connection, connect
from router.journal.store_check import StoreProbe

REPLICA = Confirmation(replicas=1, timeout_ms=100)
DISK = Confirmation(fsync=True, timeout_ms=100)
BOTH = Confirmation(replicas=2, fsync=True, timeout_ms=100)


@pytest.mark.parametrize(
    ("confirmation", "commands"),
    [
        (NO_CONFIRMATION, ()),
        (REPLICA, (("WAIT", 1, 100),)),
        (DISK, (("WAITAOF", 1, 0, 100),)),
        (BOTH, (("WAITAOF", 1, 2, 100),)),
    ],
)
def test_the_command_that_waits(confirmation: Confirmation, commands: tuple[object, ...]) -> None:
    assert confirmation.commands == commands


@pytest.mark.parametrize(
    ("confirmation", "reply", "shortfall"),
    [
        (REPLICA, 1, ""),
        (REPLICA, 2, ""),
        (REPLICA, 0, "0 of 1 replicas have confirmed within 100 ms; bring the replicas back"),
        (DISK, [1, 0], ""),
        (DISK, [0, 0], "Redis did not write to disk within 100 ms"),
        (BOTH, [1, 2], ""),
        (BOTH, [1, 1], "1 of 2 replicas"),
        (BOTH, [0, 2], "Redis did not write to disk"),
        (DISK, ResponseError("unknown command 'WAITAOF', with args"), "use 7.2 or later"),
        (REPLICA, ResponseError("UNBLOCKED force unblock"), "it has become a replica"),
    ],
)
def test_what_a_reply_confirms(confirmation: Confirmation, reply: object, shortfall: str) -> None:
    found = confirmation.shortfall(reply)

    assert shortfall in found
    assert bool(shortfall) == bool(found)


@pytest.fixture
def primary(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "primary", appendfsync="always") as server:
        yield server


@pytest.fixture
async def own(primary: RedisServer) -> AsyncIterator[Connection]:
    connection = connect(primary.url, deadline=2.0, max_connections=4)
    yield connection
    await connection.close()


def received(sample: bytes) -> list[Received]:
    return [Received(decode_strictly(sample, received_at=1.0, max_events=1), [])]


async def test_without_a_replica_nothing_is_acknowledged_and_readiness_says_so(
    primary: RedisServer, own: Connection, clock: Clock, sample: bytes, tmp_path: Path
) -> None:
    """Mutant seen to fail: ``_run_confirmed`` compares nothing; ``look`` neither."""
    batches = Batches(own, clock, None, REPLICA)
    probe = StoreProbe(own, clock.new_id, confirmation=REPLICA)

    with pytest.raises(JournalUnavailableError, match="0 of 1 replicas"):
        await batches.accept(received(sample))
    assert "0 of 1 replicas" in (await probe.check()).refusal
    assert (await ledger.read(own)).accepted == 1  # stored, and a copy of it is a duplicate

    with RedisServer(tmp_path / "replica") as replica:
        replica.follow(primary)
        patient = Confirmation(replicas=1, timeout_ms=5000)
        await Batches(own, clock, None, patient).accept(received(sample))
        assert (await StoreProbe(own, clock.new_id, confirmation=patient).check()).refusal == ""


async def test_waiting_for_the_disk_needs_a_redis_that_can(
    primary: RedisServer, own: Connection, clock: Clock, sample: bytes
) -> None:
    batches = Batches(own, clock, None, Confirmation(fsync=True, timeout_ms=1500))
    if primary.version < (7, 2):
        with pytest.raises(JournalUnavailableError, match=r"use 7\.2 or later"):
            await batches.accept(received(sample))
        return
    await batches.accept(received(sample))
    primary.ask("CONFIG", "SET", "appendonly", "no")
    with pytest.raises(JournalUnavailableError, match="WAITAOF"):
        await batches.accept(received(sample))
