"""Redis answers, and cannot take a write: it loads its data, or its disk is full."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from support.fault_rows import FigureRecorder
from support.power_loss import FragileDisk
from support.stage import Stage, under_load
from support.steady_load import SteadyLoad
from support.waiting import until

from router.dev.embedded_redis import EmbeddedRedis, find_server

_MICROSECONDS_A_KEY = 2000


async def is_ready(url: str) -> bool:
    async with aiohttp.ClientSession() as http, http.get(f"{url}/readyz") as response:
        return response.status == 200


class TestLoading:
    """Row 11: a start of Redis that takes long, because its file is large."""

    @pytest.fixture
    def redis(self, tmp_path: Path) -> Iterator[EmbeddedRedis]:
        """Redis that loads slowly: a program in front of it adds an option."""
        slow = tmp_path / "redis-server"
        options = (
            f"--key-load-delay {_MICROSECONDS_A_KEY} --loading-process-events-interval-bytes 1024"
        )
        slow.write_text(
            f'#!/bin/sh\ncase "$1" in --version) exec {find_server("")} "$@";; esac\n'
            f'exec {find_server("")} "$@" {options}\n'
        )
        slow.chmod(0o700)
        server = EmbeddedRedis(slow, tmp_path / "redis", appendfsync="always")
        server.start()
        yield server
        server.stop()

    @pytest.mark.parametrize(
        "keys",
        [
            pytest.param(500, marks=pytest.mark.timeout(60)),
            pytest.param(4500, marks=[pytest.mark.slow, pytest.mark.timeout(120)]),
        ],
    )
    @pytest.mark.fault_row(11)
    async def test_row_11_a_redis_that_loads_is_503_and_not_ready(
        self, keys: int, stage: Stage, fault_figures: FigureRecorder
    ) -> None:
        """Kill Redis with so many keys, and start it again, under load.

        Mutant: ingress answers 202 when the commit failed; what it accepted meanwhile is lost.
        """
        async with stage.connection() as connection:
            for number in range(keys):
                await connection.redis.set(f"filler:{number}", "x")
        not_ready = 0
        async with stage.worker(), stage.ingress() as ingress:
            load = SteadyLoad(ingress.url, rate=30)

            async def restart() -> None:
                nonlocal not_ready
                await asyncio.sleep(0.5)
                stage.redis.kill()
                async with asyncio.TaskGroup() as group:
                    starting = group.create_task(asyncio.to_thread(stage.redis.start))
                    while not starting.done():
                        not_ready += not await is_ready(ingress.url)
                        await asyncio.sleep(0.2)

                async def ready() -> bool:
                    return await is_ready(ingress.url)

                await until(ready, seconds=30)

            await under_load(load, restart())
            seconds = await stage.drained()
        found = stage.compare(load.accepted)

        fault_figures(
            **found.figures(),
            drain_seconds=seconds,
            note=f"{keys} keys to load, not ready {not_ready} times, {load.refused[503]} times 503",
        )
        assert found.lost == 0
        assert not_ready > 0
        assert load.refused[503] > 0
        assert set(load.refused) == {503}


class TestFullDisk:
    """Row 14: the disk of Redis is full, and then it is not."""

    @pytest.fixture
    def appendfsync(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture
    def redis(self, disk: FragileDisk, appendfsync: str) -> Iterator[EmbeddedRedis]:
        server = EmbeddedRedis(find_server(""), disk.folder / "redis", appendfsync=appendfsync)
        server.start()
        yield server
        server.stop()

    @pytest.mark.timeout(120)
    @pytest.mark.fault_row(14)
    @pytest.mark.parametrize("appendfsync", ["everysec", "always"], indirect=True)
    async def test_row_14_a_full_disk_is_503_until_there_is_room(
        self,
        stage: Stage,
        disk: FragileDisk,
        appendfsync: str,
        fault_figures: FigureRecorder,
    ) -> None:
        """Fill the disk of Redis under load. With ``always`` Redis ends itself, and is restarted.

        Mutant: ingress answers 202 when the commit failed; what it accepted meanwhile is lost.
        """
        async with stage.worker(), stage.ingress() as ingress:
            load = SteadyLoad(ingress.url, rate=40)

            async def fill() -> None:
                await asyncio.sleep(0.5)
                filler = await asyncio.to_thread(disk.fill)

                async def is_refused() -> bool:
                    return load.refused.total() >= 20

                await until(is_refused, seconds=40)
                filler.unlink()
                if appendfsync == "always":
                    await asyncio.to_thread(restart, stage.redis)

                async def ready() -> bool:
                    return await is_ready(ingress.url)

                await until(ready, seconds=40)

            await under_load(load, fill())
            seconds = await stage.drained()
        found = stage.compare(load.accepted)

        fault_figures(
            **found.figures(),
            drain_seconds=seconds,
            note=f"appendfsync {appendfsync}, refused {dict(load.refused)}",
        )
        assert found.lost == 0
        assert set(load.refused) == {503}


def restart(redis: EmbeddedRedis) -> None:
    """Start a Redis again that has ended, as its supervisor does."""
    redis.kill()
    redis.start()
