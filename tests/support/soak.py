"""An ingress, two workers and a Redis under a steady load, with a fault now and then.

One of five receivers fails for most of the time. Memory, descriptors and delay are sampled all the
time; what was accepted is compared with what arrived at the end.

The machine may be busy with other things: each sample contains how long a fixed computation took, so
that a drift of the delay can be told from a drift of the machine.
"""

import asyncio
import contextlib
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final, Self

import msgspec

from router.datatypes import Secret
from router.dev.embedded_redis import EmbeddedRedis, find_server
from router.journal import ledger
from router.journal.connection import connect
from support import least_rights, nemesis
from support.books import Comparison
from support.nemesis import Fault, Nemesis
from support.processes import RouterProcess
from support.steady_load import TOKEN, SteadyLoad, Tally, rules
from support.svg_plot import Chart, Points, svg
from support.tcp_proxy import TcpProxy
from support.waiting import until

RECEIVERS: Final = ("alfa", "bravo", "charlie", "delta", "echo")
FAILING: Final = "echo"
"""One of five, so a fifth of all first attempts."""
_FAILS_OF: Final = 0.8
"""The share of each period in which it fails."""
_WARM: Final = 180.0
"""Seconds after its start in which a process may grow."""
_AFTER_FAULT: Final = 60.0
"""Seconds after a fault that do not count for the drift of the delay."""


class Plan(msgspec.Struct, kw_only=True, frozen=True):
    """How long, how much and how often."""

    seconds: float
    rate: float = 20.0
    """Events per second; each has five deliveries."""
    fault_every: float = 300.0
    sample_every: float = 5.0
    pause: float = 15.0
    """Seconds of a process that is stopped; above ROUTER_JOB_LEASE, so that it loses its leases."""
    seed: int = 20_261_129
    drain_seconds: float = 600.0


class Sample(msgspec.Struct, kw_only=True, frozen=True):
    """The state at one moment."""

    at: float
    """Seconds since the start of the load."""
    resident: dict[str, int]
    """Bytes of each process."""
    descriptors: dict[str, int]
    pids: dict[str, int]
    accepted: int
    arrived: int
    work_ms: float
    """Milliseconds of a fixed computation in this process; the load of the machine shows in it."""
    load: float
    """Processes that want to run (/proc/loadavg, one minute)."""


class Slope(msgspec.Struct, kw_only=True, frozen=True):
    """The memory of one process between two faults that ended it."""

    process: str
    from_minute: float
    to_minute: float
    mib_per_hour: float
    descriptors: tuple[int, int]
    """The fewest and the most."""


class Report(msgspec.Struct, kw_only=True):
    """The figures of a soak."""

    seed: int
    minutes: float
    events_per_second: float
    faults: list[tuple[float, str]]
    """Minute and name."""
    accepted: int
    lost: int
    repeated: int
    refused: dict[str, int]
    """Responses other than 2xx, by status; 0 for a failed connection."""
    failed_attempts: int
    """Requests that a receiver answered with 503."""
    drain_seconds: float
    """From the end of the load, when the failing receiver recovers, until nothing was pending."""
    dead: int
    slopes: list[Slope]
    delay_ms: dict[str, tuple[float, float]]
    """p50 and p99 of quiet minutes: median of the first half, median of the second half."""
    drift: dict[str, float]
    """The second of these divided by the first."""
    machine_drift: float
    """The same of the fixed computation: what of the drift is the machine's."""

    def text(self) -> str:
        """Return the figures in lines."""
        faults = ", ".join(f"{minute:.1f} {name}" for minute, name in self.faults)
        lines = [
            f"soak of {self.minutes:.1f} min at {self.events_per_second:g} events/s, seed {self.seed}",
            f"faults (minute, name): {faults}",
            f"accepted {self.accepted}, lost {self.lost}, repeated {self.repeated}, dead {self.dead}",
            f"refused {self.refused}, attempts failed by the receiver {self.failed_attempts}",
            f"drained {self.drain_seconds:.1f} s after the load",
        ]
        lines += [
            f"memory of {each.process}, minutes {each.from_minute:.1f} to {each.to_minute:.1f}:"
            f" {each.mib_per_hour:+.2f} MiB/h; descriptors {each.descriptors[0]} to"
            f" {each.descriptors[1]}"
            for each in self.slopes
        ]
        lines += [
            f"delay {name} in quiet minutes: {first:.1f} ms, then {second:.1f} ms"
            f" ({self.drift[name]:.2f} times)"
            for name, (first, second) in self.delay_ms.items()
        ]
        lines.append(f"a fixed computation of the machine: {self.machine_drift:.2f} times")
        return "\n".join(lines)


