"""What the rows stand on: Redis, the router's processes, its rules."""

import asyncio
import contextlib
import itertools
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final, Self

import redis

from bench.measuring import cpu_seconds
from bench.messages import TOKEN, Shape, events
from bench.peers.rules import SUMMARY
from bench.processes import BESIDE, UNDER_TEST, Process, free_port, python
from router.alerts import Alert, Delivery, Severity, alert_id, delivery_id
from router.clock import system_clock
from router.dev.embedded_redis import EmbeddedRedis, find_server
from router.events.decode import decode_strictly
from router.events.model import (
    Event,
    Received,
)
from router.journal import keys
from router.journal.batches import Batches
from router.journal.connection import connect
from router.journal.finish import FinishedWork
from router.journal.keys import BatchId

_BATCH: Final = 500
_IN_FLIGHT: Final = 64
"""Requests to a destination at once, as the bare client and the hand-written service have."""
_RULES_A_FILE: Final = 2000
FSYNC: Final = ("no AOF", "everysec", "always")


class Redis:
    """A server of its own, empty, beside the process under test."""

    def __init__(self, fsync: str = "everysec", cores: frozenset[int] = BESIDE) -> None:
        self._fsync = fsync
        self._cores = cores
        self._folder = tempfile.TemporaryDirectory(prefix="bench-")
        self.server = EmbeddedRedis(
            find_server(os.environ.get("ROUTER_REDIS_SERVER", "")),
            Path(self._folder.name),
            appendfsync="everysec" if fsync == "no AOF" else fsync,
        )

    def __enter__(self) -> Self:
        self.server.start()
        os.sched_setaffinity(self.server.pid, self._cores)
        self.client = redis.Redis(unix_socket_path=str(self.server.socket))
        if self._fsync == "no AOF":
            self.client.config_set("appendonly", "no")
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.server.kill()
        self._folder.cleanup()

    def cpu(self) -> float:
        """Seconds so far, a rewrite of the append-only file by a child left out."""
        return cpu_seconds(self.server.pid)

    @property
    def socket(self) -> str:
        return str(self.server.socket)

    def empty(self) -> None:
        self.client.flushall()


class Router:
    """The router's processes against one Redis, with all that it has switched on.

    With ``checkout``, they run the code of that folder.
    """

    def __init__(
        self,
        redis: Redis,
        rules: Sequence[str],
        environ: Mapping[str, str] = MappingProxyType({}),
        checkout: Path | None = None,
    ) -> None:
        self._redis = redis
        self._checkout = checkout
        self._environ = environ
        self._folder = tempfile.TemporaryDirectory(prefix="bench-rules-")
        self._log = Path(self._folder.name) / "log"
        self.write(rules)

    def write(self, rules: Sequence[str]) -> None:
        """Write the files of the rules folder. Each process reloads it when it notices."""
        for number, text in enumerate(rules):
            (Path(self._folder.name) / f"{number}.yaml").write_text(text)

    @contextlib.contextmanager
    def ingress(
        self, cores: frozenset[int] = UNDER_TEST, *, processes: int = 1
    ) -> Iterator[Process]:
        port = free_port()
        with self._run("ingress", *_several(processes), cores=cores, port=port) as process:
            yield process

    @contextlib.contextmanager
    def worker(
        self, *names: str, cores: frozenset[int] = UNDER_TEST, processes: int = 1
    ) -> Iterator[Process]:
        """With ``names``, one that delivers to these and evaluates nothing."""
        chosen = [part for name in names for part in ("--destination", name)]
        chosen += _several(processes)
        with self._run("worker", *chosen, cores=cores, port=free_port()) as process:
            yield process

    def _run(self, *command: str, cores: frozenset[int], port: int) -> Process:
        return Process(
            python("router", *command),
            cores=cores,
            port=port,
            log=self._log,
            cwd=self._checkout,
            environ={
                "ROUTER_REDIS_URL": f"unix://{self._redis.socket}",
                "ROUTER_RULES": self._folder.name,
                "ROUTER_PORT": str(port),
                "ROUTER_WORKER_PORT": str(port),
                "ROUTER_TWILIO_AUTH_TOKENS": TOKEN.reveal(),
                "ROUTER_DURABILITY": "relaxed",  # some rows measure without an append-only file
                "ROUTER_LOG_LEVEL": "warning",
                **self._environ,
            },
        )


