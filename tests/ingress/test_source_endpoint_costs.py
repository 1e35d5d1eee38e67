"""Requests to sources that become much more than they are, or take long."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import msgspec
import pytest
from support.running import Running
from support.sources import ingress_with, quarantined

from router.datatypes import Secret
from router.journal.connection import Connection
from router.sources import mapping_budget

RULES = """
sources:
  whole:
    verify: {bearer: {token: "${TOKEN}"}}
    split: body.items
    event: {data: body}
  whole-open:
    verify: none
    split: body.items
    event: {data: body}
  slow:
    verify: {bearer: {token: "${TOKEN}"}}
    split: body.items
    event: {subject: 'string(size(body.all.filter(x, x == item)))', id: string(item)}
"""
HEADERS = {"Authorization": "Bearer s3cret-of-the-sender", "Content-Type": "application/json"}


@pytest.fixture
async def router(redis_url: Secret, tmp_path: Path) -> AsyncIterator[Running]:
    variables = {"TOKEN": "s3cret-of-the-sender"}
    async with ingress_with(redis_url, tmp_path / "rules", RULES, variables) as process:
        yield process


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(headers=HEADERS) as session:
        yield session


LARGE = msgspec.json.encode({"items": list(range(1000)), "more": "x" * 1_000_000})


@pytest.mark.parametrize(
    ("path", "status"), [("/in/whole", 202), ("/in/whole-open", 400)], ids=["verified", "open"]
)
async def test_a_body_that_each_item_repeats_is_cut_short(
    router: Running,
    http: aiohttp.ClientSession,
    connection: Connection,
    path: str,
    status: int,
) -> None:
    """Mutant: no budget of bytes; 1 MB becomes 1 GB."""
    async with http.post(f"{router.url}{path}", data=LARGE) as response:
        assert response.status == status, await response.text()

    assert [reason for reason, _, _ in await quarantined(connection)] == [
        "source whole: the events of the request have more than 16777216 bytes"
    ] * (status == 202)


async def test_slow_expressions_end_and_delay_no_other_request(
    router: Running,
    http: aiohttp.ClientSession,
    connection: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Mutants: no budget of seconds, then 10 s; no pause, then others wait for 1 s."""
    monkeypatch.setattr(mapping_budget, "LONGEST", 1.0)
    body = msgspec.json.encode({"items": list(range(1000)), "all": list(range(20_000))})

    async def slow() -> int:
        async with http.post(f"{router.url}/in/slow", data=body) as response:
            return response.status

    sending = asyncio.get_running_loop().create_task(slow())
    longest = 0.0
    while not sending.done():
        began = time.perf_counter()
        async with http.get(f"{router.url}/healthz") as response:
            assert response.status == 200
        longest = max(longest, time.perf_counter() - began)

    assert await sending == 202
    assert longest < 0.8
    ((reason, _, content),) = await quarantined(connection)
    assert reason == "source slow: the expressions take more than 1 s for its items"
    assert content == body
