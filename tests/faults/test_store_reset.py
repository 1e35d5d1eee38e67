"""A Redis that comes back empty: every process says so within seconds, and works on."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp
import pytest
from support.fault_rows import FigureRecorder
from support.processes import RouterProcess
from support.receivers import Receivers, unhurried
from support.redis_servers import RedisServer
from support.sender import TOKEN, Sender
from support.waiting import until

RULES = Path(__file__).parents[2] / "rules"
DETECTED_SECONDS = 10.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def environ(server: RedisServer, receivers: Receivers, tmp_path: Path) -> dict[str, str]:
    rules = tmp_path / "rules"
    rules.mkdir()
    return {
        **receivers.environ(),
        "ROUTER_REDIS_URL": server.url.reveal(),
        "ROUTER_RULES": str(unhurried(RULES, rules)),
        "ROUTER_TWILIO_AUTH_TOKENS": TOKEN.reveal(),
        "ROUTER_PORT": "0",
        "ROUTER_WORKER_PORT": "0",
    }


def flushed(server: RedisServer) -> None:
    server.ask("FLUSHALL")


def restarted_without_its_data(server: RedisServer) -> None:
    server.kill()
    server.forget()
    server.start()


def epoch_deleted(server: RedisServer) -> None:
    server.ask("DEL", "router:epoch")


async def metric(url: str, name: str) -> float:
    async with aiohttp.ClientSession() as http, http.get(f"{url}/metrics") as response:
        lines = (await response.text()).splitlines()
    return float(next(line for line in lines if line.startswith(f"router_{name} ")).split()[1])


@pytest.mark.fault_row(16)
@pytest.mark.parametrize(
    "lose",
    [
        restarted_without_its_data,
        pytest.param(flushed, marks=pytest.mark.slow),
        pytest.param(epoch_deleted, marks=pytest.mark.slow),
    ],
)
async def test_an_empty_store_is_reported_by_each_process_and_used(
    server: RedisServer,
    environ: dict[str, str],
    receivers: Receivers,
    sample: bytes,
    fault_figures: FigureRecorder,
    lose: Callable[[RedisServer], None],
) -> None:
    """Mutants seen to fail: the probe does not write the epoch; ``observe`` is not called."""
    loop = asyncio.get_running_loop()
    sender = Sender(sample, seconds=30)
    async with (
        RouterProcess("worker", environ=environ) as worker,
        RouterProcess("ingress", environ=environ) as ingress,
    ):
        await sender.send(ingress.url, [f"NO{number}" for number in range(20)])
        await receivers.have_all(sender.accepted, seconds=60)
        lose(server)
        began = loop.time()

        async def reported() -> bool:
            return all(
                [await metric(each.url, "store_resets_total") == 1 for each in (ingress, worker)]
            )

        await until(reported, seconds=DETECTED_SECONDS)
        seconds = loop.time() - began
        epoch = server.ask("GET", "router:epoch")
        await sender.send(ingress.url, [f"NO{number}" for number in range(20, 40)])
        arrived = await receivers.have_all(sender.accepted, seconds=60)
        assert await reported()

    assert server.ask("GET", "router:epoch") == epoch
    errors = [
        entry["message"]
        for process in (ingress, worker)
        for entry in process.log
        if entry.get("level") == "error"
    ]
    assert len([each for each in errors if "store reset" in str(each)]) == 2
    fault_figures(
        accepted=len(sender.accepted),
        lost=sum(len(sender.accepted - has.keys()) for has in arrived.values()),
        note=f"{lose.__name__}: both processes reported it after {seconds:.1f} s",
    )
