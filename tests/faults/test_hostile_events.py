"""Events that try to mean one thing to a rule and another to its receiver, or to fill the memory."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import msgspec
import pytest
from support.fault_rows import FigureRecorder
from support.running import Running, running, settings_for
from support.sinks import HttpSink
from support.steady_load import TOKEN
from support.waiting import until

from router.clock import system_clock
from router.configuration.load import ConfigurationSource
from router.datatypes import Secret
from router.destinations.contract import Environment
from router.journal import ledger
from router.journal.connection import Connection
from router.runtime.roles import Roles, WorkerConfig

RULES = """
destinations:
  sink: {{http: {{url: "{url}"}}}}
rules:
  - {{name: one, events: [a], when: data.k == 1, send_to: [sink]}}
  - {{name: two, events: [a], when: data.k == 2, send_to: [sink]}}
  - {{name: admin, events: [a], when: has(data.admin), send_to: [sink]}}
  - {{name: long, events: [a], when: size(data.text) > 500000, send_to: [sink]}}
"""
METHODS = ("PUT", "PATCH", "DELETE", "PROPFIND", "MKCOL", "PURGE", "TRACE", "REPORT")
HEAD = b'{"specversion":"1.0","id":"%d","source":"s","type":"a","data":'


@pytest.fixture
async def sink() -> AsyncIterator[HttpSink]:
    async with HttpSink() as sink:
        yield sink


@pytest.fixture
async def router(redis_url: Secret, sink: HttpSink, tmp_path: Path) -> AsyncIterator[Running]:
    (tmp_path / "rules.yaml").write_text(RULES.format(url=sink.url))
    settings = settings_for(redis_url, events_token=TOKEN)
    source = ConfigurationSource(folder=tmp_path, environ={})
    environment = Environment(
        egress=settings.egress, now=system_clock().now, on_template_error=pytest.fail
    )
    work = WorkerConfig(source=source, configuration=source.load(), environment=environment)
    async with running(settings, Roles(port=0, ingress=True, worker=work)) as process:
        yield process


async def post(router: Running, body: bytes, content_type: str = "application/json") -> int:
    headers = {"Content-Type": content_type, "Authorization": f"Bearer {TOKEN.reveal()}"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{router.url}/events", data=body, headers=headers) as response,
    ):
        return response.status


async def settled(connection: Connection, count: int) -> ledger.Ledger:
    async def is_settled() -> ledger.Ledger | None:
        books = await ledger.read(connection)
        pending = [books.pending, *(each.pending for each in books.destinations.values())]
        return books if books.accepted == count and not any(pending) else None

    return await until(is_settled)


@pytest.mark.fault_row(40)
@pytest.mark.parametrize(
    ("data", "rules"),
    [
        (b'{"k":1,"k":2}', {"two"}),
        (b'{"k":2,"k":1}', {"one"}),
        (b'{"k":1,"\\u006b":2}', {"two"}),
        (b'{"k":1},"data":{"k":2}', {"two"}),
        (b'{"k":1,"__proto__":{"admin":true}}', {"one"}),
        (b'{"k":1,"constructor":{"prototype":{"admin":true}}}', {"one"}),
        (b'{"k":2,"text":"%s"}' % (b"x" * 1_000_000), {"two", "long"}),
        (b'{"k":1,"%s":1}' % (b"y" * 1_000_000), {"one"}),
    ],
    ids=["two", "one", "escaped", "data", "proto", "constructor", "text", "name"],
)
async def test_row_40_rules_see_what_receivers_see(
    data: bytes, rules: set[str], router: Running, sink: HttpSink, connection: Connection
) -> None:
    """Each delivery has the bytes that were sent, and a JSON parser reads there what a rule saw.

    The last of two equal members counts (docs/reference/ingress.md). Mutant: the member ``data`` is taken
    from the first occurrence; the case ``data`` is judged by another rule. Mutant: the first of two
    equal members counts.
    """
    body = HEAD % 1 + data + b"}"

    assert await post(router, body) == 202

    await settled(connection, 1)
    assert {request.json()["alert"]["rule"] for request in sink.requests} == rules
    for request in sink.requests:
        assert body in request.body
        assert request.json()["event"] == msgspec.json.decode(body)


@pytest.mark.fault_row(31)
async def test_row_31_of_two_bodies_with_one_id_the_first_counts(
    router: Running, sink: HttpSink, connection: Connection
) -> None:
    """Mutant: no event is a duplicate; the second body is delivered too, under the same id."""
    assert await post(router, HEAD % 1 + b'{"k":1}}') == 202
    await settled(connection, 1)
    assert await post(router, HEAD % 1 + b'{"k":2}}') == 202
    books = await settled(connection, 2)

    assert [request.json()["event"]["data"] for request in sink.requests] == [{"k": 1}]
    assert (books.matched, books.duplicate) == (1, 1)


@pytest.mark.fault_row(43)
async def test_row_43_types_of_strangers_make_no_series(
    router: Running, connection: Connection, fault_figures: FigureRecorder
) -> None:
    """Send 10,000 events of as many hostile types.

    Mutant: a counter has the type of the event as its label; there are 10,000 further series.
    """
    count = 10_000
    hostile = ['a"} 1', 'le="1"', "é" * 20, "__name__", "{}", "../..", "%00"]
    await post(router, HEAD % 0 + b"{}}")
    await settled(connection, 1)
    before = await series(router)
    for start in range(0, count, 1000):
        events = [
            {
                "specversion": "1.0",
                "id": f"h{number}",
                "source": "s",
                "type": f"{hostile[number % len(hostile)]}{number}",
                "data": {},
            }
            for number in range(start, start + 1000)
        ]
        status = await post(
            router, msgspec.json.encode(events), "application/cloudevents-batch+json"
        )
        assert status == 202
    books = await settled(connection, count + 1)
    after = await series(router)

    fault_figures(accepted=books.accepted, note=f"{len(before)} series, then {len(after)}")
    assert after == before


@pytest.mark.fault_row(42)
async def test_row_42_wrong_requests_make_no_series(router: Running) -> None:
    """Whatever the method, the path or the content type is that a stranger makes up.

    Mutant: a counter has the content type as its label; there is a further series for each.
    """
    bearer = {"Authorization": f"Bearer {TOKEN.reveal()}"}

    async def send(method: str) -> set[int]:
        """Requests with four mistakes that name ``method``, which is a word like any other."""
        answers = set()
        async with aiohttp.ClientSession() as session:
            for verb, path, content_type in (
                (method, "twilio", "application/json"),
                (method, "events", "application/json"),
                ("POST", method, "application/json"),
                ("POST", "events", f"text/{method}"),
                ("POST", "events", "application/json"),
            ):
                headers = {**bearer, "Content-Type": content_type}
                async with session.request(
                    verb, f"{router.url}/{path}", headers=headers
                ) as response:
                    answers.add(response.status)
        return answers

    first, *others = METHODS
    assert await send(first) == {400, 404, 405, 415}
    before = await series(router)

    for method in others:
        assert await send(method) == {400, 404, 405, 415}

    assert await series(router) == before


async def series(router: Running) -> set[str]:
    """Return the names and labels of all samples."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{router.url}/metrics") as response,
    ):
        text = await response.text()
    return set(re.findall(r"^([a-z_]+(?:\{[^}]*\})?) ", text, re.MULTILINE))
