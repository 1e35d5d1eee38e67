"""A delivery set that is larger than the worker's memory is read in pages.

The longer form has 300,000 deliveries of 3 KB for one digest, a worker of 256 MB, and events that go
on meanwhile: ``pytest -n 0 -s -m slow tests/faults/test_large_sets.py``.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from support.fault_rows import FigureRecorder
from support.large_sets import fill_digest
from support.latency_probe import LatencyProbe
from support.mail import SmtpSink
from support.processes import RouterProcess
from support.sender import TOKEN, Sender
from support.sinks import HttpSink

from router.dev.embedded_redis import EmbeddedRedis, find_server
from router.journal import ledger
from router.journal.connection import Connection, connect

TESTS = Path(__file__).parents[1]
RULES = """
destinations:
  mail:
    email:
      to: [noc@example.com]
      from: router@example.com
      smtp_url: "${SMTP_URL}"
      digest: {every: 1h}
  tickets: {http: {url: "${TICKETS_URL}"}}
rules: [{name: all, events: ["*"], send_to: [tickets]}]
"""
MB = 1_000_000


class Outcome(msgspec.Struct, kw_only=True):
    delivered: int
    mails: int
    others: int
    """Deliveries to another destination that were made meanwhile."""
    worker_ends: int
    peak_mb: float
    """The worker's peak of resident memory."""
    stall_ms: float
    """The longest time for which Redis did not answer."""
    slowest_ms: float
    """The longest command."""
    seconds: float


@pytest.fixture
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    """Nothing is killed here but workers, so what is measured need not wait for the disk."""
    server = EmbeddedRedis(find_server(""), tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


def peak_mb(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return 0.0
    peak = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    return int(peak[0]) * 1024 / MB if peak else 0.0


class Drain:
    """Delivers a large digest with a small worker, and other deliveries meanwhile."""

    def __init__(self, connection: Connection, sender: Sender) -> None:
        self._connection = connection
        self._sender = sender
        self.worker_ends = 0
        self.peak_mb = 0.0

    async def run(self, ingress: RouterProcess, worker: RouterProcess) -> None:
        sent = 0
        while not sent or await self._pending():
            self.peak_mb = max(self.peak_mb, peak_mb(worker.pid))
            while worker.has_ended:
                self.worker_ends += 1
                with contextlib.suppress(RuntimeError):  # it ended again at once
                    await worker.start()
            await self._sender.send(ingress.url, [f"NO{sent}"], at_once=1)
            sent += 1
            await asyncio.sleep(0.01)

    async def _pending(self) -> bool:
        counts = (await ledger.read(self._connection)).destinations
        return any(each.pending for each in counts.values())


async def drain_digest(
    redis: EmbeddedRedis, environ: dict[str, str], sample: bytes, *, memory: int, seconds: float
) -> Outcome:
    """Run an ingress and a worker with little memory until all is delivered, or time is up."""
    connection = connect(redis.url, deadline=30.0, max_connections=2)
    drain = Drain(connection, Sender(sample))
    loop = asyncio.get_running_loop()
    async with SmtpSink() as smtp, HttpSink() as tickets, LatencyProbe(redis.socket) as probe:
        environ = {**environ, "SMTP_URL": smtp.url(), "TICKETS_URL": tickets.url}
        environ["MEMORY_LIMIT"] = str(memory)
        began = loop.time()
        async with (
            RouterProcess("ingress", environ=environ) as ingress,
            RouterProcess("worker", environ=environ, module="support.limited") as worker,
        ):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await drain.run(ingress, worker)
            took = loop.time() - began
    books = await ledger.read(connection)
    slow = await connection.redis.slowlog_get(128)
    await connection.close()
    return Outcome(
        delivered=books.destinations["mail"].delivered,
        mails=len(smtp.mails),
        others=len(tickets.requests),
        worker_ends=drain.worker_ends,
        peak_mb=drain.peak_mb,
        stall_ms=probe.longest_ms,
        slowest_ms=max((entry["duration"] / 1000 for entry in slow), default=0.0),
        seconds=took,
    )


@pytest.fixture
def digest_environ(redis: EmbeddedRedis, tmp_path: Path) -> dict[str, str]:
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    return {
        "ROUTER_REDIS_URL": redis.url.reveal(),
        "ROUTER_RULES": str(tmp_path),
        "ROUTER_TWILIO_AUTH_TOKENS": TOKEN.reveal(),
        "ROUTER_PORT": "0",
        "ROUTER_WORKER_PORT": "0",
        "ROUTER_JOB_LEASE": "1s",
        "PYTHONPATH": str(TESTS),
    }


@pytest.mark.parametrize(
    ("count", "size", "memory", "seconds"),
    [
        pytest.param(2_500, 15_000, 130 * MB, 90.0, id="short"),
        pytest.param(
            300_000,
            3_000,
            256 * MB,
            300.0,
            id="long",
            marks=[pytest.mark.slow, pytest.mark.timeout(1200)],
        ),
    ],
)
@pytest.mark.fault_row(60, 67)
async def test_a_digest_larger_than_the_workers_memory_is_delivered(
    redis: EmbeddedRedis,
    digest_environ: dict[str, str],
    sample: bytes,
    fault_figures: FigureRecorder,
    *,
    count: int,
    size: int,
    memory: int,
    seconds: float,
) -> None:
    """Mutant: ``begin_set`` reads the whole set; the worker ends again and again."""
    connection = connect(redis.url, deadline=30.0, max_connections=1)
    await fill_digest(connection, sample, count, size)
    await connection.redis.config_set("slowlog-log-slower-than", 5000)
    await connection.redis.slowlog_reset()
    await connection.close()

    found = await drain_digest(redis, digest_environ, sample, memory=memory, seconds=seconds)

    note = (
        f"{count} x {size} B in one digest: {found.mails} mails, peak {found.peak_mb:.0f} MB of"
        f" {memory // MB}, Redis stood {found.stall_ms:.0f} ms (slowest command"
        f" {found.slowest_ms:.0f} ms), {found.others} other deliveries meanwhile"
    )
    print(f"\nlarge digest: {found}")  # noqa: T201
    fault_figures(
        accepted=count, lost=count - found.delivered, drain_seconds=found.seconds, note=note
    )
    assert (found.delivered, found.worker_ends) == (count, 0)
    assert found.others > 0
