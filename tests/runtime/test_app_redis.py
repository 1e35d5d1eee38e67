"""A process and a Redis that it cannot use: refused at the start, or waited for quietly."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from support.processes import RouterProcess
from support.redis_servers import RedisServer

RULES = """
destinations: {a: {capture: {}}, b: {capture: {}}, c: {capture: {}}, d: {capture: {}}}
rules: [{name: all, events: ["*"], send_to: [a, b, c, d]}]
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "redis") as server:
        yield server


def environ_of(url: str, **more: str) -> dict[str, str]:
    return {"ROUTER_REDIS_URL": url, "ROUTER_PORT": "0", **more}


@pytest.mark.default_user
@pytest.mark.parametrize("durability", ["strict", "relaxed"])
@pytest.mark.parametrize(
    ("credentials", "database", "said"),
    [
        (":wrong@", 0, "rejects the user or the password of ROUTER_REDIS_URL; correct them"),
        ("", 0, "asks for a password, and ROUTER_REDIS_URL has none"),
        ("nouser:right@", 0, "rejects the user or the password of ROUTER_REDIS_URL"),
        (":right@", 99, "has no database of the number in ROUTER_REDIS_URL; write one"),
    ],
)
async def test_a_url_that_does_not_fit_redis_is_an_error_at_the_start(
    credentials: str, database: int, said: str, durability: str, server: RedisServer
) -> None:
    """Case O17: nothing that the process could wait for makes the URL right."""
    server.ask("CONFIG", "SET", "requirepass", "right")
    url = f"redis://{credentials}127.0.0.1:{server.port}/{database}"
    process = RouterProcess("ingress", environ=environ_of(url, ROUTER_DURABILITY=durability))
    with pytest.raises(RuntimeError, match="did not start"):
        await process.start()

    last = str(process.log[-1]["message"])
    assert last.startswith("router: Redis answers ")
    assert said in last
    assert "DURABILITY" not in last


async def restarts(url: str) -> float:
    """Return how often a worker was rebuilt."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as response:
        lines = (await response.text()).splitlines()
    return sum(
        float(line.rpartition(" ")[2])
        for line in lines
        if line.startswith("router_worker_restarts_total{")
    )


async def test_a_redis_that_is_away_is_said_once_in_a_few_seconds(
    server: RedisServer, tmp_path: Path
) -> None:
    """Case O17: eight parts of a process notice that Redis is away, again and again."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "rules.yaml").write_text(RULES)
    environ = environ_of(server.url.reveal(), ROUTER_RULES=str(tmp_path / "rules"))
    async with RouterProcess("run", environ=environ) as process:
        began = len(process.log)
        server.kill()
        async with asyncio.timeout(60):
            while await restarts(process.url) < 18:  # noqa: ASYNC110 - polled
                await asyncio.sleep(0.05)
        lines = process.log[began:]
        server.start()

    outages = [line for line in lines if line["logger"] == "router.outages"]
    assert 1 <= len(outages) <= 2
    assert len(lines) <= len(outages) + 2, lines
