"""A mapped source beside /events: the same data, the same credential, one core.

Requests to /events are CloudEvents; those to the source are a sender's own JSON, which it splits and
maps to the same events. Redis is emptied before each round, because no worker drains it.
"""

import contextlib
from collections.abc import Iterator
from typing import Final

from bench import load
from bench.measuring import alternate, median, ratios
from bench.messages import EVENTS, SOURCE, TOKEN, Shape
from bench.outcome import Row, row
from bench.processes import BESIDE
from bench.stage import Redis, Router, rules

_CONNECTIONS: Final = {1: 64, 100: 16}
"""By the events in a request."""
_SOURCES: Final = """
sources:
  crm:
    verify: {bearer: {token: "${BENCH_TOKEN}"}}
    split: body.items
    event:
      type: '"com.crm." + item.kind'
      id: item.id
      source: '"crm"'
      time: item.at
      subject: item.account
      data: item.details
"""


def rows(*, short: bool) -> Iterator[Row]:
    environ = {"ROUTER_EVENTS_TOKEN": TOKEN.reveal(), "BENCH_TOKEN": TOKEN.reveal()}
    folder = [*rules(["http://127.0.0.1:9/"]), _SOURCES]
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(Redis("everysec"))
        ingress = stack.enter_context(Router(redis, folder, environ).ingress())
        for events in (1,) if short else _CONNECTIONS:
            taken = alternate(
                2 if short else 11,
                {
                    path: lambda path=path, events=events: _flood(ingress.port, path, events, redis)
                    for path in (SOURCE, EVENTS)
                },
            )
            rates = {
                path: [report.per_second * events for report in reports]
                for path, reports in taken.items()
            }
            yield row(
                "sources",
                "events of a mapped JSON source accepted/s ÷ /events",
                ratios(rates[SOURCE], rates[EVENTS]),
                case=f"{events} event{'s' * (events > 1)} a request",
                at_least=0.6,
                figures={f"{path} events/s": median(rate) for path, rate in rates.items()},
            )


def _flood(port: int, path: str, events: int, redis: Redis) -> load.Report:
    redis.empty()
    plan = load.Plan(
        port=port,
        shape=Shape(count=max(20, 1000 // events), events=events, path=path),
        connections=_CONNECTIONS[events],
        seconds=1.0,
        warmup=0.4,
    )
    report = load.run(plan, BESIDE)
    if report.refused or not report.answered:
        raise RuntimeError(f"{report.refused} requests were refused, {report.answered} answered")
    return report
