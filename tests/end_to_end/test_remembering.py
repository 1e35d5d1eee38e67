"""The real application: timers fire through arq, silences are made by its API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from support.rules_folder import RulesFolder
from support.running import Running, running, settings_for
from support.sinks import HttpSink
from support.waiting import until
from support.world import event

from router.clock import system_clock
from router.configuration.load import ConfigurationSource
from router.datatypes import Secret
from router.destinations.contract import Environment
from router.journal import keys, ledger
from router.journal.connection import Connection
from router.runtime.roles import Roles, WorkerConfig

TOKEN = Secret("console-token-of-the-test")
RULES = """
rules:
  - name: grouped
    events: [down]
    group: {wait: 50ms, interval: 100ms}
    resolve: {events: [up], by: [data.host]}
    send_to: [sink]
  - name: awaited
    events: [down]
    absent: {event: up, for: 200ms, by: [data.host]}
    send_to: [sink]
"""


@pytest.fixture
async def sink() -> AsyncIterator[HttpSink]:
    async with HttpSink() as sink:
        yield sink


@pytest.fixture
async def router(redis_url: Secret, tmp_path: Path, sink: HttpSink) -> AsyncIterator[Running]:
    async with started(redis_url, tmp_path, sink, RULES) as process:
        yield process


@asynccontextmanager
async def started(
    redis_url: Secret, tmp_path: Path, sink: HttpSink, rules: str
) -> AsyncIterator[Running]:
    folder = RulesFolder(tmp_path / "rules")
    places = f"destinations: {{sink: {{http: {{url: '{sink.url}'}}}}}}\n"
    folder.write(destinations=places, rules=rules)
    settings = settings_for(redis_url, admin_token=TOKEN)
    source = ConfigurationSource(folder=folder.path, environ={})
    environment = Environment(
        egress=settings.egress, now=system_clock().now, on_template_error=pytest.fail
    )
    work = WorkerConfig(source=source, configuration=source.load(), environment=environment)
    async with running(settings, Roles(port=0, ingress=True, worker=work)) as process:
        yield process


async def send(router: Running, *numbers: str, type: str, host: str) -> None:  # noqa: A002
    bodies = [event(number, 0.0, type=type, host=host).body for number in numbers]
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{router.url}/events",
            data=b"[" + b",".join(bodies) + b"]",
            headers={"Content-Type": "application/cloudevents-batch+json"},
        ) as response,
    ):
        assert response.status == 202


async def test_timers_fire_when_they_are_due_and_leave_nothing(
    router: Running, sink: HttpSink, connection: Connection
) -> None:
    await send(router, "d1", "d2", type="down", host="h")
    await sink.receive(2)  # the group, and what never came
    await send(router, "u1", type="up", host="h")
    await sink.receive(3)

    async def over() -> ledger.Ledger | None:
        books = await ledger.read(connection)
        left = await connection.redis.exists(keys.TIMERS, keys.TIMER_QUEUE, keys.BATCHES)
        return None if left or books.destinations["sink"].pending else books

    books = await until(over)
    assert (books.alerts, books.notified, books.waiting, books.pending) == (3, 3, 0, 0)
    assert await connection.redis.keys("arq:job:*") == []


async def test_a_silence_made_by_the_api_is_in_force_in_the_worker(
    router: Running, connection: Connection
) -> None:
    silence = {
        "match": {"data.host": "h1"},
        "ends": "2099-01-01T00:00:00Z",
        "author": "ann",
        "comment": "work",
    }
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN.reveal()}"}) as session,
        session.post(f"{router.url}/api/v1/silences", json=silence) as response,
    ):
        assert response.status == 201

    async def silenced() -> bool:
        number = (await ledger.read(connection)).accepted
        await send(router, f"d{number}", type="down", host="h1")
        return (
            router.metric("router_alerts_suppressed_total", rule="awaited", reason="silenced") > 0
        )

    await until(silenced)


async def test_a_row_that_never_spoke_is_told_of(
    redis_url: Secret, tmp_path: Path, sink: HttpSink
) -> None:
    rules = """
tables: {hosts: {rows: {edge-1: {site: Graz}}}}
rules:
  - name: silent-host
    events: [beat]
    absent: {event: beat, for: 100ms, by: [data.host], expected: tables.hosts}
    summary: "{{ data.host }} in {{ data.site }}"
    send_to: [sink]
"""
    async with started(redis_url, tmp_path, sink, rules):
        (request,) = await sink.receive(1)

    assert b"edge-1 in Graz" in request.body
