"""A worker that is suspended for longer than its lease sends nothing more of its old work.

The suspended process has read its deliveries before. When it is resumed, another worker has sent
them. Figures are printed (``pytest -s``).
"""

import asyncio
import signal
from pathlib import Path

import pytest
from aiohttp import web
from support.events import event_from
from support.processes import RouterProcess
from support.running import post_batch, running, settings_for, worker_of
from support.sinks import HttpSink
from support.waiting import until

from router.datatypes import Duration
from router.dev.embedded_redis import EmbeddedRedis
from router.journal import ledger
from router.journal.connection import connect
from router.runtime.roles import Roles

CONCURRENCY = 5
RULES = """
destinations:
  tickets:
    http: {{url: "{url}", concurrency: {concurrency}, retry: {{first: 100ms}}}}
rules:
  - {{name: all, events: ["*"], send_to: [tickets]}}
"""


class SlowSink(HttpSink):
    """A receiver that takes a while for each request."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    async def _receive(self, request: web.BaseRequest) -> web.Response:
        await asyncio.sleep(self._seconds)
        return await super()._receive(request)

    def ids(self) -> list[str]:
        return [request.headers["webhook-id"] for request in self.requests]

    async def quiet(self, seconds: float) -> None:
        """Wait until no request has arrived for so long."""
        loop = asyncio.get_running_loop()
        seen, since = len(self.requests), loop.time()

        async def is_quiet() -> bool:
            nonlocal seen, since
            if len(self.requests) != seen:
                seen, since = len(self.requests), loop.time()
            return loop.time() - since >= seconds

        await until(is_quiet)


async def settled(redis: EmbeddedRedis, delivered: int) -> ledger.DestinationLedger:
    """Wait until so many deliveries are delivered; return their books."""
    connection = connect(redis.url, deadline=5.0, max_connections=1)

    async def are_delivered() -> ledger.DestinationLedger | None:
        books = (await ledger.read(connection)).destinations.get("tickets")
        return books if books is not None and books.delivered >= delivered else None

    try:
        return await until(are_delivered)
    finally:
        await connection.close()


async def check_suspended_worker(
    redis: EmbeddedRedis,
    folder: Path,
    sample: bytes,
    *,
    events: int,
    lease: str,
    stop: float,
    other: int,
) -> int:
    """Suspend a worker amid its deliveries for longer than its lease; return the repeats.

    It is suspended for ``stop`` seconds at least, and until another worker has made ``other`` of
    its deliveries.
    """
    settings = settings_for(redis.url, job_lease=Duration.parse(lease))
    async with SlowSink(0.01) as sink:
        (folder / "rules.yaml").write_text(RULES.format(url=sink.url, concurrency=CONCURRENCY))
        environ = {
            "ROUTER_REDIS_URL": redis.url.reveal(),
            "ROUTER_RULES": str(folder),
            "ROUTER_WORKER_PORT": "0",
            "ROUTER_JOB_LEASE": lease,
        }
        async with running(settings, Roles(port=0, ingress=True)) as ingress:
            bodies = [event_from(sample, id=f"NO{number}").body for number in range(events)]
            await post_batch(ingress, bodies)
        async with RouterProcess("worker", environ=environ) as suspended:
            await sink.receive(events // 10)
            suspended.signal(signal.SIGSTOP)
            try:
                async with running(settings, Roles(port=0, worker=worker_of(folder, settings))):
                    figures = await meanwhile(sink, stop, other)
                    suspended.signal(signal.SIGCONT)
                    books = await settled(redis, events)
                    await sink.quiet(0.5)
            finally:
                suspended.signal(signal.SIGCONT)
    received = sink.ids()
    repeated = len(received) - len(set(received))
    print(  # noqa: T201 - the figures
        f"\nworker suspended amid {events} deliveries {figures}, lease {lease}, concurrency"
        f" {CONCURRENCY}: {len(set(received))} delivered, {repeated} repeated; {books}"
    )
    assert len(set(received)) == events
    assert books.delivered == books.opened == events
    return repeated


async def meanwhile(sink: SlowSink, stop: float, other: int) -> str:
    """Wait until so many seconds have passed and so many deliveries were made; return the figures."""
    loop = asyncio.get_running_loop()
    stopped_at, before = loop.time(), len(sink.requests)

    async def are_made() -> bool:
        return loop.time() - stopped_at >= stop and len(sink.requests) - before >= other

    await until(are_made, seconds=stop + 40)
    made = len(sink.requests) - before
    return f"after {before} of them for {loop.time() - stopped_at:.1f} s ({made} by another)"


@pytest.mark.fault_row(23)
@pytest.mark.parametrize(
    "other",
    [20, pytest.param(60, marks=pytest.mark.slow)],
    ids=["the other is at it", "the other is done"],
)
async def test_a_suspended_worker_repeats_no_more_than_was_in_flight(
    redis: EmbeddedRedis, tmp_path: Path, sample: bytes, other: int
) -> None:
    """Seen to fail without ``is_valid`` in ``DeliveryJob._is_over``."""
    repeated = await check_suspended_worker(
        redis, tmp_path, sample, events=80, lease="1s", stop=1.0, other=other
    )
    assert repeated <= CONCURRENCY


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.fault_row(23)
@pytest.mark.parametrize("other", [20, 430], ids=["the other is at it", "the other is done"])
async def test_a_worker_suspended_for_14_seconds_repeats_no_more_than_was_in_flight(
    redis: EmbeddedRedis, tmp_path: Path, sample: bytes, other: int
) -> None:
    """The default lease of 10 s."""
    repeated = await check_suspended_worker(
        redis, tmp_path, sample, events=500, lease="10s", stop=14.0, other=other
    )
    assert repeated <= CONCURRENCY
