"""T9: what a worker costs that has nothing to do: ten destinations, ten queues."""

import time
from collections.abc import Iterator

from bench.outcome import Row, row
from bench.processes import UNDER_TEST
from bench.stage import Redis, Router, rules

_DESTINATIONS = 10
_SETTLE_SECONDS = 2.0


def rows(*, short: bool) -> Iterator[Row]:
    seconds, rounds = (3.0, 1) if short else (10.0, 3)
    urls = [f"http://127.0.0.1:9/{number}" for number in range(_DESTINATIONS)]
    with Redis("everysec") as redis:
        router = Router(redis, rules(urls))
        with router.worker(cores=UNDER_TEST) as worker, router.ingress(UNDER_TEST) as ingress:
            time.sleep(_SETTLE_SECONDS)
            shares: list[float] = []
            beside = {"ingress %": 0.0, "Redis %": 0.0}
            for _ in range(rounds):
                began = time.monotonic()
                before = worker.cpu(), ingress.cpu(), redis.cpu()
                time.sleep(seconds)
                spent = time.monotonic() - began
                shares.append((worker.cpu() - before[0]) / spent * 100)
                beside["ingress %"] = (ingress.cpu() - before[1]) / spent * 100
                beside["Redis %"] = (redis.cpu() - before[2]) / spent * 100
            beside["worker MB"] = worker.memory()
            beside["ingress MB"] = ingress.memory()
    yield row(
        "T9",
        f"idle worker with {_DESTINATIONS} destinations, of a core",
        shares,
        unit="%",
        at_most=0.5,
        figures=beside,
    )
