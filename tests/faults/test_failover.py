"""The primary becomes a replica and lives on; the address leads new connections to the next one.

That is a failover behind a virtual address, a name, or a managed service: no connection is cut.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
from support.books import Comparison
from support.fault_rows import FigureRecorder
from support.processes import RouterProcess
from support.receivers import Receivers, unhurried
from support.redis_servers import RedisServer, fail_over
from support.sender import TOKEN, Sender
from support.tcp_proxy import TcpProxy
from support.waiting import until

RULES = Path(__file__).parents[2] / "rules"
RECOVERY_SECONDS = 10.0
"""Well above the pause between two reconnects, 2 s at most, and below any restart."""

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def primary(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "primary") as server:
        yield server


@pytest.fixture
def replica(tmp_path: Path, primary: RedisServer) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "replica") as server:
        server.follow(primary)
        yield server


@pytest.fixture
async def address(primary: RedisServer) -> AsyncIterator[TcpProxy]:
    async with TcpProxy(primary.address) as proxy:
        yield proxy


@pytest.fixture
def environ(address: TcpProxy, receivers: Receivers, tmp_path: Path) -> dict[str, str]:
    rules = tmp_path / "rules"
    rules.mkdir()
    return {
        **receivers.environ(),
        "ROUTER_REDIS_URL": f"redis://{address.address}/0",
        "ROUTER_RULES": str(unhurried(RULES, rules)),
        "ROUTER_TWILIO_AUTH_TOKENS": TOKEN.reveal(),
        "ROUTER_PORT": "0",
        "ROUTER_WORKER_PORT": "0",
        "ROUTER_JOB_LEASE": "1s",
    }


async def status_and_redis_up(url: str) -> tuple[int, float]:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{url}/readyz") as response:
            status = response.status
        async with session.get(f"{url}/metrics") as response:
            lines = (await response.text()).splitlines()
    return status, float(
        next(line for line in lines if line.startswith("router_redis_up ")).split()[1]
    )


async def is_ready(url: str) -> bool:
    return await status_and_redis_up(url) == (200, 1.0)


@pytest.mark.fault_row(15)
async def test_a_failover_under_load_is_followed_without_a_restart(
    primary: RedisServer,
    replica: RedisServer,
    address: TcpProxy,
    environ: dict[str, str],
    receivers: Receivers,
    sample: bytes,
    fault_figures: FigureRecorder,
) -> None:
    """Mutant seen to fail: ``reconnects`` returns False (no event accepted for a minute)."""
    loop = asyncio.get_running_loop()
    sender = Sender(sample, seconds=60)
    before, after = ([f"NO{number}" for number in range(*span)] for span in ((0, 300), (300, 600)))
    async with (
        RouterProcess("worker", environ=environ) as worker,
        RouterProcess("ingress", environ=environ) as ingress,
    ):
        await sender.send(ingress.url, before)
        await until_replicated(primary)
        fail_over(primary, replica)
        began = loop.time()
        address.lead_to(replica.address)
        await sender.send(ingress.url, after[:1])
        accepted_after = loop.time() - began
        await sender.send(ingress.url, after)
        arrived = await receivers.have_all(sender.accepted, seconds=30)
        drained = loop.time() - began
        for process in (ingress, worker):
            await until(lambda url=process.url: is_ready(url))  # type: ignore[misc]

    compared = Comparison.of(sender.accepted, arrived)
    fault_figures(
        **compared.figures(),
        drain_seconds=drained,
        note=f"first 202 after {accepted_after:.2f} s, {sender.refused} refused",
    )
    assert accepted_after < RECOVERY_SECONDS
    assert compared.lost == 0


async def until_replicated(primary: RedisServer) -> None:
    async def is_replicated() -> bool:
        return primary.ask("WAIT", "1", "0") == 1

    await until(is_replicated)
