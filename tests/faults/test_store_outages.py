"""Redis loads its data, is frozen, or has no room on its disk: 503 meanwhile, and nothing is lost."""

import asyncio
import signal
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp
import pytest
from support.books import Comparison
from support.fault_rows import FigureRecorder
from support.processes import RouterProcess
from support.receivers import Receivers, unhurried
from support.redis_servers import RedisServer
from support.sender import TOKEN, Sender
from support.waiting import until

RULES = Path(__file__).parents[2] / "rules"
ROOM = 300_000
"""Bytes of the append-only file: a few hundred events."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path / "redis")
    yield server
    server.kill()


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
        "ROUTER_JOB_LEASE": "1s",
    }


def ids(first: int, end: int) -> list[str]:
    return [f"NO{number}" for number in range(first, end)]


async def readiness(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as http, http.get(f"{url}/readyz") as response:
        return response.status, await response.text()


def not_ready(url: str, reason: str) -> Callable[[], object]:
    async def check() -> bool:
        status, text = await readiness(url)
        return status == 503 and reason in text

    return check


async def refused_since(sender: Sender, before: int) -> None:
    async def is_refused() -> bool:
        return sender.refused > before + 10

    await until(is_refused)


@pytest.mark.fault_row(11)
@pytest.mark.parametrize(
    ("keys", "is_cut_short"),
    [
        (30_000, True),
        pytest.param(150_000, False, marks=[pytest.mark.slow, pytest.mark.timeout(180)]),
    ],
)
async def test_while_redis_loads_its_data_events_wait_at_their_senders(
    keys: int,
    is_cut_short: bool,  # noqa: FBT001 - a column of the table
    server: RedisServer,
    environ: dict[str, str],
    receivers: Receivers,
    sample: bytes,
    fault_figures: FigureRecorder,
) -> None:
    """Mutants: LOADING is no state; the probe does not write; ingress accepts without a commit."""
    loop = asyncio.get_running_loop()
    server.start()
    with server.client() as client, client.pipeline(transaction=False) as pipeline:
        for number in range(keys):
            pipeline.set(f"ballast:{number}", "x")
        pipeline.execute()
    sender = Sender(sample, seconds=120)
    async with (
        RouterProcess("worker", environ=environ),
        RouterProcess("ingress", environ=environ) as ingress,
        asyncio.TaskGroup() as group,
    ):
        await sender.send(ingress.url, ids(0, 100))
        server.kill()
        # Microseconds for each key. It serves clients after each 1,024 keys.
        server.options["key-load-delay"] = "200"
        server.start(is_ready=False)
        began = loop.time()
        sending = group.create_task(sender.send(ingress.url, ids(100, 200)))
        await until(not_ready(ingress.url, "is loading its data after a start; wait"))
        assert not sending.done()
        if is_cut_short:
            await asyncio.to_thread(server.ask, "CONFIG", "SET", "key-load-delay", "0")
        await sending
        loaded = loop.time() - began
        arrived = await receivers.have_all(sender.accepted, seconds=60)
        assert (await readiness(ingress.url))[0] == 200

    compared = Comparison.of(sender.accepted, arrived)
    fault_figures(
        **compared.figures(),
        drain_seconds=loop.time() - began - loaded,
        note=f"{keys} keys loaded in {loaded:.1f} s, {sender.refused} refused",
    )
    assert sender.accepted == set(ids(0, 200))
    assert sender.refused > 0
    assert compared.lost == 0


@pytest.mark.slow
@pytest.mark.fault_row(8)
async def test_a_frozen_redis_gets_503_within_the_deadline_and_no_pile_up(
    server: RedisServer, environ: dict[str, str], sample: bytes, fault_figures: FigureRecorder
) -> None:
    """Mutant seen to fail: the connection of ingress has the deadline of workers."""
    loop = asyncio.get_running_loop()
    server.start()
    times: list[float] = []
    statuses: set[int] = set()
    headers = {"Content-Type": "application/json", "Authorization": "Bearer t"}
    async with (
        RouterProcess("ingress", environ=environ | {"ROUTER_EVENTS_TOKEN": "t"}) as ingress,
        aiohttp.ClientSession() as http,
    ):
        server.signal(signal.SIGSTOP)
        ends = loop.time() + 2

        async def send() -> None:
            while (began := loop.time()) < ends:
                async with http.post(
                    f"{ingress.url}/events", data=sample, headers=headers
                ) as response:
                    statuses.add(response.status)
                times.append(loop.time() - began)

        async with asyncio.TaskGroup() as group:
            for _ in range(64):
                group.create_task(send())
        server.signal(signal.SIGCONT)

        async def is_accepted() -> bool:
            async with http.post(f"{ingress.url}/events", data=sample, headers=headers) as response:
                return response.status == 202

        await until(is_accepted)

    p99 = statistics.quantiles(times, n=100)[98]
    fault_figures(note=f"frozen: {len(times)} answers, p99 {p99:.2f} s, all 503")
    assert statuses == {503}
    assert p99 < 2.5


@pytest.mark.fault_row(14)
async def test_a_full_disk_under_everysec_stops_events_until_there_is_room(
    server: RedisServer,
    environ: dict[str, str],
    receivers: Receivers,
    sample: bytes,
    fault_figures: FigureRecorder,
) -> None:
    """Mutants: MISCONF is no state; the probe does not write; ingress accepts without a commit."""
    loop = asyncio.get_running_loop()
    server.file_limit = ROOM
    server.start()
    sender = Sender(sample, seconds=90)
    async with (
        RouterProcess("ingress", environ=environ) as ingress,
        asyncio.TaskGroup() as group,
    ):
        sending = group.create_task(sender.send(ingress.url, ids(0, 500)))
        await refused_since(sender, sender.refused)
        await until(not_ready(ingress.url, "cannot write its data to disk; make room"))
        assert not sending.done()
        accepted_before = len(sender.accepted)
        server.make_room()
        began = loop.time()
        await sending
        recovered = loop.time() - began
        async with RouterProcess("worker", environ=environ):
            arrived = await receivers.have_all(sender.accepted, seconds=60)

    compared = Comparison.of(sender.accepted, arrived)
    fault_figures(
        **compared.figures(),
        note=f"everysec: {accepted_before} before the disk was full, {sender.refused} refused,"
        f" all accepted {recovered:.1f} s after there was room",
    )
    assert sender.accepted == set(ids(0, 500))
    assert compared.lost == 0


@pytest.mark.slow
@pytest.mark.fault_row(14)
async def test_a_full_disk_under_always_ends_redis_and_loses_nothing(
    server: RedisServer,
    environ: dict[str, str],
    receivers: Receivers,
    sample: bytes,
    fault_figures: FigureRecorder,
) -> None:
    """Mutant seen to fail: ``accept`` raises no error."""
    server.options["appendfsync"] = "always"
    server.file_limit = ROOM
    server.start()
    sender = Sender(sample, seconds=90)
    async with (
        RouterProcess("ingress", environ=environ) as ingress,
        asyncio.TaskGroup() as group,
    ):
        sending = group.create_task(sender.send(ingress.url, ids(0, 400)))
        await refused_since(sender, sender.refused)
        assert not sending.done()
        accepted_before = len(sender.accepted)

        async def has_ended() -> bool:
            return server.has_ended

        await until(has_ended)
        server.file_limit = 0
        server.start()
        await sending
        async with RouterProcess("worker", environ=environ):
            arrived = await receivers.have_all(sender.accepted, seconds=60)

    compared = Comparison.of(sender.accepted, arrived)
    fault_figures(
        **compared.figures(),
        note=f"always: {accepted_before} before Redis ended, {sender.refused} refused",
    )
    assert sender.accepted == set(ids(0, 400))
    assert compared.lost == 0
