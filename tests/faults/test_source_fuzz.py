"""Fuzzed requests to sources of every preset and verifier: only 2xx and 4xx, and no growth.

FUZZ_REQUESTS and FUZZ_SEED say how many and which; a failure names the seed.
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import pytest
from multidict import CIMultiDict
from support.fault_rows import FigureRecorder
from support.fuzz import BEARER, TOKEN
from support.fuzzed_sources import OPTIONS, VARIABLES, fuzzed_sources, rules
from support.fuzzer import AT_ONCE, Fuzzer
from support.processes import RouterProcess
from support.source_fuzz import FuzzedSource, SourceRequests
from support.source_signing import HOST, SIGNERS
from yarl import URL

from router.clock import system_clock
from router.datatypes import Secret
from router.journal.connection import Connection
from router.sources.verifiers.kinds import VERIFIERS

GROWTH = 20 << 20
"""Bytes from a tenth of the requests to their end. A megabyte a source, for pools and caches."""
ROUND = 20_000
EMPTIED = "router.journal.store_watch"
"""The logger that reports that Redis was emptied."""
PLAIN = b'{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"a":[1,"x",null]}}'
SLOWEST_GOOD = 0.5
"""Seconds for a good request at the end, all sources one after the other."""


def resident(pid: int) -> int:
    """Bytes of memory that the process has."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def test_each_verifier_has_a_fuzzed_source() -> None:
    assert set(OPTIONS) == set(VERIFIERS)


@pytest.mark.parametrize("source", fuzzed_sources(), ids=lambda source: source.path)
def test_a_fuzzed_source_has_right_requests(source: FuzzedSource) -> None:
    assert source.samples
    assert set(source.verifiers) <= set(SIGNERS)


async def fuzz(
    redis_url: Secret, connection: Connection, folder: Path, count: int, figures: FigureRecorder
) -> None:
    seed = int(os.environ.get("FUZZ_SEED", "20261201"))
    (folder / "rules.yaml").write_text(rules(), encoding="utf-8")
    environ = {
        **VARIABLES,
        "ROUTER_REDIS_URL": redis_url.reveal(),
        "ROUTER_RULES": str(folder),
        "ROUTER_PORT": "0",
        "ROUTER_LOG_LEVEL": "info",
        "ROUTER_TWILIO_AUTH_TOKENS": TOKEN.reveal(),
        "ROUTER_EVENTS_TOKEN": BEARER.reveal(),
        "ROUTER_HEAD_TIMEOUT": "500ms",
        "ROUTER_BODY_TIMEOUT": "500ms",
        "ROUTER_MAX_BODY": "256KiB",
        "ROUTER_TRUSTED_PROXIES": "127.0.0.1",  # whose headers say which certificate was shown
    }
    sources = fuzzed_sources()
    async with RouterProcess("ingress", environ=environ) as router:
        host, _, port = router.url.removeprefix("http://").partition(":")
        requests = SourceRequests(seed, sources, PLAIN, now=system_clock().now())
        fuzzer = Fuzzer(host, int(port), requests)
        await fuzzer.run(max(500, count // 10))
        before, open_before = resident(router.pid), descriptors(router.pid)
        for start in range(0, count, ROUND):
            requests.now = system_clock().now()
            await fuzzer.run(min(ROUND, count - start))
            await connection.redis.flushall()  # because no worker evaluates here
        grown = resident(router.pid) - before
        more_open = descriptors(router.pid) - open_before
        requests.now = system_clock().now()
        good = await accepted_seconds(router.url, sources, requests)
        errors = [line for line in router.log if line.get("level") == "error"]
        errors = [line for line in errors if line.get("logger") != EMPTIED]
    note = (
        f"{fuzzer.answers.total()} answers {dict(sorted(fuzzer.answers.items()))},"
        f" {fuzzer.unanswered} closed without one, memory {grown / (1 << 20):+.1f} MiB,"
        f" a good request then takes {good * 1000:.0f} ms at most"
    )
    figures(seed=seed, note=note)
    print(f"\nseed {seed}: {note}")  # noqa: T201 - the figures
    assert errors == [], f"seed {seed}: {errors}"
    assert {status // 100 for status in fuzzer.answers} <= {2, 4}, f"seed {seed}"
    assert fuzzer.dropped == [], f"seed {seed}"
    assert fuzzer.answers[202] > count // 10
    assert fuzzer.answers.total() > count
    assert grown < GROWTH
    assert more_open <= AT_ONCE
    assert good < SLOWEST_GOOD


async def accepted_seconds(
    url: str, sources: Sequence[FuzzedSource], requests: SourceRequests
) -> float:
    """Send a right request of each source; return the seconds of the slowest answer."""
    slowest = 0.0
    async with aiohttp.ClientSession() as session:
        for source in (each for each in sources if not each.needs_network):
            draft = requests.signed(source, source.samples[0])
            target = URL(f"{url}{draft.path}?{draft.query}", encoded=True)
            headers = CIMultiDict([*draft.headers, ("Host", HOST)])
            began = time.perf_counter()
            async with session.request(
                draft.method, target, data=draft.body, headers=headers
            ) as response:
                assert response.status // 100 == 2, (source.path, await response.text())
            slowest = max(slowest, time.perf_counter() - began)
    return slowest


@pytest.mark.fault_row(38, 39)
async def test_fuzzed_requests_of_senders_get_2xx_and_4xx_only(
    redis_url: Secret, connection: Connection, tmp_path: Path, fault_figures: FigureRecorder
) -> None:
    """Mutant: headers keep bytes that are no text. Revert: parse errors of HTTP stay, +60 MiB."""
    await fuzz(redis_url, connection, tmp_path, 2000, fault_figures)


@pytest.mark.fault_row(38, 39)
@pytest.mark.slow
@pytest.mark.timeout(3600)
async def test_200_000_fuzzed_requests_of_senders_get_2xx_and_4xx_only(
    redis_url: Secret, connection: Connection, tmp_path: Path, fault_figures: FigureRecorder
) -> None:
    count = int(os.environ.get("FUZZ_REQUESTS", "200000"))
    await fuzz(redis_url, connection, tmp_path, count, fault_figures)
