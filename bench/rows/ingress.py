"""T1 to T4 and T11: taking events in.

The same signed requests go to the router's ingress, to a bare aiohttp handler and to the
hand-written service; each has the core under test for itself while it is measured. Nobody drains,
so Redis is emptied before each round.
"""

import contextlib
import os
import time
from collections.abc import Iterator

from bench import load
from bench.measuring import alternate, median, ratios
from bench.messages import Shape
from bench.outcome import Row, row, skipped
from bench.peers import naive_processes as naive
from bench.processes import BESIDE, UNDER_TEST, Process, free_port, python
from bench.sink import Sink
from bench.stage import Redis, Router, rules

_CONNECTIONS = 64
_CONNECTIONS_FOR = {1: 64, 10: 32, 100: 16}
"""By the events in a request: a slow side must answer some requests within a round."""
_NAIVE_TARGETS = {1: 9.0, 10: 25.0, 100: 45.0}


def rows(*, short: bool) -> Iterator[Row]:
    yield from _against_bare("T1", "no AOF", 0.70, short=short)
    yield from _against_bare("T2", "always", 0.60, short=short)
    yield from _against_naive(short=short)
    yield from _memory(short=short)


def _against_bare(name: str, fsync: str, target: float, *, short: bool) -> Iterator[Row]:
    """Requests of one event each, on many connections; T4 on those of T1."""
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(Redis(fsync))
        ours = stack.enter_context(Router(redis, rules(["http://127.0.0.1:9/"])).ingress())
        bare = stack.enter_context(_bare())
        taken = alternate(
            2 if short else 11,
            {
                "router": lambda: _flood(ours.port, 1, redis),
                "bare": lambda: _flood(bare.port, 1, redis),
            },
        )
    rates = {side: [report.per_second for report in reports] for side, reports in taken.items()}
    yield row(
        name,
        f"single-event requests accepted/s ÷ a bare aiohttp handler's, {fsync}",
        ratios(rates["router"], rates["bare"]),
        at_least=target,
        figures={f"{side} requests/s": median(rate) for side, rate in rates.items()},
    )
    if name == "T1":
        p99 = {side: [report.p99_ms for report in reports] for side, reports in taken.items()}
        yield row(
            "T4",
            f"ingress p99 ÷ the bare handler's, {_CONNECTIONS} connections",
            ratios(p99["router"], p99["bare"]),
            at_most=1.3,
            figures={f"{side} p99 ms": median(times) for side, times in p99.items()},
        )


def _against_naive(*, short: bool) -> Iterator[Row]:
    what = "accepted events/s ÷ FastAPI + pydantic + arq, plain"
    why = naive.available()
    if why:
        yield skipped("T3", what, why)
        return
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(Redis("everysec"))
        sink = stack.enter_context(Sink())
        ours = stack.enter_context(Router(redis, rules([sink.url()])).ingress())
        servers = {
            variant: stack.enter_context(naive.server(variant, redis, sink))
            for variant in naive.VARIANTS
        }
        # Whatever checks and keeps the events, and is made with aiohttp, is slower than this.
        servers["a bare handler"] = stack.enter_context(_bare())
        for events in (1, 100) if short else (1, 10, 100):
            ports = {"router": ours.port, **{name: each.port for name, each in servers.items()}}
            taken = alternate(
                1 if short else 3,
                {
                    side: lambda port=port, events=events: _flood(port, events, redis)
                    for side, port in ports.items()
                },
            )
            rates = {
                side: [report.per_second * events for report in reports]
                for side, reports in taken.items()
            }
            figures = {f"{side} events/s": median(rate) for side, rate in rates.items()}
            for variant in naive.VARIANTS:
                yield row(
                    "T3",
                    f"accepted events/s ÷ FastAPI + pydantic + arq, {variant}",
                    ratios(rates["router"], rates[variant]),
                    case=f"{events} event{'s' * (events > 1)} a request, {variant}",
                    at_least=_NAIVE_TARGETS[events] if variant == "plain" else None,
                    figures=figures,
                )


def _bare() -> Process:
    port = free_port()
    return Process(python("bench.peers.bare", str(port)), cores=UNDER_TEST, port=port)


def _memory(*, short: bool) -> Iterator[Row]:
    """Ingress under full load; what it accepted is thrown away, for only ingress is looked at."""
    minutes = float(os.environ.get("BENCH_MEMORY_MINUTES", "0.05" if short else "1"))
    with (
        Redis("everysec") as redis,
        Router(redis, rules(["http://127.0.0.1:9/"])).ingress() as ours,
    ):
        _flood(ours.port, 1, redis)
        until = time.monotonic() + minutes * 60
        memory: list[float] = []
        answered = 0
        while time.monotonic() < until:
            answered += _flood(ours.port, 1, redis).answered
            memory.append(ours.memory())
    grown = memory[-1] - memory[len(memory) // 4]
    yield row(
        "T11",
        f"ingress memory after {minutes:g} minutes of full load",
        [max(memory)],
        unit="MB",
        at_most=120,
        figures={"events": answered, "grown since the first quarter MB": grown},
    )


def _flood(port: int, events: int, redis: Redis) -> load.Report:
    """A second of it: many short rounds say more than a few long ones on a machine that is shared."""
    redis.empty()
    report = load.run(
        load.Plan(
            port=port,
            shape=Shape(count=max(20, 1000 // events), events=events),
            connections=_CONNECTIONS_FOR[events],
            seconds=1.0,
            warmup=0.4,
        ),
        BESIDE,
    )
    if report.refused or not report.answered:
        raise RuntimeError(f"{report.refused} requests were refused, {report.answered} answered")
    return report