class Soak:
    """One run. Enter it to start the processes, then ``run``."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self._plan = plan
        self._folder = folder
        self.samples: list[Sample] = []
        self.faults: list[tuple[float, str]] = []
        self._delays: defaultdict[int, list[float]] = defaultdict(list)
        """Seconds from the 2xx to the arrival at healthy receivers, by minute."""

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await self._start(stack)
            self._stack = stack.pop_all()
        return self

    async def _start(self, stack: AsyncExitStack) -> None:
        enter = stack.enter_async_context
        self._redis = EmbeddedRedis(find_server(""), self._folder / "redis", appendfsync="always")
        self._redis.start()
        stack.callback(self._redis.stop)
        self._receivers = {name: await enter(Tally()) for name in RECEIVERS}
        self._proxy = await enter(TcpProxy(self._redis.socket, seed=self._plan.seed))
        rules_folder = self._folder / "rules"
        rules_folder.mkdir(parents=True, exist_ok=True)
        (rules_folder / "rules.yaml").write_text(
            rules({name: each.url for name, each in self._receivers.items()})
        )
        environ = {
            "ROUTER_REDIS_URL": least_rights.as_router(
                Secret(f"redis://{self._proxy.address}/0")
            ).reveal(),
            "ROUTER_RULES": str(rules_folder),
            "ROUTER_EVENTS_TOKEN": TOKEN.reveal(),
            "ROUTER_PORT": "0",
            "ROUTER_WORKER_PORT": "0",
        }
        self._processes = {
            "worker 1": RouterProcess("worker", environ=environ),
            "worker 2": RouterProcess("worker", environ=environ),
            "ingress": RouterProcess("ingress", environ=environ),
        }
        for process in self._processes.values():
            await enter(process)
        self._processes["ingress"].keep_address()

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def _faults(self) -> dict[str, Fault]:
        worker, other, ingress = self._processes.values()
        pause = self._plan.pause
        return {
            "worker killed": nemesis.killed(worker),
            "worker stopped": nemesis.restarted(other),
            "worker paused": nemesis.paused(other, pause),
            "ingress killed": nemesis.killed(ingress),
            "redis killed": nemesis.redis_killed(self._redis, away=pause / 5),
            "redis paused": nemesis.redis_paused(self._redis, pause / 3),
            "redis cut off": nemesis.cut_off(self._proxy, pause / 3),
            "redis slow": nemesis.weather(self._proxy, pause, delay=0.1),
            "redis resets": nemesis.weather(self._proxy, pause, reset_chance=0.02),
            "redis in slices": nemesis.weather(self._proxy, pause, slice_bytes=16),
        }

    async def run(self) -> Report:
        """Send, break and sample; then wait until all has arrived, and compare."""
        plan = self._plan
        load = SteadyLoad(self._processes["ingress"].url, rate=plan.rate)
        adversary = Nemesis(plan.seed, self._faults())
        self._began = time.monotonic()
        self._load = load
        for name, each in self._receivers.items():
            if name != FAILING:
                each.on_arrival = self._on_arrival
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(load.run())
            others = [
                group.create_task(self._sample()),
                group.create_task(self._break(adversary)),
                group.create_task(self._fail()),
            ]
            await asyncio.sleep(plan.seconds)
            await others[1]  # the last fault is mended
            load.stop()
            await sending
            for each in others:
                each.cancel()
        self._receivers[FAILING].status = 200
        ended = time.monotonic()
        books = await self._drain()
        return self._report(books, time.monotonic() - ended)

    async def _break(self, adversary: Nemesis) -> None:
        """Strike at the end of each period but the last, so that the end is quiet."""
        plan = self._plan
        for number in range(1, int(plan.seconds / plan.fault_every)):
            await asyncio.sleep(self._began + number * plan.fault_every - time.monotonic())
            at = (time.monotonic() - self._began) / 60
            self.faults.append((at, await adversary.strike()))

    async def _fail(self) -> None:
        while True:
            self._receivers[FAILING].status = 503
            await asyncio.sleep(self._plan.fault_every * _FAILS_OF)
            self._receivers[FAILING].status = 200
            await asyncio.sleep(self._plan.fault_every * (1 - _FAILS_OF))

    async def _sample(self) -> None:
        while True:
            self.samples.append(self._now())
            await asyncio.sleep(self._plan.sample_every)

    def _now(self) -> Sample:
        pids = {name: each.pid for name, each in self._processes.items() if not each.has_ended}
        with contextlib.suppress(RuntimeError):  # it is killed just now
            pids["redis"] = self._redis.pid
        pids = {name: pid for name, pid in pids.items() if Path(f"/proc/{pid}").exists()}
        return Sample(
            at=time.monotonic() - self._began,
            resident={name: _resident(pid) for name, pid in pids.items()},
            descriptors={name: _descriptors(pid) for name, pid in pids.items()},
            pids=pids,
            accepted=len(self._load.accepted),
            arrived=min(
                len(each.arrived) for name, each in self._receivers.items() if name != FAILING
            ),
            work_ms=_fixed_work(),
            load=float(Path("/proc/loadavg").read_text().split()[0]),
        )

    def _on_arrival(self, event_id: str, now: float) -> None:
        # An event may arrive before the sender has read its 2xx.
        accepted = min(now, self._load.accepted.get(event_id, now))
        self._delays[int((accepted - self._began) // 60)].append(now - accepted)

    async def _drain(self) -> ledger.Ledger:
        connection = connect(self._redis.url, deadline=5.0, max_connections=1)

        async def is_over() -> ledger.Ledger | None:
            books = await ledger.read(connection)
            pending = [books.pending, *(each.pending for each in books.destinations.values())]
            return None if any(pending) or books.waiting else books

        try:
            return await until(is_over, seconds=self._plan.drain_seconds)
        finally:
            await connection.close()

    def _report(self, books: ledger.Ledger, drain_seconds: float) -> Report:
        compared = Comparison.of(
            self._load.accepted, {name: each.arrived for name, each in self._receivers.items()}
        )
        delay_ms = self._halves()
        work = [each.work_ms for each in self.samples]
        half = len(work) // 2
        return Report(
            seed=self._plan.seed,
            minutes=self.samples[-1].at / 60,
            events_per_second=self._plan.rate,
            faults=self.faults,
            accepted=compared.accepted,
            lost=compared.lost,
            repeated=sum(each.repeated for each in self._receivers.values()),
            refused={str(status): count for status, count in self._load.refused.items()},
            failed_attempts=sum(each.refused for each in self._receivers.values()),
            drain_seconds=drain_seconds,
            dead=sum(each.dead for each in books.destinations.values()),
            slopes=slopes(self.samples),
            delay_ms=delay_ms,
            drift={name: second / first for name, (first, second) in delay_ms.items() if first},
            machine_drift=statistics.median(work[half:]) / statistics.median(work[:half]),
        )

    def _halves(self) -> dict[str, tuple[float, float]]:
        """Return p50 and p99 in ms, each of the first and of the second half's quiet minutes."""
        quiet = [
            minute
            for minute, delays in sorted(self._delays.items())
            if len(delays) >= 100 and not self._is_disturbed(minute)
        ] or sorted(self._delays)
        first, second = quiet[: (len(quiet) + 1) // 2], quiet[len(quiet) // 2 :]
        return {
            f"p{percent}": (self._typical(percent, first), self._typical(percent, second))
            for percent in (50, 99)
        }

    def _typical(self, percent: int, minutes: Sequence[int]) -> float:
        return statistics.median(_percentile(self._delays[each], percent) for each in minutes) * 1e3

    def _is_disturbed(self, minute: int) -> bool:
        """Return whether a fault was in the minute, or so shortly before that work was waiting."""
        start, end = minute * 60.0, minute * 60.0 + 60.0
        return any(
            at * 60 - 1 < end and at * 60 + self._plan.pause + _AFTER_FAULT > start
            for at, _ in self.faults
        )

    def write(self, report: Report, folder: Path) -> None:
        """Write the figures, the samples and a picture of them to a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "soak.txt").write_text(report.text() + "\n")
        (folder / "soak.json").write_bytes(msgspec.json.format(msgspec.json.encode(report)))
        (folder / "samples.jsonl").write_bytes(msgspec.json.Encoder().encode_lines(self.samples))
        (folder / "soak.svg").write_text(svg(self._charts(report), minutes=report.minutes))

    def _charts(self, report: Report) -> list[Chart]:
        names = sorted({name for each in self.samples for name in each.pids})
        delays = {
            f"p{percent}": [
                (minute + 0.5, _percentile(found, percent) * 1000)
                for minute, found in sorted(self._delays.items())
            ]
            for percent in (50, 99)
        }
        marks = report.faults
        return [
            Chart(
                title="resident memory, MiB",
                lines={n: self._line(n, "resident", 1 << 20) for n in names},
                marks=marks,
            ),
            Chart(
                title="descriptors",
                lines={n: self._line(n, "descriptors", 1) for n in names},
                marks=marks,
            ),
            Chart(title="delay at healthy receivers, ms, by minute", lines=delays, marks=marks),
            Chart(
                title="accepted events that no healthy receiver lacks, and that one lacks",
                lines={"behind": [(s.at / 60, s.accepted - s.arrived) for s in self.samples]},
                marks=marks,
            ),
            Chart(
                title="the machine: ms of a fixed computation",
                lines={"ms": [(each.at / 60, each.work_ms) for each in self.samples]},
            ),
            Chart(
                title="the machine: load of one minute",
                lines={"load": [(each.at / 60, each.load) for each in self.samples]},
            ),
        ]

    def _line(self, name: str, field: str, unit: int) -> Points:
        return [
            (each.at / 60, getattr(each, field)[name] / unit)
            for each in self.samples
            if name in each.pids
        ]


def slopes(samples: Sequence[Sample], *, warm: float = _WARM) -> list[Slope]:
    """Return the growth of each process, for each span in which no fault ended it.

    The first ``warm`` seconds of a span are left out; a span that is not longer has no slope.
    """
    found = []
    for name in sorted({name for each in samples for name in each.pids}):
        spans: dict[int, list[Sample]] = defaultdict(list)
        for each in samples:
            if name in each.pids:
                spans[each.pids[name]].append(each)
        for span in spans.values():
            settled = [each for each in span if each.at - span[0].at >= warm]
            if len(settled) >= 10:
                found.append(_slope(name, settled))
    return found


def _slope(name: str, settled: Sequence[Sample]) -> Slope:
    fit = statistics.linear_regression(
        [each.at / 3600 for each in settled],
        [each.resident[name] / (1 << 20) for each in settled],
    )
    counts = [each.descriptors[name] for each in settled]
    return Slope(
        process=name,
        from_minute=settled[0].at / 60,
        to_minute=settled[-1].at / 60,
        mib_per_hour=fit.slope,
        descriptors=(min(counts), max(counts)),
    )


def _percentile(values: Sequence[float], percent: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def _resident(pid: int) -> int:
    """Return the bytes of memory of a process, which may just be ending."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _descriptors(pid: int) -> int:
    """Return the open descriptors of a process, which may just be ending."""
    try:
        return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return 0


def _fixed_work() -> float:
    """Return the milliseconds of a computation that is always the same."""
    began = time.perf_counter()
    total = 0
    for number in range(20_000):
        total += number * number % 7
    return (time.perf_counter() - began) * 1000


def figures(report: Report) -> Mapping[str, object]:
    """Return the fields that the table of faults has."""
    worst = max((each.mib_per_hour for each in report.slopes), default=0.0)
    return {
        "seed": report.seed,
        "accepted": report.accepted,
        "lost": report.lost,
        "repeated": report.repeated,
        "drain_seconds": report.drain_seconds,
        "note": f"{len(report.faults)} faults in {report.minutes:.1f} min, memory"
        f" {worst:+.1f} MiB/h at most, p99 {report.drift.get('p99', 1):.2f} times its first half's"
        f" (machine {report.machine_drift:.2f})",
    }
