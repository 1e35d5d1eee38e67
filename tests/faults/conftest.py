"""A Redis of one's own to kill, the three receivers, and the environment of router processes."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from support.power_loss import FragileDisk, PowerLossUnavailableError, fragile_disk
from support.receivers import Receivers, unhurried
from support.sender import TOKEN
from support.stage import Stage

from router.dev.embedded_redis import EmbeddedRedis, find_server

RULES = Path(__file__).parents[2] / "rules"


@pytest.fixture
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    """Confirms nothing that is not on disk."""
    server = EmbeddedRedis(find_server(""), tmp_path_factory.mktemp("redis"), appendfsync="always")
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def receivers() -> AsyncIterator[Receivers]:
    async with Receivers() as receivers:
        yield receivers


@pytest.fixture
def environ(redis: EmbeddedRedis, receivers: Receivers, tmp_path: Path) -> dict[str, str]:
    return {
        **receivers.environ(),
        "ROUTER_REDIS_URL": redis.url.reveal(),
        "ROUTER_RULES": str(unhurried(RULES, tmp_path)),
        "ROUTER_TWILIO_AUTH_TOKENS": TOKEN.reveal(),
        "ROUTER_PORT": "0",
        "ROUTER_WORKER_PORT": "0",
        "ROUTER_JOB_LEASE": "1s",
    }


@pytest.fixture
async def stage(redis: EmbeddedRedis, tmp_path: Path) -> AsyncIterator[Stage]:
    """Receivers that count, and a proxy in front of Redis for ingress and one for workers."""
    async with AsyncExitStack() as stack:
        stage = Stage(redis, tmp_path, seed=20_261_129)
        await stage.open(stack.enter_async_context)
        yield stage


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[FragileDisk]:
    """A disk that can lose its power and that is soon full."""
    try:
        with fragile_disk(tmp_path) as disk:
            yield disk
    except PowerLossUnavailableError as error:
        pytest.skip(f"no disk of one's own: {error}")
