"""What Redis spends on an event that goes to several destinations: CPU time, and memory while it waits."""

import contextlib
from collections.abc import Iterator

from bench import load
from bench.messages import Shape
from bench.outcome import Row, row
from bench.processes import BESIDE
from bench.sink import Sink
from bench.stage import Redis, Router, rules

_EVENTS = 3000
_IN_REQUEST = 50
_SECONDS = 60.0


def rows(*, short: bool) -> Iterator[Row]:
    """Nothing in the short form: the figures are compared with each other, not with a target."""
    for destinations in () if short else (1, 3, 10):
        yield _cost(destinations)


def _cost(destinations: int) -> Row:
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(Redis("everysec"))
        sink = stack.enter_context(Sink())
        paths = [f"/to-{number}" for number in range(destinations)]
        router = Router(redis, rules([sink.url(path) for path in paths]))
        empty, since = redis.client.info("memory")["used_memory"], redis.cpu()
        with router.ingress() as ingress:
            shape = Shape(
                count=_EVENTS // _IN_REQUEST, events=_IN_REQUEST, status="summary_timeout"
            )
            load.run(load.Plan(port=ingress.port, shape=shape, connections=8), BESIDE)
        accepted = redis.cpu() - since
        waiting = redis.client.info("memory")["used_memory"] - empty
        with router.worker():
            arrived = [sink.wait_for(_EVENTS, path=path, seconds=_SECONDS) for path in paths]
            spent = redis.cpu() - since
    if any(each.events != _EVENTS for each in arrived):
        raise RuntimeError(f"of {_EVENTS} messages arrived {[each.events for each in arrived]}")
    return row(
        "redis",
        "CPU of Redis per event, accepted in fifties and drained by one worker",
        [spent / _EVENTS * 1e6],
        case=f"{destinations} destinations",
        unit="µs",
        figures={
            "µs/delivery after ingress": (spent - accepted) / _EVENTS / destinations * 1e6,
            "bytes/waiting event": waiting / _EVENTS,
        },
    )
