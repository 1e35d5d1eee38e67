"""T5: from the event coming in to its destination having it, at a gentle rate.

The receiver and the generator read the same clock of the system; the time is from a request
being sent to its message being there. Ingress and worker share the core under test.
"""

import contextlib
from collections.abc import Iterator

from bench import load
from bench.measuring import percentile
from bench.messages import Shape
from bench.outcome import Row, row, skipped
from bench.peers import naive_processes as naive
from bench.peers import node_red
from bench.processes import BESIDE
from bench.sink import Sink
from bench.stage import Redis, Router, rules

_RATE = 100.0
_CONNECTIONS = 8


def rows(*, short: bool) -> Iterator[Row]:
    rounds, seconds = (1, 2.0) if short else (5, 8.0)
    ours = [_router(seconds) for _ in range(rounds)]
    p50s = [percentile(times, 50) for times in ours]
    p99s = [percentile(times, 99) for times in ours]
    what = f"event in → HTTP destination has it, {_RATE:g} events/s"
    yield row("T5", f"{what}, p50", p50s, case="p50", unit="ms", at_most=8)
    yield row("T5", f"{what}, p99", p99s, case="p99", unit="ms", at_most=25)
    for name, why, run in (
        ("hand-written, plain", naive.available(), lambda: _naive("plain", seconds)),
        ("hand-written, tuned", naive.available(), lambda: _naive("tuned", seconds)),
        ("Node-RED", node_red.available(), lambda: _node_red(seconds)),
    ):
        compared = f"p50 of the router ÷ {name}"
        if why:
            yield skipped("T5", compared, why, case=name)
            continue
        theirs = run()
        peer = percentile(theirs, 50)
        yield row(
            "T5",
            compared,
            [p50 / peer for p50 in p50s],
            case=name,
            at_most=1 / 40 if name == "hand-written, plain" else None,
            figures={"p50 ms": peer, "p99 ms": percentile(theirs, 99)},
        )


def _router(seconds: float) -> list[float]:
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(Redis("everysec"))
        sink = stack.enter_context(Sink())
        router = Router(redis, rules([sink.url()]))
        ingress = stack.enter_context(router.ingress())
        stack.enter_context(router.worker())
        return _times(sink, ingress.port, seconds)


def _naive(variant: str, seconds: float) -> list[float]:
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(Redis("everysec"))
        sink = stack.enter_context(Sink())
        server = stack.enter_context(naive.server(variant, redis, sink))
        stack.enter_context(naive.worker(variant, redis, sink))
        return _times(sink, server.port, seconds)


def _node_red(seconds: float) -> list[float]:
    with Sink() as sink, node_red.server(sink) as server:
        return _times(sink, server.port, seconds)


def _times(sink: Sink, port: int, seconds: float) -> list[float]:
    """Milliseconds for each event, after a few that warm everything up."""
    _send(port, 20, "probe")
    sink.wait_for(20, seconds=30)
    count = int(_RATE * seconds)
    report = _send(port, count, "bench")
    arrived = sink.wait_for(count + 20, seconds=60).events
    if arrived != count + 20:
        raise RuntimeError(f"{count + 20} events were sent, {arrived} arrived")
    times = sink.report(times=True).times
    return [
        (times[f"bench-{number}"] - since) * 1000 for number, since in enumerate(report.sent_at)
    ]


def _send(port: int, count: int, prefix: str) -> load.Report:
    return load.run(
        load.Plan(
            port=port,
            shape=Shape(count=count, id_prefix=prefix, status="summary_timeout"),
            connections=_CONNECTIONS,
            rate=_RATE,
            keep_times=True,
        ),
        BESIDE,
    )
