"""A Redis that is full drains by itself, and its memory stays below maxmemory.

Figures are printed (``pytest -s``).
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.fault_rows import FigureRecorder
from support.full_redis import (
    EVENTS_TOKEN,
    CountingReceiver,
    Figures,
    fill_and_drain,
    limited,
    rules_for,
)

from router.dev.embedded_redis import EmbeddedRedis

MEBI = 1 << 20


@pytest.fixture
async def receiver() -> AsyncIterator[CountingReceiver]:
    async with CountingReceiver() as receiver:
        yield receiver


async def run(
    redis: EmbeddedRedis,
    receiver: CountingReceiver,
    folder: Path,
    *,
    maxmemory: int,
    destinations: int,
    workers: int,
    size: int,
    events: int,
    seconds: float,
    rate: float = 0.0,
    in_batch: int = 20,
) -> Figures:
    names = [f"d{number}" for number in range(destinations)]
    environ = {
        "ROUTER_REDIS_URL": redis.url.reveal(),
        "ROUTER_RULES": str(rules_for(folder, receiver.url, names)),
        "ROUTER_EVENTS_TOKEN": EVENTS_TOKEN,
        "ROUTER_PORT": "0",
        "ROUTER_WORKER_PORT": "0",
    }
    async with limited(redis.url, maxmemory) as client:
        figures = await fill_and_drain(
            client,
            receiver,
            environ,
            size=size,
            events=events,
            destinations=names,
            workers=workers,
            seconds=seconds,
            rate=rate,
            in_batch=in_batch,
        )
    print(f"\n{maxmemory // MEBI} MiB, {destinations} destinations, {workers} workers: {figures}")  # noqa: T201
    return figures


@pytest.mark.fault_row(12)
@pytest.mark.timeout(60)
async def test_a_full_redis_drains_by_itself(
    redis: EmbeddedRedis,
    receiver: CountingReceiver,
    tmp_path: Path,
    fault_figures: FigureRecorder,
) -> None:
    """Mutant: ``pace_of`` returns FREE; 144 % of maxmemory are used.

    With the code before ``allow-oom`` 0 of 2,780 deliveries arrived, and none ever would have.
    """
    figures = await run(
        redis,
        receiver,
        tmp_path,
        maxmemory=48 * MEBI,
        destinations=5,
        workers=2,
        size=50_000,
        events=5000,
        seconds=20,
        in_batch=4,
    )

    fault_figures(accepted=figures.accepted, lost=figures.lost, repeated=figures.repeated)
    assert figures.accepted > 0
    assert (figures.lost, figures.repeated) == (0, 0)
    assert figures.peak < 1.0


@pytest.mark.slow
@pytest.mark.fault_row(12)
@pytest.mark.timeout(1200)
async def test_128_mib_of_3_kb_events_drain(
    redis: EmbeddedRedis, receiver: CountingReceiver, tmp_path: Path
) -> None:
    figures = await run(
        redis,
        receiver,
        tmp_path,
        maxmemory=128 * MEBI,
        destinations=10,
        workers=1,
        size=2800,
        events=100_000,
        seconds=300,
        rate=2000,
    )
    assert (figures.lost, figures.repeated) == (0, 0)
    assert figures.peak < 1.0


@pytest.mark.slow
@pytest.mark.fault_row(12)
@pytest.mark.timeout(1800)
async def test_a_gibibyte_drains_to_ten_destinations(
    redis: EmbeddedRedis,
    receiver: CountingReceiver,
    tmp_path: Path,
    fault_figures: FigureRecorder,
) -> None:
    """Two workers; Redis is filled by ingress until it rejects."""
    figures = await run(
        redis,
        receiver,
        tmp_path,
        maxmemory=1024 * MEBI,
        destinations=10,
        workers=2,
        size=100_000,
        events=100_000,
        seconds=900,
        in_batch=8,
    )

    fault_figures(
        accepted=figures.accepted,
        lost=figures.lost,
        repeated=figures.repeated,
        drain_seconds=figures.drain_seconds,
        note=f"{figures.peak:.0%} of maxmemory",
    )
    assert (figures.lost, figures.repeated) == (0, 0)
    assert figures.peak < 1.0
