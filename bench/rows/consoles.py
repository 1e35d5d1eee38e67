"""Consoles: what open pages of the console cost the process that also accepts events.

The same load goes to ingress with 200 open overviews and without any, in turns. Redis has events, alerts and
deliveries of before, so that the pages have something to show; it is set back before each round.
"""

import contextlib
from collections.abc import Iterator

from bench import load
from bench.consoles import TOKEN, open_consoles
from bench.measuring import alternate, median, ratios
from bench.messages import Shape
from bench.outcome import Row, row
from bench.processes import BESIDE, UNDER_TEST, Process
from bench.sink import Sink
from bench.stage import Redis, Router, fill, rules

_CONSOLES = 200
_PAST = 500
_ALERTING = 10
_CONNECTIONS = 64


def rows(*, short: bool) -> Iterator[Row]:
    messages: list[float] = []
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(Redis("everysec"))
        sink = stack.enter_context(Sink())
        router = Router(redis, rules([sink.url()]), {"ROUTER_ADMIN_TOKEN": TOKEN})
        fill(redis, _PAST, alerting=_ALERTING)
        with router.worker(cores=UNDER_TEST):
            sink.wait_for(_PAST // _ALERTING, seconds=60)
        past = {key: redis.client.dump(key) for key in redis.client.keys("*")}
        ingress = stack.enter_context(router.ingress())
        taken = alternate(
            2 if short else 11,
            {
                "without": lambda: _flood(ingress, redis, past),
                "with": lambda: _watched_flood(ingress, redis, past, messages),
            },
        )
    rates = {side: [each.per_second for each in reports] for side, reports in taken.items()}
    p99 = {side: [each.p99_ms for each in reports] for side, reports in taken.items()}
    yield row(
        "consoles",
        f"single-event requests accepted/s with {_CONSOLES} open consoles ÷ without",
        ratios(rates["with"], rates["without"]),
        at_least=0.95,
        figures={
            **{f"requests/s {side}": median(each) for side, each in rates.items()},
            **{f"p99 ms {side}": median(each) for side, each in p99.items()},
            "messages in a round": median(messages),
        },
    )


def _watched_flood(
    ingress: Process, redis: Redis, past: dict[bytes, bytes], messages: list[float]
) -> load.Report:
    with open_consoles(ingress.port, _CONSOLES, BESIDE) as consoles:
        report = _flood(ingress, redis, past)
    messages.append(consoles.messages)
    return report


def _flood(ingress: Process, redis: Redis, past: dict[bytes, bytes]) -> load.Report:
    redis.empty()
    pipeline = redis.client.pipeline(transaction=False)
    for key, value in past.items():
        pipeline.restore(key, 0, value)
    pipeline.execute()
    plan = load.Plan(
        port=ingress.port,
        shape=Shape(count=1000),
        connections=_CONNECTIONS,
        seconds=4.0,
        warmup=0.4,
    )
    return load.run(plan, BESIDE)
