"""The price of a confirmed commit: ``pytest -n 0 -s -m slow tests/faults/test_confirmation_cost.py``.

One commit after another, as an idle router makes them; group commit shares the wait under load.
"""

import asyncio
import statistics
from pathlib import Path

import pytest
from support.redis_servers import RedisServer

from router.clock import system_clock
from router.events.decode import decode_strictly
from router.events.model import Received
from router.journal.batches import Batches
from router.journal.confirmation import NO_CONFIRMATION, Confirmation
from router.journal.connection import connect

COMMITS = 200
REPLICA = Confirmation(replicas=1, timeout_ms=3000)
DISK = Confirmation(fsync=True, timeout_ms=3000)
DISKS = Confirmation(replicas=1, fsync=True, timeout_ms=3000)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("appendfsync", ["everysec", "always"])
async def test_a_confirmed_commit_takes_as_long_as_what_confirms_it(
    tmp_path: Path, sample: bytes, appendfsync: str
) -> None:
    group = [Received(decode_strictly(sample, received_at=1.0, max_events=1), [])] * 10
    loop = asyncio.get_running_loop()
    with (
        RedisServer(tmp_path / "primary", appendfsync=appendfsync) as primary,
        RedisServer(tmp_path / "replica", appendfsync=appendfsync) as replica,
    ):
        replica.follow(primary)
        kinds = {"none": NO_CONFIRMATION, "1 replica": REPLICA}
        if primary.version >= (7, 2):
            kinds |= {"fsync": DISK, "fsync, 1 replica": DISKS}
        connection = connect(primary.url, deadline=4.0, max_connections=2)
        p50 = {}
        for name, confirmation in kinds.items():
            batches = Batches(connection, system_clock(), None, confirmation)
            times = []
            # A replica reports its fsync once a second, and everysec is one.
            is_slow = confirmation.fsync and (confirmation.replicas or appendfsync == "everysec")
            for _ in range(10 if is_slow else COMMITS):
                began = loop.time()
                await batches.accept(group)
                times.append(1000 * (loop.time() - began))
            p50[name] = statistics.median(times)
            print(f"\n{appendfsync}, {name}: p50 {p50[name]:.2f} ms, max {max(times):.2f} ms")  # noqa: T201
        await connection.close()

    assert p50["1 replica"] < 100
