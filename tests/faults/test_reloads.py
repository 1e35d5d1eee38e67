"""Reloads under load, destinations added and removed meanwhile.

No event is lost, none is judged by half a rule set, nobody is told twice.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
from support.events import event_from
from support.rules_folder import RulesFolder, rule
from support.running import Running, running, settings_for
from support.sinks import HttpSink
from support.waiting import until

from router.clock import system_clock
from router.configuration.load import ConfigurationSource
from router.datatypes import Duration, Secret
from router.destinations.contract import Environment
from router.dev.embedded_redis import EmbeddedRedis
from router.journal import ledger
from router.journal.connection import Connection, connect
from router.runtime.roles import Roles, WorkerConfig

TOKEN = Secret("console-token-of-the-test")
PLACES = ("always", "even", "odd")
PAUSE = 5
"""After so many reloads at once, the next one waits until the last generation has judged an event."""


@pytest.fixture
async def sinks() -> AsyncIterator[dict[str, HttpSink]]:
    async with HttpSink() as always, HttpSink() as even, HttpSink() as odd:
        yield dict(zip(PLACES, (always, even, odd), strict=True))


class Generations:
    """Rules that say which generation they are of, in two files that must agree.

    Of the destinations ``even`` and ``odd`` one is there only in every second generation.
    """

    def __init__(self, folder: RulesFolder, sinks: dict[str, HttpSink]) -> None:
        self._folder = folder
        self._sinks = sinks

    def write(self, number: int, *, places: tuple[str, ...] = ()) -> None:
        mine = "odd" if number % 2 else "even"
        destinations = "destinations:\n" + "".join(
            f"  {name}: {{http: {{url: '{self._sinks[name].url}', retry: {{first: 10ms}}}}}}\n"
            for name in places or ("always", mine)
        )
        self._folder.write(
            destinations=destinations,
            left="rules:\n" + rule("left", "always", mine, summary=f"g{number}"),
            right="rules:\n" + rule("right", "always", mine, summary=f"g{number}"),
        )


@pytest.fixture
def generations(tmp_path: Path, sinks: dict[str, HttpSink]) -> Generations:
    generations = Generations(RulesFolder(tmp_path / "rules"), sinks)
    generations.write(0)
    return generations


@pytest.fixture
async def router(
    redis: EmbeddedRedis, generations: Generations, tmp_path: Path
) -> AsyncIterator[Running]:
    del generations  # they are written
    settings = settings_for(redis.url, admin_token=TOKEN, job_lease=Duration(60))
    source = ConfigurationSource(folder=tmp_path / "rules", environ={})
    environment = Environment(
        egress=settings.egress, now=system_clock().now, on_template_error=pytest.fail
    )
    work = WorkerConfig(source=source, configuration=source.load(), environment=environment)
    async with running(settings, Roles(port=0, ingress=True, worker=work)) as process:
        yield process


@pytest.fixture
async def connection(redis: EmbeddedRedis) -> AsyncIterator[Connection]:
    connection = connect(redis.url, deadline=5.0, max_connections=2)
    yield connection
    await connection.close()


class Load:
    """Sends events one after another until it is stopped, each until it is accepted."""

    def __init__(self, url: str, sample: bytes) -> None:
        self._url = url
        self._sample = sample
        self._stopped = False
        self.ids: list[str] = []

    def stop(self) -> None:
        self._stopped = True

    async def send(self, session: aiohttp.ClientSession) -> None:
        while not self._stopped:
            ids = [f"NO{len(self.ids) + number}" for number in range(5)]
            self.ids += ids
            events = b",".join(event_from(self._sample, id=one).body for one in ids)
            # As senders do: nobody tells when the router has room again.
            while not await self._is_accepted(session, b"[" + events + b"]"):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            await asyncio.sleep(0.02)

    async def _is_accepted(self, session: aiohttp.ClientSession, body: bytes) -> bool:
        headers = {"Content-Type": "application/cloudevents-batch+json"}
        async with session.post(f"{self._url}/events", data=body, headers=headers) as response:
            assert response.status in {202, 503}  # a busy machine may be too slow for a commit
            return response.status == 202


async def reload(session: aiohttp.ClientSession, url: str) -> None:
    headers = {"Authorization": f"Bearer {TOKEN.reveal()}"}
    async with session.post(f"{url}/-/reload", headers=headers) as response:
        assert response.status == 200, await response.text()


async def balanced(connection: Connection) -> ledger.Ledger:
    async def settled() -> ledger.Ledger | None:
        books = await ledger.read(connection)
        pending = [books.pending, *(each.pending for each in books.destinations.values())]
        return None if any(pending) else books

    return await until(settled, seconds=300)  # a busy machine takes its time


def told(sink: HttpSink) -> Iterator[tuple[str, str, str]]:
    """Event, rule and generation of all that a sink got."""
    for request in sink.requests:
        body = request.json()
        yield body["event"]["id"], body["alert"]["rule"], body["alert"]["summary"]


async def judged_by(generation: str, sink: HttpSink, known: int) -> None:
    """Wait until an event that a generation has judged is among the requests after ``known``."""

    async def is_there() -> bool:
        return any(each.json()["alert"]["summary"] == generation for each in sink.requests[known:])

    await until(is_there)


async def check_reloads(
    count: int,
    router: Running,
    generations: Generations,
    sinks: dict[str, HttpSink],
    connection: Connection,
    sample: bytes,
) -> None:
    load = Load(router.url, sample)
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        sending = [group.create_task(load.send(session)) for _ in range(2)]
        for number in range(1, count + 1):
            known = len(sinks["always"].requests)
            generations.write(number)
            await reload(session, router.url)
            if number % PAUSE == 0:
                await judged_by(f"g{number}", sinks["always"], known)
        load.stop()
        await asyncio.wait(sending)
        # What waits for the one that is gone is delivered when it is back.
        generations.write(count, places=PLACES)
        await reload(session, router.url)
    books = await balanced(connection)

    always = list(told(sinks["always"]))
    of_event: dict[str, set[str]] = {}
    for event_id, _, generation in always:
        of_event.setdefault(event_id, set()).add(generation)
    in_turn = [*told(sinks["even"]), *told(sinks["odd"])]
    seen = {generation for each in of_event.values() for generation in each}
    print(  # noqa: T201
        f"\n{count} reloads: {len(load.ids)} events, {len(always) + len(in_turn)} deliveries,"
        f" judged by {len(seen)} generations"
    )
    assert set(of_event) == set(load.ids)
    assert {len(each) for each in of_event.values()} == {1}
    assert max(Counter(always).values()) == 1
    assert Counter(always) == Counter(in_turn)
    parity = {"even": "02468", "odd": "13579"}
    assert all(
        generation[-1] in parity[name]
        for name in ("even", "odd")
        for _, _, generation in told(sinks[name])
    )
    assert seen >= {f"g{number}" for number in range(PAUSE, count + 1, PAUSE)}
    assert books.matched == len(load.ids)
    assert sum(each.dead for each in books.destinations.values()) == 0


@pytest.mark.fault_row(63)
async def test_twenty_reloads_under_load(
    router: Running,
    generations: Generations,
    sinks: dict[str, HttpSink],
    connection: Connection,
    sample: bytes,
) -> None:
    """Mutant: what waits for a removed destination is given up at once."""
    await check_reloads(20, router, generations, sinks, connection, sample)


@pytest.mark.fault_row(63)
@pytest.mark.slow
@pytest.mark.timeout(1200)
async def test_a_thousand_reloads_under_load(
    router: Running,
    generations: Generations,
    sinks: dict[str, HttpSink],
    connection: Connection,
    sample: bytes,
) -> None:
    await check_reloads(1000, router, generations, sinks, connection, sample)
