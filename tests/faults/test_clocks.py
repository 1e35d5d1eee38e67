"""The clocks of processes, and of Redis, are wrong by an hour: nothing waits for that, nothing spins.

Two forms. One runs the application in this process with a clock that is off. The other one runs
processes, and Redis, under libfaketime. Figures are printed (``pytest -s``).
"""

import asyncio
import os
import time as wall_clock
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import msgspec
import pytest
from support.events import event_from
from support.processes import RouterProcess
from support.running import post_batch, running, settings_for, worker_of
from support.sender import TOKEN, Sender
from support.sinks import HttpSink, Reply
from support.waiting import until

from router.clock import Clock, system_clock
from router.datatypes import Duration, Secret
from router.dev.embedded_redis import EmbeddedRedis, find_server
from router.journal import ledger
from router.journal.connection import Connection, connect
from router.runtime.roles import Roles

HOUR = 3600.0
EVENTS = 20
CONCURRENCY = 20
"""Attempts at once, and so the repeats after a kill: the default of a destination."""
FAILS = 5
"""Attempts that fail at first, and are retried."""
SECONDS = 12.0
"""Within which all is delivered. The clocks are off by far more."""
RULES = """
destinations:
  noc: {{http: {{url: "{noc}", retry: {{first: 50ms}}}}}}
  oncall: {{http: {{url: "{oncall}"}}}}
rules:
  - {{name: all, events: ["*"], send_to: [noc]}}
  - name: together
    events: ["*"]
    group: {{by: [type], wait: 200ms, interval: 10m}}
    send_to: [oncall]
"""
FAKETIME = next(
    (
        str(path)
        for path in (
            Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"),
            Path("/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1"),
            Path("/usr/local/lib/faketime/libfaketime.so.1"),
        )
        if path.exists()
    ),
    "",
)
LIBC = next(
    (
        line.split()[-1]
        for line in Path("/proc/self/maps").read_text().splitlines()
        if "libc.so" in line
    ),
    "",
)
"""Redis is preloaded with it too, because jemalloc asks for the time before libfaketime is ready."""
needs_faketime = pytest.mark.skipif(
    not FAKETIME, reason="libfaketime is not installed: apt-get install faketime"
)


def off_by(seconds: float) -> Clock:
    """Return a clock that is wrong by so many seconds."""
    clock = system_clock()
    return msgspec.structs.replace(clock, now=lambda: clock.now() + seconds)


@pytest.fixture
async def sinks() -> AsyncIterator[dict[str, HttpSink]]:
    async with HttpSink(*[Reply(503)] * FAILS) as noc, HttpSink() as oncall:
        yield {"noc": noc, "oncall": oncall}


@pytest.fixture
def rules(tmp_path: Path, sinks: dict[str, HttpSink]) -> Path:
    folder = tmp_path / "rules"
    folder.mkdir()
    urls = {name: sink.url for name, sink in sinks.items()}
    (folder / "rules.yaml").write_text(RULES.format(**urls))
    return folder


def events(sample: bytes) -> list[bytes]:
    return [event_from(sample, id=f"NO{number}").body for number in range(EVENTS)]


async def arrived(sinks: dict[str, HttpSink], *, seconds: float = SECONDS) -> float:
    """Wait until all is delivered; return how long it took."""
    began = asyncio.get_running_loop().time()

    async def all_of_it() -> bool:
        delivered = sum(status == 200 for status in sinks["noc"].statuses)
        return delivered >= EVENTS and bool(sinks["oncall"].requests)

    await until(all_of_it, seconds=seconds)
    return asyncio.get_running_loop().time() - began


def repeats(sinks: dict[str, HttpSink]) -> int:
    """Return how many deliveries arrived twice."""
    sent = [
        request.headers["webhook-id"]
        for sink in sinks.values()
        for request, status in zip(sink.requests, sink.statuses, strict=True)
        if status == 200
    ]
    return len(sent) - len(set(sent))


async def balanced(connection: Connection) -> ledger.Ledger:
    """Return the books, once no delivery is pending."""

    async def settled() -> ledger.Ledger | None:
        books = await ledger.read(connection)
        pending = [books.pending, *(each.pending for each in books.destinations.values())]
        return None if any(pending) else books

    return await until(settled)


