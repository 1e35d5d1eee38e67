"""The primary becomes a replica and lives on; the address leads new connections to the next one.

That is a failover behind a virtual address, a name, or a managed service: no connection is cut.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from support import least_rights
from support.books import Comparison
from support.fault_rows import FigureRecorder
from support.processes import RouterProcess
from support.receivers import Receivers, unhurried
from support.redis_servers import RedisServer, fail_over
from support.sender import TOKEN, Sender
from support.tcp_proxy import TcpProxy
from support.waiting import until

from router.datatypes import Secret

RULES = Path(__file__).parents[2] / "rules"
RECOVERY_SECONDS = 10.0
"""Well above the pause between two reconnects, 2 s at most, and below any restart."""


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
        "ROUTER_REDIS_URL": least_rights.as_router(Secret(f"redis://{address.address}/0")).reveal(),
        "ROUTER_RULES": str(unhurried(RULES, rules)),
        "ROUTER_TWILIO_AUTH_TOKENS": TOKEN.reveal(),
        "ROUTER_PORT": "0",
        "ROUTER_WORKER_PORT": "0",
        "ROUTER_JOB_LEASE": "1s",
        "ROUTER_ADMIN_TOKEN": "operator",
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


async def pauses(url: str) -> bool:
    """Whether the operators' API writes; its connections are not those of events."""
    path = f"{url}/api/v1/destinations/another/pause"
    headers = {"Authorization": "Bearer operator"}
    async with (
        aiohttp.ClientSession() as http,
        http.post(path, json={"reason": "test", "by": "test"}, headers=headers) as response,
    ):
        return response.status < 500


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
    before, after = ([f"NO{number}" for number in range(*span)] for span in ((0, 200), (200, 400)))
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
        await until(lambda: pauses(ingress.url), seconds=RECOVERY_SECONDS)
        arrived = await receivers.have_all(sender.accepted, seconds=60)
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


@pytest.fixture
async def link(primary: RedisServer, replica: RedisServer) -> AsyncIterator[TcpProxy]:
    """The way from the primary to its replica."""
    async with TcpProxy(primary.address) as proxy:
        replica.ask("REPLICAOF", "127.0.0.1", str(proxy.port))
        await until_replicated(primary)
        yield proxy
        proxy.clear()


@pytest.mark.fault_row(15)
async def test_events_that_an_asynchronous_failover_loses_are_reported(
    primary: RedisServer,
    replica: RedisServer,
    address: TcpProxy,
    link: TcpProxy,
    environ: dict[str, str],
    receivers: Receivers,
    sample: bytes,
    fault_figures: FigureRecorder,
) -> None:
    """Mutants seen to fail: accept returns no count; ``second_repl_offset`` is not compared."""
    sender = Sender(sample, seconds=60)
    copied, lagging = ({f"NO{number}" for number in range(*span)} for span in ((0, 50), (50, 90)))
    async with RouterProcess("ingress", environ=environ) as ingress:
        await sender.send(ingress.url, sorted(copied))
        await until_replicated(primary)
        link.silence()
        await sender.send(ingress.url, sorted(lagging))
        await checked_once_more(ingress.url)
        fail_over(primary, replica)
        address.lead_to(replica.address)
        await sender.send(ingress.url, ["NO90"])

        async def reported() -> float:
            return await metric(ingress.url, "store_missing_events_total")

        missing = await until(reported)
        missing_bytes = await metric(ingress.url, "store_missing_bytes_total")
        async with RouterProcess("worker", environ=environ):
            arrived = await receivers.have_all(copied | {"NO90"}, seconds=60)
            lost = max(len(sender.accepted - has.keys()) for has in arrived.values())

    assert sender.accepted == {*copied, *lagging, "NO90"}
    assert lost == missing == len(lagging)
    assert missing_bytes > 1000 * len(lagging)
    assert any("acknowledged events missing" in str(each["message"]) for each in ingress.log)
    fault_figures(
        note=f"asynchronous: {lost} lost, {missing:.0f} reported, {missing_bytes:.0f} bytes"
    )


@pytest.mark.fault_row(15)
async def test_with_a_replica_that_confirms_a_failover_loses_nothing(
    primary: RedisServer,
    replica: RedisServer,
    address: TcpProxy,
    link: TcpProxy,
    environ: dict[str, str],
    receivers: Receivers,
    sample: bytes,
    fault_figures: FigureRecorder,
) -> None:
    """Mutants seen to fail: the reply to WAIT is not compared; the probe does not wait."""
    sender = Sender(sample, seconds=60)
    copied, lagging = ([f"NO{number}" for number in range(*span)] for span in ((0, 50), (50, 90)))
    environ |= {"ROUTER_ACCEPT_REPLICAS": "1", "ROUTER_COMMIT_TIMEOUT": "400ms"}
    async with RouterProcess("ingress", environ=environ) as ingress, asyncio.TaskGroup() as group:
        await sender.send(ingress.url, copied)
        assert await is_ready(ingress.url)
        link.silence()
        sending = group.create_task(sender.send(ingress.url, lagging))

        async def is_refused() -> bool:
            return sender.refused > 10 and (await status_and_redis_up(ingress.url)) == (503, 0.0)

        await until(is_refused)
        assert sender.accepted == set(copied)
        fail_over(primary, replica)
        address.lead_to(replica.address)
        await sending
        await until(lambda: is_ready(ingress.url))
        missing = await metric(ingress.url, "store_missing_events_total")
        async with RouterProcess("worker", environ=environ):
            arrived = await receivers.have_all(sender.accepted, seconds=60)

    compared = Comparison.of(sender.accepted, arrived)
    assert sender.accepted == {*copied, *lagging}
    assert (compared.lost, missing) == (0, 0)
    fault_figures(**compared.figures(), note="with ROUTER_ACCEPT_REPLICAS=1: 0 lost")


async def metric(url: str, name: str) -> float:
    async with aiohttp.ClientSession() as http, http.get(f"{url}/metrics") as response:
        lines = (await response.text()).splitlines()
    return float(next(line for line in lines if line.startswith(f"router_{name} ")).split()[1])


async def checked_once_more(url: str) -> None:
    """Return when the process has checked Redis once more, so that it knows the last offset."""
    await asyncio.sleep(1.1)  # a check answers for a second
    await status_and_redis_up(url)


async def until_replicated(primary: RedisServer) -> None:
    """Wait until the replica has all that the primary has written by now.

    WAIT does not say so: it waits for the writes of its own connection, and this one has none.
    """

    def replication() -> dict[str, Any]:
        with primary.client() as client:
            found: dict[str, Any] = client.info("replication")
            return found

    # In threads, because a proxy of this event loop may be on the way to the replica.
    written = (await asyncio.to_thread(replication))["master_repl_offset"]

    async def is_replicated() -> bool:
        found = await asyncio.to_thread(replication)
        return "slave0" in found and found["slave0"]["offset"] >= written

    await until(is_replicated)
