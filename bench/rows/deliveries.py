"""T6 and T7: sending, from a queue that is full.

The router's worker delivers what an earlier one has judged, the hand-written one works off as many
jobs, and the ceiling is an aiohttp client in a loop. Each has the core under test for itself; the
receiver's own clock says how long they took, and that every message came.
"""

import asyncio
import contextlib
from collections.abc import Iterator

import msgspec
from arq import create_pool
from arq.connections import RedisSettings

from bench.measuring import alternate, median, ratios
from bench.messages import Shape, events
from bench.outcome import Row, row, skipped
from bench.peers import naive_processes as naive
from bench.processes import UNDER_TEST, Process, python
from bench.sink import PathReport, Sink
from bench.stage import Redis, Router, prefill, rules

_WAIT_SECONDS = 120.0


def rows(*, short: bool) -> Iterator[Row]:
    count = 2000 if short else 10_000
    rounds = 1 if short else 5
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(Redis("everysec"))
        sink = stack.enter_context(Sink())
        sides = {
            "router": lambda: _router(redis, sink, count),
            "aiohttp": lambda: _bare(sink, count),
        }
        why = naive.available()
        if not why:
            sides["tuned"] = lambda: _naive("tuned", redis, sink, count // 8)
            sides["plain"] = lambda: _naive("plain", redis, sink, count // 40)
        rates = alternate(rounds, sides)
    figures = {f"{side} deliveries/s": median(rate) for side, rate in rates.items()}
    yield row(
        "T6",
        "deliveries/s ÷ a bare aiohttp client loop, one core",
        ratios(rates["router"], rates["aiohttp"]),
        at_least=0.5,
        figures=figures,
    )
    for variant, target in (("tuned", 10.0), ("plain", None)):
        what = f"deliveries/s ÷ arq + httpx, {variant}"
        if why:
            yield skipped("T7", what, why, case=variant)
            continue
        yield row(
            "T7",
            what,
            ratios(rates["router"], rates[variant]),
            case=variant,
            at_least=target,
            figures=figures,
        )


def _rate(report: PathReport, count: int) -> float:
    if report.events != count:
        raise RuntimeError(f"{report.events} of {count} messages arrived")
    return (count - 1) / (report.last - report.first)


def _router(redis: Redis, sink: Sink, count: int) -> float:
    redis.empty()
    sink.reset()
    prefill(redis, "sink-0", count)
    with Router(redis, rules([sink.url()])).worker("sink-0"):
        return _rate(sink.wait_for(count, seconds=_WAIT_SECONDS), count)


def _bare(sink: Sink, count: int) -> float:
    sink.reset()
    with Process(python("bench.peers.bare_client", sink.url(), str(count)), cores=UNDER_TEST):
        return _rate(sink.wait_for(count, seconds=_WAIT_SECONDS), count)


def _naive(variant: str, redis: Redis, sink: Sink, count: int) -> float:
    redis.empty()
    sink.reset()
    asyncio.run(_enqueue(variant, redis, count))
    with naive.worker(variant, redis, sink):
        return _rate(sink.wait_for(count, seconds=_WAIT_SECONDS), count)


async def _enqueue(variant: str, redis: Redis, count: int) -> None:
    """The jobs that its evaluate would have made."""
    more = {"job_serializer": msgspec.msgpack.encode} if variant == "tuned" else {}
    pool = await create_pool(RedisSettings(unix_socket_path=redis.socket), **more)
    for body in events(Shape(count=count)):
        message = {"alert": {"rule": "rule-0"}, "event": msgspec.json.decode(body)}
        await pool.enqueue_job("deliver", message)
    await pool.aclose()