def _several(processes: int) -> list[str]:
    return ["--processes", str(processes)] if processes > 1 else []


def rules(urls: Sequence[str], *, conditions: Sequence[str] = ()) -> list[str]:
    """The files of a rules folder: one rule that tells each URL of a timed-out summary.

    ``conditions`` are further rules, which are judged and counted and tell nobody.
    """
    names = [f"sink-{number}" for number in range(len(urls))]
    settings = f"signing_secret: benchmark, concurrency: {_IN_FLIGHT}"
    destinations = [
        f'  {name}: {{http: {{url: "{url}", {settings}}}}}'
        for name, url in zip(names, urls, strict=True)
    ]
    texts = ['data.status == "summary_timeout"', *conditions]
    made = [_rule(number, text, names) for number, text in enumerate(texts)]
    return [
        "\n".join(["destinations:", *destinations, ""]),
        *(
            "".join(["rules:\n", *made[start : start + _RULES_A_FILE]])
            for start in range(0, len(made), _RULES_A_FILE)
        ),
    ]


def _rule(number: int, condition: str, send_to: Sequence[str]) -> str:
    return (
        f"  - name: rule-{number}\n"
        f'    events: ["{SUMMARY}.*"]\n'
        f"    when: '{condition}'\n"
        f"    send_to: [{', '.join(send_to)}]\n"
        f"    mode: {'shadow' if number else 'live'}\n"
    )


def fill(redis: Redis, count: int, *, alerting: int) -> None:
    """Accept so many events, one in ``alerting`` of which the rules alert on."""
    asyncio.run(_accept(redis, count, alerting))


async def _accept(redis: Redis, count: int, alerting: int) -> None:
    connection = connect(redis.server.url, deadline=10, max_connections=2)
    batches = Batches(connection, system_clock())
    quiet = events(Shape(count=count, id_prefix="quiet"))
    loud = events(Shape(count=count // alerting, status="summary_timeout"))
    try:
        for start in range(0, count, _BATCH):
            places = range(start, min(start + _BATCH, count))
            bodies = [next(quiet if place % alerting else loud) for place in places]
            await batches.accept([Received(read_events(bodies), [])])
    finally:
        await connection.close()


def prefill(redis: Redis, destination: str, count: int) -> None:
    """Open deliveries as evaluate does, a batch at a time."""
    asyncio.run(_open_deliveries(redis, destination, count))


async def _open_deliveries(redis: Redis, destination: str, count: int) -> None:
    connection = connect(redis.server.url, deadline=10, max_connections=2)
    batches = Batches(connection, system_clock())
    made = events(Shape(count=count, status="summary_timeout"))
    try:
        for start in range(0, count, _BATCH):
            bodies = list(itertools.islice(made, min(_BATCH, count - start)))
            await batches.accept([Received(read_events(bodies), [])])
            (batch_id,) = await connection.redis.zrange(keys.BATCHES, 0, 0)
            verdict = FinishedWork(
                duplicate=0,
                filtered=0,
                matched=len(bodies),
                quarantined=(),
                deliveries=tuple(_delivery(event, destination) for event in read_events(bodies)),
            )
            await batches.finish(BatchId(batch_id.decode()), verdict)
        await connection.redis.delete(keys.EVALUATE_QUEUE)
    finally:
        await connection.close()


def read_events(bodies: Sequence[bytes]) -> list[Event]:
    return [
        event for body in bodies for event in decode_strictly(body, received_at=0.0, max_events=1)
    ]


def _delivery(event: Event, destination: str) -> Delivery:
    alert = Alert(
        id=alert_id(event.key, "rule-0"),
        rule="rule-0",
        severity=Severity.WARNING,
        summary="Conference {{ data.friendly_name or data.conference_sid }} timed out",
        description="",
        raised_at=event.received_at,
        event_id=event.id,
        event_source=event.source,
        event_type=event.type,
        event_time=event.time,
        event_received_at=event.received_at,
        event=event.body,
    )
    return Delivery(id=delivery_id(alert.id, destination), destination=destination, alert=alert)
