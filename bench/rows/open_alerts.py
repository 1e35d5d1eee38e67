"""Many open alerts of one rule: their memory, and what unrelated events notice of work on all of them.

All are silenced while they arise, so that none is told. Then the rules are reloaded, the silence ends, so
that all are told late, and a silence of all is added. Beside each the row measures the p99 of other events
and the CPU time, and just before it the same without. BENCH_OPEN_ALERTS says how many there are.
"""

import asyncio
import contextlib
import os
import random
import signal
import statistics
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final, TypeVar

import msgspec

from bench import load
from bench.measuring import percentile
from bench.messages import Shape
from bench.outcome import Row, row
from bench.peers.rules import SUMMARY
from bench.processes import ANYWHERE, BESIDE, Process
from bench.sink import Sink
from bench.stage import Redis, Router, fill
from router.clock import system_clock
from router.journal import keys
from router.journal.connection import Connection, connect
from router.journal.silences import Silences
from router.rules.suppression.silences import SilenceText

T = TypeVar("T")

_RATE: Final = 50.0
"""Unrelated events a second."""
_SAMPLED: Final = 500
"""Alerts whose records are measured one by one."""
_JUDGED_A_SECOND: Final = 1000
_TOLD_A_SECOND: Final = 1000
"""Looks and late notifications for which the load lasts."""
_ALL: Final = SilenceText(
    match={"rule": "open"}, ends="2099-01-01T00:00:00Z", author="bench", comment="all"
)


def rows(*, short: bool) -> Iterator[Row]:
    count = int(os.environ.get("BENCH_OPEN_ALERTS", "2000" if short else "20000"))
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(Redis("everysec"))
        sink = stack.enter_context(Sink())
        router = Router(redis, _rules(sink))
        ingress = stack.enter_context(router.ingress(ANYWHERE))
        worker = stack.enter_context(router.worker(cores=ANYWHERE))
        stage = _Stage(
            redis=redis,
            router=router,
            sink=sink,
            ingress=ingress,
            worker=worker,
            count=count,
            seconds=4.0 if short else 15.0,
        )
        yield stage.memory()
        yield from stage.beside()


_DESTINATIONS: Final = """
destinations:
  late: {{http: {{url: "{url}"}}}}
  unrelated: {{http: {{url: "{url_of_others}"}}}}
"""
_RULES: Final = """
rules:
  - name: open
    events: [{events}]
    when: data.status == "summary_timeout"
    resolve: {{events: [none], by: [event.id]}}
    summary: {summary}
    send_to: [late]
  - name: unrelated
    events: [{events}]
    when: data.status == "completed"
    send_to: [unrelated]
"""


def _rules(sink: Sink, summary: str = "timed out") -> list[str]:
    return [
        _DESTINATIONS.format(url=sink.url(), url_of_others=sink.url("/unrelated")),
        _RULES.format(events=f"{SUMMARY}.*", summary=summary),
    ]


class _Beside(msgspec.Struct, frozen=True):
    """What unrelated events saw."""

    p99_ms: float
    worker_seconds: float
    redis_seconds: float


