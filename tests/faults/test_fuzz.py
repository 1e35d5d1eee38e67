"""Fuzzed bodies and headers: only 2xx and 4xx, and no growth of memory.

FUZZ_REQUESTS and FUZZ_SEED say how many and which; a failure names the seed.
"""

import os
from pathlib import Path

import pytest
from support.fuzz import BEARER, TOKEN, Requests
from support.fuzzer import Fuzzer
from support.processes import RouterProcess

from router.datatypes import Secret
from router.journal.connection import Connection

WARM_UP = 0.2
GROWTH = 30 << 20


def resident(pid: int) -> int:
    """Bytes of memory that the process has."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def fuzz(redis_url: Secret, connection: Connection, sample: bytes, count: int) -> None:
    seed = int(os.environ.get("FUZZ_SEED", "20261125"))
    environ = {
        "ROUTER_REDIS_URL": redis_url.reveal(),
        "ROUTER_PORT": "0",
        "ROUTER_LOG_LEVEL": "info",
        "ROUTER_TWILIO_AUTH_TOKENS": TOKEN.reveal(),
        "ROUTER_EVENTS_TOKEN": BEARER.reveal(),
        "ROUTER_WEBHOOK_ORIGINS": "a.example",
        "ROUTER_HEAD_TIMEOUT": "500ms",
        "ROUTER_BODY_TIMEOUT": "500ms",
        "ROUTER_MAX_BODY": "256KiB",
    }
    async with RouterProcess("ingress", environ=environ) as router:
        host, _, port = router.url.removeprefix("http://").partition(":")
        fuzzer = Fuzzer(host, int(port), Requests(seed, sample))
        await fuzzer.run(int(count * WARM_UP))
        before = resident(router.pid)
        for _ in range(max(1, count // 25_000)):
            await fuzzer.run(min(count, 25_000))
            await connection.redis.flushall()  # nobody evaluates here
        grown = resident(router.pid) - before
        errors = [line for line in router.log if line.get("level") == "error"]
    print(  # noqa: T201 - the figures
        f"\nseed {seed}: {fuzzer.answers.total()} answers {dict(sorted(fuzzer.answers.items()))},"
        f" {fuzzer.unanswered} closed without one, memory {grown / (1 << 20):+.1f} MiB"
    )
    assert errors == [], f"seed {seed}: {errors}"
    assert {status // 100 for status in fuzzer.answers} <= {2, 4}, f"seed {seed}"
    assert fuzzer.answers[202] > count // 50
    assert fuzzer.answers.total() > count
    assert grown < GROWTH


@pytest.mark.fault_row(38, 39)
async def test_fuzzed_requests_get_2xx_and_4xx_only(
    redis_url: Secret, connection: Connection, sample: bytes
) -> None:
    await fuzz(redis_url, connection, sample, 500)


@pytest.mark.fault_row(38, 39)
@pytest.mark.slow
@pytest.mark.timeout(3600)
async def test_a_million_fuzzed_requests_get_2xx_and_4xx_only(
    redis_url: Secret, connection: Connection, sample: bytes
) -> None:
    count = int(os.environ.get("FUZZ_REQUESTS", "1000000"))
    await fuzz(redis_url, connection, sample, count)
