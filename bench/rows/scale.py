"""More processes: 1, 2 and 4 of ingress and as many workers against one Redis, as fast as they go.

Each process, each generator, Redis and the receiver want a core of their own; where there are fewer, a
case is skipped, unless BENCH_SHARE_CORES says that they may share. What they then show is the machine.
"""

import contextlib
import itertools
import os
import time
from collections.abc import Iterator
from typing import Final

from bench import load
from bench.messages import Shape
from bench.outcome import Row, row, skipped
from bench.processes import ANYWHERE
from bench.sink import Sink
from bench.stage import Redis, Router, rules
from router.journal import keys, ledger

_PROCESSES: Final = (1, 2, 4)
_CONNECTIONS: Final = 32
_MOST_A_SECOND: Final = 8000
"""Events that one generator has ready for each second: more than one ingress process takes."""


def rows(*, short: bool) -> Iterator[Row]:
    for processes in _PROCESSES:
        wanted = 3 * processes + 2
        if len(ANYWHERE) < wanted and not os.environ.get("BENCH_SHARE_CORES"):
            why = f"wants {wanted} cores, there are {len(ANYWHERE)}; BENCH_SHARE_CORES=1 lets them share"
            yield skipped("scale", _what(processes), why, case=_case(processes))
        else:
            yield _scaled(processes, seconds=2.0 if short else 8.0)


def _scaled(processes: int, *, seconds: float) -> Row:
    cores = itertools.cycle(sorted(ANYWHERE))

    def some(count: int) -> frozenset[int]:
        return frozenset(itertools.islice(cores, count))

    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(Redis("everysec", some(1)))
        sink = stack.enter_context(Sink(some(1)))
        router = Router(redis, rules([sink.url()]))
        ingress = stack.enter_context(router.ingress(some(processes), processes=processes))
        stack.enter_context(router.worker(cores=some(processes), processes=processes))
        spent = redis.cpu()
        generators = [
            load.start(
                load.Plan(
                    port=ingress.port,
                    shape=Shape(
                        count=int(_MOST_A_SECOND * seconds),
                        id_prefix=f"bench-{number}",
                        status="summary_timeout",
                    ),
                    connections=_CONNECTIONS,
                    seconds=seconds,
                ),
                some(1),
            )
            for number in range(processes)
        ]
        for generator in generators:
            generator.finish()
        ended = time.monotonic()
        # What was answered as the generators ended is theirs no more, and accepted all the same.
        accepted = int(redis.client.hget(keys.LEDGER, ledger.ACCEPTED) or 0)
        meanwhile = sink.report().events
        done = sink.wait_for(accepted, seconds=120)
        spent = redis.cpu() - spent
    if done.events != accepted:
        raise RuntimeError(f"{accepted} events accepted, {done.events} delivered")
    each = spent / accepted * 1e6
    return row(
        "scale",
        _what(processes),
        [accepted / max(done.last - done.first, seconds)],
        case=_case(processes),
        unit="events/s",
        figures={
            "accepted/s": accepted / seconds,
            "waiting at the end": accepted - meanwhile,
            "drained/s afterwards": (accepted - meanwhile) / max(0.001, done.last - ended),
            "redis µs/event": each,
            "events/s that fill one Redis": 1e6 / each,
        },
    )


def _what(processes: int) -> str:
    return (
        f"events/s accepted and delivered by {processes} ingress and {processes} worker processes"
    )


def _case(processes: int) -> str:
    return f"{processes} and {processes}"
