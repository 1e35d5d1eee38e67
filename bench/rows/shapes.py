"""Other work than the rows': many destinations, sick destinations, many rules, a long backlog."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from bench import load
from bench.measuring import percentile
from bench.messages import Shape
from bench.outcome import Row, row
from bench.peers.rules import realistic
from bench.processes import ANYWHERE, BESIDE, UNDER_TEST
from bench.sink import Sink
from bench.stage import Redis, Router, fill, rules

_SECONDS = 60.0
_ALERTING = 100


def rows(*, short: bool) -> Iterator[Row]:
    for destinations in (5,) if short else (1, 5, 20):
        yield _fan_out(destinations, (600 if short else 20_000) // destinations // 50 * 50)
    for sick in ("dead",) if short else ("slow", "dead", "429"):
        yield _beside(sick, short=short)
    for count in (1, 1000) if short else (1, 10, 100, 1000, 10_000):
        yield _evaluate(count, 4000 if short else 20_000)
    for name in ("stateless", "ratio", "p95") if short else _MEASURING:
        yield _measured(name, 2000 if short else 20_000)
    yield _backlog(20_000 if short else _as_many_as_fit(1_000_000))


def _fan_out(destinations: int, events: int) -> Row:
    """Each event to each destination, by one worker on one core."""
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(Redis("everysec"))
        sink = stack.enter_context(Sink())
        paths = [f"/to-{number}" for number in range(destinations)]
        router = Router(redis, rules([sink.url(path) for path in paths]))
        with router.ingress() as ingress:
            _flood(ingress.port, events)
        with router.worker():
            reports = [sink.wait_for(events, path=path, seconds=_SECONDS) for path in paths]
    for report in reports:
        _all_came(report.events, events)
    seconds = max(each.last for each in reports) - min(each.first for each in reports)
    return row(
        "fan-out",
        f"deliveries/s of one worker, judging included, {destinations} destinations",
        [destinations * events / seconds],
        case=f"{destinations} destinations",
        unit="deliveries/s",
    )


def _beside(sick: str, *, short: bool) -> Row:
    """What a healthy destination notices of a sick one: the p99 of its messages."""
    count, rate = (200, 200.0) if short else (2000, 200.0)
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(Redis("everysec"))
        sink = stack.enter_context(Sink())
        router = Router(redis, rules([sink.url(), sink.url(f"/{sick}")]))
        ingress = stack.enter_context(router.ingress(ANYWHERE))
        stack.enter_context(router.worker(cores=ANYWHERE))
        shape = Shape(count=count, status="summary_timeout")
        plan = load.Plan(port=ingress.port, shape=shape, connections=8, rate=rate, keep_times=True)
        sent = load.run(plan, BESIDE).sent_at
        _all_came(sink.wait_for(count, seconds=_SECONDS).events, count)
        times = sink.report(times=True).times
        tried = sink.report(f"/{sick}").requests
    waited = [(times[f"bench-{number}"] - since) * 1000 for number, since in enumerate(sent)]
    return row(
        "bulkhead",
        f"p99 to a healthy destination beside one that is {sick}, {rate:g} events/s",
        [percentile(waited, 99)],
        case=sick,
        unit="ms",
        figures={"p50 ms": percentile(waited, 50), "requests to the sick one": tried},
    )


def _evaluate(count: int, events: int) -> Row:
    """Judging alone: no event is one that somebody is told of."""
    conditions = [each.cel for each in realistic(count)]
    with Redis("everysec") as redis:
        router = Router(redis, rules(["http://127.0.0.1:9/"], conditions=conditions))
        with router.ingress() as ingress:
            _flood(ingress.port, events, status="completed")
        with router.worker(cores=UNDER_TEST) as worker:
            began, cpu = time.monotonic(), worker.cpu()
            _wait_judged(redis, events)
            spent = worker.cpu() - cpu
            seconds = time.monotonic() - began
    return row(
        "evaluate",
        f"events/s judged by one worker on one core, {count:,} rules",
        [events / seconds],
        case=f"{count:,} rules",
        unit="events/s",
        figures={"worker µs/event": spent / events * 1e6},
    )


_NEVER = "min_events: 1000000, within: 10m, by: [data.account_sid, data.mixer_region]"
_MEASURING = {
    "stateless": "mode: shadow",
    "count": "count: {at_least: 10000, within: 10m, by: [data.account_sid, data.mixer_region]}",
    "ratio": f'ratio: {{of: data.status == "summary_timeout", at_least: 5%, {_NEVER}}}',
    "avg": f"measure: {{value: data.duration_seconds, avg: {{above: 30}}, {_NEVER}}}",
    "p95": f"measure: {{value: data.duration_seconds, p95: {{above: 30}}, {_NEVER}}}",
    "spike": f"spike: {{times: 3, {_NEVER}}}",
}
"""The keys of a rule that each event matches, and that notifies no destination."""


def _measured(name: str, events: int) -> Row:
    """What a rule that measures costs, beside one that each event matches too and that has no state."""
    destinations, _ = rules(["http://127.0.0.1:9/"])
    rule = f"{{name: measured, events: ['*'], send_to: [sink-0], {_MEASURING[name]}}}"
    with Redis("everysec") as redis:
        router = Router(redis, [destinations, f"rules: [{rule}]"])
        with router.ingress() as ingress:
            _flood(ingress.port, events, status="completed")
        before = redis.cpu()
        with router.worker(cores=UNDER_TEST) as worker:
            began, cpu = time.monotonic(), worker.cpu()
            _wait_judged(redis, events)
            spent = worker.cpu() - cpu
            seconds = time.monotonic() - began
        in_redis = redis.cpu() - before
    return row(
        "measured",
        "events/s that one worker on one core judges by one rule that each event matches",
        [events / seconds],
        case=name,
        unit="events/s",
        figures={
            "worker µs/event": spent / events * 1e6,
            "Redis µs/event": in_redis / events * 1e6,
        },
    )


def _backlog(count: int) -> Row:
    """Events that came while no worker ran, one in a hundred of which somebody is told of."""
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(Redis("everysec"))
        sink = stack.enter_context(Sink())
        fill(redis, count, alerting=_ALERTING)
        memory = int(redis.client.info("memory")["used_memory"])
        with Router(redis, rules([sink.url()])).worker() as worker:
            began = time.monotonic()
            _wait_judged(redis, count, seconds=_SECONDS + count / 2000)
            report = sink.wait_for(count // _ALERTING, seconds=_SECONDS)
            resident = worker.memory()
    _all_came(report.events, count // _ALERTING)
    return row(
        "backlog",
        f"{count:,} waiting events drained by one worker on one core, 1 in {_ALERTING} delivered",
        [count / (report.last - began)],
        unit="events/s",
        figures={"Redis bytes/event": memory / count, "worker MB": resident},
    )


def _as_many_as_fit(count: int) -> int:
    """Fewer where memory is short: an event takes two kilobytes of Redis, and as much in peaks."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable"):
            return min(count, int(line.split()[1]) // 8 // 1000 * 1000)
    return count


def _flood(port: int, events: int, status: str = "summary_timeout") -> None:
    shape = Shape(count=events // 50, events=50, status=status)
    report = load.run(load.Plan(port=port, shape=shape, connections=8), BESIDE)
    _all_came(report.answered * 50, events)


def _wait_judged(redis: Redis, events: int, *, seconds: float = _SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ledger = redis.client.hgetall("router:ledger")
        judged = sum(int(ledger.get(name, 0)) for name in (b"filtered", b"matched", b"suppressed"))
        if judged >= events:
            return
        time.sleep(0.01)
    raise RuntimeError(f"{events} events were not judged in {seconds:g} s")


def _all_came(came: int, expected: int) -> None:
    if came != expected:
        raise RuntimeError(f"{came} of {expected} events arrived")
