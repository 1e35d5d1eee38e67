"""T12: one event a request from end to end, at a rate that is held, and at twice that rate.

Ingress has a core and a worker has a core; Redis, generator and receiver have the others. Where there
are but two, they share with ingress. Held means that at the end no more waits than a second's worth.
At twice the rate the backlog may only grow in step with the time, and is drained afterwards.
"""

import contextlib
import time
from collections.abc import Iterator

from bench import load
from bench.messages import Shape
from bench.outcome import Row, row
from bench.processes import OTHERS, SECOND_UNDER_TEST, UNDER_TEST
from bench.sink import Sink
from bench.stage import Redis, Router, rules

_CONNECTIONS = 8
_TARGET = 5000.0


def rows(*, short: bool) -> Iterator[Row]:
    seconds = 3.0 if short else 15.0
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(Redis("everysec", OTHERS))
        sink = stack.enter_context(Sink(OTHERS))
        router = Router(redis, rules([sink.url()]))
        ingress = stack.enter_context(router.ingress(UNDER_TEST))
        worker = stack.enter_context(router.worker(cores=SECOND_UNDER_TEST))
        _send(ingress.port, 500, 500, "probe", OTHERS).finish()
        sink.wait_for(500, seconds=30)
        cpu = {"ingress": ingress.cpu(), "worker": worker.cpu(), "redis": redis.cpu()}
        held = _run(ingress.port, sink, _TARGET, seconds, "bench-held", OTHERS)
        counted = {"ingress": ingress.cpu(), "worker": worker.cpu(), "redis": redis.cpu()}
        double = _run(ingress.port, sink, 2 * _TARGET, seconds / 2, "bench-double", OTHERS)
    accepted, delivered, waiting, _ = held
    each = {f"{name} µs/event": (counted[name] - cpu[name]) / accepted * 1e6 for name in cpu}
    each["events/s that fill one Redis"] = 1e6 / each["redis µs/event"]
    rate = delivered / seconds
    yield row(
        "T12",
        f"events/s from end to end, one a request, {_CONNECTIONS} connections, a core each",
        [rate],
        case="held",
        unit="events/s",
        at_least=_TARGET * 0.99,
        figures={"accepted": accepted, "waiting at the end": waiting, **each},
    )
    accepted, delivered, waiting, drained = double
    yield row(
        "T12",
        f"{2 * _TARGET:g} events/s offered: drained/s afterwards",
        [drained],
        case="twice the rate",
        unit="events/s",
        figures={
            "accepted/s": accepted / (seconds / 2),
            "delivered/s meanwhile": delivered / (seconds / 2),
            "waiting at the end": waiting,
        },
    )


def _run(
    port: int, sink: Sink, rate: float, seconds: float, prefix: str, cores: frozenset[int]
) -> tuple[int, int, int, float]:
    """Accepted, delivered meanwhile, waiting at the end, drained a second afterwards."""
    before = sink.report().events
    running = _send(port, int(rate * seconds), rate, prefix, cores, seconds=seconds)
    report = running.finish()
    ended = time.monotonic()
    meanwhile = sink.report().events - before
    waiting = report.answered - meanwhile
    done = sink.wait_for(before + report.answered, seconds=120)
    if done.events < before + report.answered:
        raise RuntimeError(f"{report.answered} events accepted, {done.events - before} delivered")
    return report.answered, meanwhile, waiting, waiting / max(0.001, done.last - ended)


def _send(
    port: int,
    count: int,
    rate: float,
    prefix: str,
    cores: frozenset[int],
    *,
    seconds: float = 0.0,
) -> load.Running:
    shape = Shape(count=count, id_prefix=prefix, status="summary_timeout")
    plan = load.Plan(
        port=port, shape=shape, connections=_CONNECTIONS, rate=rate, at_most_seconds=seconds
    )
    return load.start(plan, cores)
