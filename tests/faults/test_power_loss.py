"""The machine of Redis loses its power: what was not synced to the disk is gone.

A kill of Redis does not show this, because the kernel keeps what the process wrote.
"""

import asyncio
import random
from collections.abc import Iterator

import pytest
from support.fault_rows import FigureRecorder
from support.power_loss import FragileDisk
from support.stage import Stage, under_load
from support.steady_load import SteadyLoad

from router.dev.embedded_redis import EmbeddedRedis, find_server

SEED = 20_261_129
RATE = 50.0
DECLARED_SECONDS = 2.0
"""What ``appendfsync everysec`` may lose (Redis documentation, "Redis persistence"): a second, and
one more while a sync is late."""


@pytest.fixture
def appendfsync(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def redis(disk: FragileDisk, appendfsync: str) -> Iterator[EmbeddedRedis]:
    server = EmbeddedRedis(find_server(""), disk.folder / "redis", appendfsync=appendfsync)
    server.start()
    yield server
    server.stop()


async def check(
    stage: Stage, disk: FragileDisk, figures: FigureRecorder, policy: str, losses: int
) -> int:
    """Lose power so often under load; return how many accepted events were lost.

    No worker runs, so that each accepted event must be in its batch.
    """
    chance = random.Random(SEED)  # noqa: S311 - repeatable
    async with stage.ingress() as ingress:
        ingress.keep_address()
        load = SteadyLoad(ingress.url, rate=RATE)

        async def lose_each_time() -> None:
            for _ in range(losses):
                await asyncio.sleep(chance.uniform(1.2, 2.2))
                stage.redis.kill()  # the machine ends at once: it acknowledges nothing after the cut
                disk.cut_power()
                await asyncio.to_thread(come_back)

        def come_back() -> None:
            disk.unmount()
            disk.mount()
            stage.redis.start()

        await under_load(load, lose_each_time())
    async with stage.worker():
        seconds = await stage.drained()
    found = stage.compare(load.accepted)
    figures(
        seed=SEED,
        accepted=found.accepted,
        lost=found.lost // 2,  # of two receivers
        repeated=found.repeated,
        drain_seconds=seconds,
        note=f"{losses} power losses with appendfsync {policy},"
        f" {load.refused.total()} requests refused",
    )
    return found.lost // 2


@pytest.mark.fault_row(6)
@pytest.mark.parametrize("appendfsync", ["always"], indirect=True)
async def test_row_6_with_appendfsync_always_a_power_loss_loses_nothing(
    stage: Stage, disk: FragileDisk, fault_figures: FigureRecorder
) -> None:
    """Mutant: ``appendfsync everysec`` here; a second of accepted events is lost."""
    lost = await check(stage, disk, fault_figures, "always", 2)

    assert lost == 0


@pytest.mark.slow
@pytest.mark.fault_row(6)
@pytest.mark.parametrize("appendfsync", ["everysec"], indirect=True)
async def test_row_6_with_appendfsync_everysec_no_more_is_lost_than_declared(
    stage: Stage, disk: FragileDisk, fault_figures: FigureRecorder
) -> None:
    """Mutant: ``appendfsync no`` here; all that the kernel has not written by itself is lost."""
    losses = 4
    lost = await check(stage, disk, fault_figures, "everysec", losses)

    assert 0 < lost <= losses * DECLARED_SECONDS * RATE