def seconds_of_cpu(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


@pytest.mark.fault_row(28)
@pytest.mark.parametrize(
    ("ingress", "worker"),
    [(0, -40), (0, 40), (0, -HOUR), (0, HOUR), (HOUR, 0), (-HOUR, 0), (HOUR, -HOUR)],
)
async def test_a_process_whose_clock_is_wrong_delivers_at_once(
    redis_url: Secret,
    connection: Connection,
    sinks: dict[str, HttpSink],
    rules: Path,
    sample: bytes,
    ingress: float,
    worker: float,
) -> None:
    """Seen to fail if ``poll.lua``, ``accept.lua`` or ``finish.lua`` takes a process's time."""
    settings = settings_for(redis_url)
    roles = Roles(port=0, worker=worker_of(rules, settings))
    async with (
        running(settings, Roles(port=0, ingress=True), clock=off_by(ingress)) as receiver,
        running(settings, roles, clock=off_by(worker)),
    ):
        await post_batch(receiver, events(sample))
        took = await arrived(sinks)
        books = await balanced(connection)

    print(  # noqa: T201 - the figures
        f"\ningress {ingress:+g} s, worker {worker:+g} s: {EVENTS} events, {FAILS} retries and a"
        f" group delivered within {took:.2f} s, {repeats(sinks)} repeated"
    )
    assert repeats(sinks) == 0
    assert books.accepted == books.matched == EVENTS


async def test_the_age_of_waiting_work_is_seen_by_a_process_whose_clock_is_behind(
    redis_url: Secret, sample: bytes
) -> None:
    """``router_queue_oldest_age_seconds`` was 0. Seen to fail with the process's own clock."""
    settings = settings_for(redis_url)
    ingress = Roles(port=0, ingress=True)
    async with (
        running(settings, ingress) as receiver,
        running(settings, ingress, clock=off_by(-40)) as behind,
        aiohttp.ClientSession() as session,
    ):
        await post_batch(receiver, events(sample))

        async def age() -> float:
            async with session.get(f"{behind.url}/metrics") as response:
                assert response.status == 200
            return behind.metric("router_queue_oldest_age_seconds", queue="evaluate")

        assert 0 < await until(age) < 20
        assert behind.metric("router_clock_offset_seconds") == pytest.approx(-40, abs=0.9)


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    server = EmbeddedRedis(find_server(""), tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


class FakedTime:
    """The clock of the processes that are started with ``environ``; it can be set meanwhile."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "offset"
        self.step(0)
        self.environ = {
            "LD_PRELOAD": f"{FAKETIME}:{LIBC}",
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def step(self, seconds: float) -> None:
        """Be off by so many seconds from now on."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+.0f}")
        new.replace(self._file)

    def start(self, server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch) -> None:
        """Start Redis with this clock."""
        with monkeypatch.context() as patched:
            for name, value in self.environ.items():
                patched.setenv(name, value)
            server.start()


def environ_of(server: EmbeddedRedis, rules: Path) -> dict[str, str]:
    return {
        "ROUTER_REDIS_URL": server.url.reveal(),
        "ROUTER_RULES": str(rules),
        "ROUTER_TWILIO_AUTH_TOKENS": TOKEN.reveal(),
        "ROUTER_PORT": "0",
        "ROUTER_WORKER_PORT": "0",
        "ROUTER_JOB_LEASE": "1s",
    }


async def drained(server: EmbeddedRedis) -> ledger.Ledger:
    connection = connect(server.url, deadline=5.0, max_connections=1)
    try:
        return await balanced(connection)
    finally:
        await connection.close()


@needs_faketime
@pytest.mark.slow
@pytest.mark.fault_row(28)
@pytest.mark.parametrize(
    ("redis_off", "worker_off"),
    [(0, HOUR), (0, -HOUR), (0, -40), (0, 40), (HOUR, 0), (-HOUR, 0), (HOUR, -HOUR)],
)
async def test_processes_and_a_redis_whose_clocks_are_wrong(
    server: EmbeddedRedis,
    monkeypatch: pytest.MonkeyPatch,
    sinks: dict[str, HttpSink],
    rules: Path,
    sample: bytes,
    tmp_path: Path,
    redis_off: float,
    worker_off: float,
) -> None:
    """As above, with libfaketime; then an idle worker uses hardly any time of the CPU."""
    redis_time = FakedTime(tmp_path / "rules")
    redis_time.step(redis_off)
    redis_time.start(server, monkeypatch)
    environ = environ_of(server, rules)
    sender = Sender(sample)
    faked = {"LD_PRELOAD": FAKETIME, "FAKETIME": f"{worker_off:+.0f}", "DONT_FAKE_MONOTONIC": "1"}
    faked["FAKETIME_DONT_FAKE_MONOTONIC"] = "1"
    async with (
        RouterProcess("ingress", environ=environ) as ingress,
        RouterProcess("worker", environ={**environ, **faked}) as worker,
    ):
        await sender.send(ingress.url, [f"NO{number}" for number in range(EVENTS)])
        took = await arrived(sinks)
        books = await drained(server)
        before, began = seconds_of_cpu(worker.pid), wall_clock.monotonic()

        async def two_seconds() -> bool:
            return wall_clock.monotonic() - began >= 2

        await until(two_seconds)
        share = (seconds_of_cpu(worker.pid) - before) / 2

    print(  # noqa: T201 - the figures
        f"\nRedis {redis_off:+g} s, worker {worker_off:+g} s: {EVENTS} events, {FAILS} retries and a"
        f" group delivered within {took:.2f} s, {repeats(sinks)} repeated; idle worker {share:.1%} CPU"
    )
    assert repeats(sinks) == 0
    assert share < 0.2
    assert books.accepted == books.matched == EVENTS


async def steps_back(
    server: EmbeddedRedis, faked: FakedTime, monkeypatch: pytest.MonkeyPatch, by: float, how: str
) -> None:
    if how == "failover":  # to a Redis on a machine with another clock
        server.kill()
        faked.step(by)
        faked.start(server, monkeypatch)
    else:
        faked.step(by)


@needs_faketime
@pytest.mark.fault_row(28)
@pytest.mark.parametrize(
    ("by", "how"),
    [
        (-HOUR, "step"),
        pytest.param(HOUR, "step", marks=pytest.mark.slow),
        pytest.param(-HOUR, "failover", marks=pytest.mark.slow),
        pytest.param(HOUR, "failover", marks=pytest.mark.slow),
    ],
)
async def test_a_step_of_redis_s_clock_puts_nothing_off(
    server: EmbeddedRedis,
    monkeypatch: pytest.MonkeyPatch,
    sinks: dict[str, HttpSink],
    rules: Path,
    sample: bytes,
    tmp_path: Path,
    by: float,
    how: str,
) -> None:
    """Due jobs, retries that wait, timers, and the jobs and leases of a killed worker go on.

    Seen to fail without ``set_back.lua`` (-1 h: nothing for an hour) and without the PEXPIRE in
    ``poll.lua`` (the killed worker's jobs wait an hour).
    """
    faked = FakedTime(tmp_path / "rules")
    faked.start(server, monkeypatch)
    settings = settings_for(server.url, job_lease=Duration(1.0))
    async with running(settings, Roles(port=0, ingress=True)) as ingress:
        await post_batch(ingress, events(sample))
        async with RouterProcess("worker", environ=environ_of(server, rules)) as killed:
            await sinks["noc"].receive(FAILS)
            await killed.kill()
        delivered = sum(status == 200 for status in sinks["noc"].statuses)
        await steps_back(server, faked, monkeypatch, by, how)
        async with running(settings, Roles(port=0, worker=worker_of(rules, settings))):
            took = await arrived(sinks, seconds=60)
            books = await drained(server)
    print(  # noqa: T201 - the figures
        f"\nRedis's clock {how} by {by:+g} s after {delivered} of {EVENTS}: all delivered"
        f" {took:.1f} s after the next worker's start, {repeats(sinks)} repeated"
    )
    assert repeats(sinks) <= CONCURRENCY
    assert books.accepted == books.matched == EVENTS
