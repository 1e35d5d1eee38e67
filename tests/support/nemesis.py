"""Faults in an order that a seed gives: kills, stops, pauses, a worse network, restarts of Redis."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from router.dev.embedded_redis import EmbeddedRedis
from support.processes import RouterProcess
from support.tcp_proxy import TcpProxy, Weather

Fault = Callable[[], Awaitable[None]]
"""Breaks something, and has mended it when it returns."""


class Nemesis:
    """Draws faults of ``faults`` by name. ``struck`` are those so far, for the test's output.

    Each is drawn once before any is drawn again, so that a short run has each kind.
    """

    def __init__(self, seed: int, faults: Mapping[str, Fault]) -> None:
        self.seed = seed
        self.struck: list[str] = []
        self.chance = random.Random(seed)  # noqa: S311 - repeatable
        self._faults = faults
        self._deck: list[str] = []

    async def strike(self) -> str:
        """Let one fault happen from its start to its end; return its name."""
        if not self._deck:
            self._deck = sorted(self._faults)
            self.chance.shuffle(self._deck)
        name = self._deck.pop()
        self.struck.append(name)
        await self._faults[name]()
        return name


def killed(process: RouterProcess) -> Fault:
    """Kill a process as the kernel does, and start it again."""

    async def fault() -> None:
        await process.kill()
        await process.start()

    return fault


def restarted(process: RouterProcess) -> Fault:
    """Stop a process by SIGTERM, and start it again."""

    async def fault() -> None:
        await process.stop()
        await process.start()

    return fault


def paused(process: RouterProcess, seconds: float) -> Fault:
    """Stop a process by SIGSTOP for so long, as a hypervisor or a full garbage collection does."""

    async def fault() -> None:
        process.signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            process.signal(signal.SIGCONT)

    return fault


def redis_killed(redis: EmbeddedRedis, *, away: float = 0.0) -> Fault:
    """Kill Redis, and start it again after ``away`` seconds."""

    async def fault() -> None:
        redis.kill()
        await asyncio.sleep(away)
        await asyncio.to_thread(redis.start)

    return fault


def redis_paused(redis: EmbeddedRedis, seconds: float) -> Fault:
    """Stop Redis by SIGSTOP for so long: connections stay open and are not answered."""

    async def fault() -> None:
        async with stopped(redis):
            await asyncio.sleep(seconds)

    return fault


@asynccontextmanager
async def stopped(redis: EmbeddedRedis) -> AsyncIterator[None]:
    """Stop Redis by SIGSTOP until the block ends."""
    os.kill(redis.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(redis.pid, signal.SIGCONT)


def weather(proxy: TcpProxy, seconds: float, **fields: float) -> Fault:
    """Let a proxy treat bytes so (see Weather) for so long."""

    async def fault() -> None:
        proxy.weather = Weather(**fields)  # type: ignore[arg-type]
        try:
            await asyncio.sleep(seconds)
        finally:
            proxy.clear()

    return fault


def cut_off(proxy: TcpProxy, seconds: float) -> Fault:
    """Let a proxy pass nothing on for so long, and then reset all connections."""

    async def fault() -> None:
        proxy.silence()
        try:
            await asyncio.sleep(seconds)
        finally:
            proxy.reset_all()
            proxy.clear()

    return fault
