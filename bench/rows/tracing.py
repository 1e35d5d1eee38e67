"""Traces: what they cost an event, off, sampled and on.

The load is that of T12, one event a request from end to end, at a rate that each variant holds. The cost is
the CPU time of ingress and worker for an event. All variants take turns in each round, so that what the
machine does besides is the same for all. ``BENCH_BASE`` names a checkout to compare with: the router before
a change, or before it had traces.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from bench import load
from bench.measuring import median
from bench.messages import Shape
from bench.outcome import Row, row, skipped
from bench.processes import OTHERS, SECOND_UNDER_TEST, UNDER_TEST
from bench.sink import Sink
from bench.stage import Redis, Router, rules

_CONNECTIONS: Final = 8
_RATE: Final = 1000.0
_BASE: Final = os.environ.get("BENCH_BASE", "")
_RATIOS: Final = {"sampled 0": "0", "sampled 1 %": "0.01", "sampled 100 %": "1"}
_WHAT: Final = "CPU time of ingress and worker for an event from end to end"


def rows(*, short: bool) -> Iterator[Row]:
    rounds, seconds = (3, 4.0) if short else (7, 10.0)
    variants = ["off", *_RATIOS, *(["base"] if _BASE else [])]
    costs: dict[str, list[float]] = {variant: [] for variant in variants}
    for number in range(rounds):
        turn = number % len(variants)
        for variant in (*variants[turn:], *variants[:turn]):
            costs[variant].append(_cost(variant, seconds))
    figures = {f"{variant} µs/event": median(found) for variant, found in costs.items()}
    if _BASE:
        yield _row("off / base", costs["off"], costs["base"], figures, at_most=1.02)
    else:
        yield skipped("tracing", _WHAT, "BENCH_BASE names no checkout", case="off / base")
    yield _row("sampled 0 / off", costs["sampled 0"], costs["off"], figures)
    yield _row("sampled 1 % / off", costs["sampled 1 %"], costs["off"], figures, at_most=1.03)
    yield _row("sampled 100 % / off", costs["sampled 100 %"], costs["off"], figures)


def _row(
    case: str,
    costs: list[float],
    others: list[float],
    figures: dict[str, float],
    *,
    at_most: float | None = None,
) -> Row:
    ratios = [each / other for each, other in zip(costs, others, strict=True)]
    return row("tracing", _WHAT, ratios, case=case, at_most=at_most, figures=figures)


def _cost(variant: str, seconds: float) -> float:
    """Return the CPU microseconds for an event."""
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(Redis("everysec", OTHERS))
        sink = stack.enter_context(Sink(OTHERS))
        collector = stack.enter_context(Sink(OTHERS))
        folder = Path(_BASE) if variant == "base" else None
        router = Router(redis, rules([sink.url()]), _environ(variant, collector), folder)
        ingress = stack.enter_context(router.ingress(UNDER_TEST))
        worker = stack.enter_context(router.worker(cores=SECOND_UNDER_TEST))
        probes = int(_RATE)
        _send(ingress.port, probes, "probe")
        sink.wait_for(probes, seconds=30)
        before = ingress.cpu() + worker.cpu()
        count = int(_RATE * seconds)
        report = _send(ingress.port, count, "bench")
        arrived = sink.wait_for(probes + count, seconds=60)
        if report.answered != count or arrived.events != probes + count:
            raise RuntimeError(f"{report.answered} accepted, {arrived.events} of {count} arrived")
        return (ingress.cpu() + worker.cpu() - before) / count * 1e6


def _environ(variant: str, collector: Sink) -> Mapping[str, str]:
    ratio = _RATIOS.get(variant)
    if ratio is None:
        return {}
    return {
        "ROUTER_TRACES": "otlp",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": collector.url("/v1/traces"),
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": ratio,
        "OTEL_BSP_MAX_QUEUE_SIZE": "100000",
        "OTEL_BSP_SCHEDULE_DELAY": "1000",
    }


def _send(port: int, count: int, prefix: str) -> load.Report:
    shape = Shape(count=count, id_prefix=prefix, status="summary_timeout")
    plan = load.Plan(port=port, shape=shape, connections=_CONNECTIONS, rate=_RATE)
    return load.start(plan, OTHERS).finish()
