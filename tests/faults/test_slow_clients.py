"""Slow loris and endless bodies: closed at the deadline, while honest senders notice nothing."""

import asyncio
import statistics
import sys
from pathlib import Path

import aiohttp
import msgspec
import pytest
from support.events import event_from
from support.processes import RouterProcess

from router.datatypes import Secret

DEADLINE = 5.0
GRACE = 5.0
"""Seconds that a busy machine may take to notice."""
HONEST = 8
EVERY = 0.02
ROUNDS = 4
SUPPORT = Path(__file__).parents[1] / "support" / "slow_clients.py"


class Attack(msgspec.Struct):
    closed: dict[str, int]
    longest: dict[str, float]


async def attack(url: str, count: int, *, every: float = 1.0) -> Attack:
    """Attack with so many clients, each of which sends a piece so often, in seconds."""
    host, _, port = url.removeprefix("http://").partition(":")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *(str(SUPPORT), host, port, str(count), str(every)),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    return msgspec.json.decode(out, type=Attack)


class Honest:
    """Senders that send at a steady rate. ``seconds`` are how long each request took."""

    def __init__(self, url: str, sample: bytes) -> None:
        self._url = f"{url}/events"
        self._sample = sample
        self._count = 0
        self.seconds: list[float] = []
        self.stop = asyncio.Event()

    async def run(self) -> None:
        async with aiohttp.ClientSession() as http, asyncio.TaskGroup() as group:
            for _ in range(HONEST):
                group.create_task(self._one_after_another(http))

    async def _one_after_another(self, http: aiohttp.ClientSession) -> None:
        loop = asyncio.get_running_loop()
        while not self.stop.is_set():
            self._count += 1
            body = event_from(self._sample, id=f"NO{self._count}").body
            began = loop.time()
            headers = {"Content-Type": "application/json"}
            async with http.post(self._url, data=body, headers=headers) as response:
                assert response.status == 202
            self.seconds.append(loop.time() - began)
            await asyncio.sleep(EVERY)

    async def during(self, seconds: float) -> list[float]:
        """What the next requests took, so many seconds long."""
        self.seconds.clear()
        await asyncio.sleep(seconds)
        return list(self.seconds)


def p99(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=100)[98]


def environ(redis_url: Secret) -> dict[str, str]:
    return {
        "ROUTER_REDIS_URL": redis_url.reveal(),
        "ROUTER_PORT": "0",
        "ROUTER_COMMIT_TIMEOUT": "4s",
        "ROUTER_HEAD_TIMEOUT": f"{DEADLINE:g}s",
        "ROUTER_BODY_TIMEOUT": f"{DEADLINE:g}s",
    }


@pytest.mark.fault_row(34, 35)
async def test_slow_clients_are_closed_at_the_deadline(redis_url: Secret) -> None:
    """Mutant: each piece of a head begins its time again; those that drip stay for ever."""
    settings = {**environ(redis_url), "ROUTER_HEAD_TIMEOUT": "1s", "ROUTER_BODY_TIMEOUT": "1s"}
    async with RouterProcess("ingress", environ=settings) as router:
        seen = await attack(router.url, 150, every=0.25)

    assert seen.closed == {"silent": 50, "head": 50, "body": 50}
    assert all(0.9 < seconds < 1 + GRACE for seconds in seen.longest.values())


@pytest.mark.fault_row(34, 35)
@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_two_thousand_slow_clients_cost_honest_ones_nothing(
    redis_url: Secret, sample: bytes
) -> None:
    before: list[float] = []
    meanwhile: list[float] = []
    async with RouterProcess("ingress", environ=environ(redis_url)) as router:
        honest = Honest(router.url, sample)
        async with asyncio.TaskGroup() as group:
            group.create_task(honest.run())
            await honest.during(1.0)
            for _ in range(ROUNDS):
                before += await honest.during(DEADLINE)
                attacking = group.create_task(attack(router.url, 2000))
                # From when they are all there until they are closed.
                await honest.during(2.5)
                meanwhile += await honest.during(DEADLINE - 2.5)
                seen = await attacking
                assert sum(seen.closed.values()) == 2000
                assert max(seen.longest.values()) < DEADLINE + GRACE
                await honest.during(0.5)
            honest.stop.set()
    ratio = p99(meanwhile) / p99(before)
    print(  # noqa: T201 - the figures
        f"\np99 {p99(before) * 1000:.1f} ms before, {p99(meanwhile) * 1000:.1f} ms with 2,000 slow"
        f" clients: {ratio:.2f} times ({len(before)} and {len(meanwhile)} requests);"
        f" median {statistics.median(before) * 1000:.1f} and"
        f" {statistics.median(meanwhile) * 1000:.1f} ms; the last was closed after"
        f" {max(seen.longest.values()):.1f} s of {DEADLINE:g} s"
    )
    assert ratio < 2
