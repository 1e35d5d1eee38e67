"""A process with a low descriptor limit, and more connections than that."""

import asyncio
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import aiohttp
import pytest
from support.processes import RouterProcess
from support.raw import statuses
from support.waiting import until

from router.datatypes import Secret

LIMIT = 64
COMING = 300
FULL = "connection limit reached"


@contextmanager
def few_descriptors() -> Iterator[None]:
    """Limit the descriptors of processes that are started in this block."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (LIMIT, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
async def ingress(redis_url: Secret) -> AsyncIterator[RouterProcess]:
    environ = {
        "ROUTER_REDIS_URL": redis_url.reveal(),
        "ROUTER_EVENTS_TOKEN": "token",
        "ROUTER_DURABILITY": "relaxed",
        "ROUTER_TRUSTED_PROXIES": "127.0.0.1",  # so that only the limit of all counts
        "ROUTER_PORT": "0",
    }
    process = RouterProcess("ingress", environ=environ, inherits=True)
    with few_descriptors():
        await process.start()
    yield process
    await process.__aexit__()


@pytest.mark.fault_row(68)
async def test_connections_above_the_descriptor_limit_are_rejected_and_others_are_served(
    ingress: RouterProcess, sample: bytes
) -> None:
    """Mutant: connections may take all descriptors."""
    host, port = ingress.url.removeprefix("http://").split(":")
    headers = {"Content-Type": "application/json", "Authorization": "Bearer token"}

    async def post(session: aiohttp.ClientSession) -> int:
        try:
            async with session.post(
                f"{ingress.url}/events", data=sample, headers=headers
            ) as response:
                return response.status
        except aiohttp.ClientConnectionError:
            return 0

    async def accepted() -> bool:
        return await post(new) == 202

    async with aiohttp.ClientSession() as had, aiohttp.ClientSession() as new:
        assert await post(had) == 202
        taken = [await asyncio.open_connection(host, int(port)) for _ in range(COMING)]
        last = await taken[-1][0].read()

        assert statuses(last) == [503]
        assert await post(had) == 202  # which needs a descriptor for Redis
        assert [line["message"] for line in ingress.log if line["level"] != "info"].count(FULL) == 1
        assert not [line for line in ingress.log if line["level"] == "error"]

        for _, writer in taken:
            writer.close()

        assert await until(accepted)