class _Stage(msgspec.Struct, kw_only=True):
    """The processes, and the work that is done with them."""

    redis: Redis
    router: Router
    sink: Sink
    ingress: Process
    worker: Process
    count: int
    """Open alerts."""
    seconds: float
    """How long unrelated events are sent."""
    loads: int = 0
    swept_seconds: float = 0.0
    """How long it took until all alerts were judged again after the reload."""
    silence: str = ""
    """The id of the silence of all."""

    def memory(self) -> Row:
        """Let all alerts arise, silenced."""
        self._silence_all()
        time.sleep(2)  # workers read it within a second
        before = self._used()
        began = time.monotonic()
        fill(self.redis, self.count, alerting=1)
        self._wait(lambda: not self.redis.client.exists(keys.BATCHES), "evaluated")
        seconds = time.monotonic() - began
        each = (self._used() - before) / self.count
        bodies, records, hashes = self._sampled()
        return row(
            "open-alerts",
            "bytes of Redis for an open alert, besides the alert's own body",
            [each - bodies],
            case=f"memory of {self.count:,}",
            unit="bytes",
            at_most=600,
            figures={
                "body": bodies,
                "record": records,
                "hash with both": hashes,
                "all": each,
                "opened/s": self.count / seconds,
            },
        )

    def beside(self) -> Iterator[Row]:
        works: dict[str, tuple[Callable[[], None], float]] = {
            "reload": (self._reload, max(self.seconds, self.count / _JUDGED_A_SECOND)),
            "end of a silence of all": (
                self._end_silence,
                max(self.seconds, self.count / _TOLD_A_SECOND),
            ),
            "silence of all": (self._silence_all, self.seconds),
        }
        for name, (work, seconds) in works.items():
            quiet = self._loaded(lambda: None, self.seconds)
            busy = self._loaded(work, seconds)
            longer = seconds / self.seconds
            yield row(
                "open-alerts",
                "p99 of unrelated events ÷ the same without",
                [busy.p99_ms / quiet.p99_ms],
                case=f"{name}, {self.count:,}",
                figures={
                    "p99 ms": busy.p99_ms,
                    "without ms": quiet.p99_ms,
                    "worker ms": 1000 * (busy.worker_seconds - quiet.worker_seconds * longer),
                    "Redis ms": 1000 * (busy.redis_seconds - quiet.redis_seconds * longer),
                    **(
                        {"judged again/s": self.count / self.swept_seconds}
                        if name == "reload"
                        else {}
                    ),
                    **self._told(),
                },
            )

    def _told(self) -> dict[str, float]:
        """Return how the late notifications went, once there are some."""
        report = self.sink.report()
        if not report.events or report.requests == 0:
            return {}
        report = self.sink.wait_for(self.count, seconds=60 + self.count / 200)
        if report.events != self.count:
            raise RuntimeError(f"{report.events} of {self.count} alerts were told late")
        self.sink.reset()
        return {"told late/s": self.count / max(0.001, report.last - report.first)}

    def _loaded(self, work: Callable[[], None], seconds: float) -> _Beside:
        """Send unrelated events for so long, and begin the work after a few of them."""
        self.loads += 1
        prefix = f"bench-{self.loads}"
        count = int(_RATE * seconds)
        shape = Shape(count=count, status="completed", id_prefix=prefix)
        plan = load.Plan(
            port=self.ingress.port, shape=shape, connections=8, rate=_RATE, keep_times=True
        )
        before = self.worker.cpu(), self.redis.cpu()
        running = load.start(plan, BESIDE)
        self._wait(lambda: self.sink.report("/unrelated").events >= 1, "sent")
        work()
        sent = running.finish().sent_at
        spent = self.worker.cpu() - before[0], self.redis.cpu() - before[1]
        came = self.sink.wait_for(count, path="/unrelated", seconds=60).events
        if came != count:
            raise RuntimeError(f"{came} of {count} unrelated events arrived")
        times = self.sink.report("/unrelated", times=True).times
        waited = [(times[f"{prefix}-{n}"] - since) * 1000 for n, since in enumerate(sent)]
        self._forget_unrelated()
        return _Beside(percentile(waited, 99), *spent)

    def _forget_unrelated(self) -> None:
        if not self.sink.report().events:
            self.sink.reset()

    def _reload(self) -> None:
        """Reload, and wait until all alerts were judged again."""
        began = time.monotonic()
        self.router.write(_rules(self.sink, "took too long"))
        os.kill(self.worker.pid, signal.SIGHUP)
        self._wait(lambda: self.redis.client.exists(keys.SWEEP), "swept")
        self._wait(self._is_swept, "judged again")
        self.swept_seconds = time.monotonic() - began

    def _is_swept(self) -> bool:
        client, now_ms = self.redis.client, int(system_clock().now() * 1000)
        counts = [client.zcount(name, "-inf", now_ms) for name in (keys.LOOKS, keys.TIMERS)]
        return not client.exists(keys.SWEEP) and not any(counts)

    def _silence_all(self) -> None:
        self.silence = self._ask(lambda silences: silences.add(_ALL)).id

    def _end_silence(self) -> None:
        self._ask(lambda silences: silences.expire(self.silence))

    def _ask(self, question: Callable[[Silences], Coroutine[Any, Any, T]]) -> T:
        async def asked() -> T:
            connection: Connection = connect(self.redis.server.url, deadline=10, max_connections=1)
            try:
                return await question(Silences(connection, system_clock()))
            finally:
                await connection.close()

        return asyncio.run(asked())

    def _used(self) -> int:
        return int(self.redis.client.info("memory")["used_memory"])

    def _sampled(self) -> tuple[float, float, float]:
        """Return the mean bytes of a body, of a record, and of the hash that has both."""
        client = self.redis.client
        names = [name for name, _ in client.zscan_iter(keys.KEYED_ALERTS)]
        if len(names) != self.count:
            raise RuntimeError(f"{len(names)} of {self.count} alerts are open")
        chosen = random.Random(1).sample(names, min(_SAMPLED, len(names)))  # noqa: S311 - a sample
        places = [keys.keyed_alert(name.decode()) for name in chosen]
        return (
            statistics.mean(client.hstrlen(place, "alert") for place in places),
            statistics.mean(client.hstrlen(place, "record") for place in places),
            statistics.mean(client.memory_usage(place, samples=0) for place in places),
        )

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + 60 + self.count / 500
        while not condition():
            if time.monotonic() > deadline:
                raise RuntimeError(f"events were not {what} in time")
            time.sleep(0.02)
