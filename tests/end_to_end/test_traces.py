"""The trace of an event, from the request that brings it to the receiver of its alert."""

import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from support.collector import CollectedSpan, Collector
from support.events import event_from
from support.processes import RouterProcess
from support.rules_folder import RulesFolder, rule
from support.sinks import HttpSink, Reply, TcpSink, silence
from support.waiting import until

from router.datatypes import Secret

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SENDER = "00f067aa0ba902b7"
DESTINATIONS = """
destinations:
  ops: {http: {url: 'URL', retry: {first: 10ms, longest: 10ms}}}
"""
TOKEN = "events-token-of-the-test"


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with Collector() as collector:
        yield collector


@pytest.fixture
async def receiver() -> AsyncIterator[HttpSink]:
    async with HttpSink() as receiver:
        yield receiver


@pytest.fixture
def folder(tmp_path: Path, receiver: HttpSink) -> Path:
    folder = RulesFolder(tmp_path / "rules")
    folder.write(
        destinations=DESTINATIONS.replace("URL", f"{receiver.url}/secret-path"),
        rules="rules:\n" + rule("quality", "ops", severity="critical"),
    )
    return folder.path


def environ(collector: Collector, redis_url: Secret, folder: Path) -> dict[str, str]:
    return collector.environ(
        ROUTER_REDIS_URL=redis_url.reveal(),
        ROUTER_RULES=str(folder),
        ROUTER_PORT="0",
        ROUTER_WORKER_PORT="0",
        ROUTER_DURABILITY="relaxed",
        ROUTER_EVENTS_TOKEN=TOKEN,
        ROUTER_JOB_LEASE="1s",
    )


async def post(url: str, body: bytes, **headers: str) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{url}/events",
            data=body,
            headers={
                "Content-Type": "application/cloudevents+json",
                "Authorization": f"Bearer {TOKEN}",
                **headers,
            },
        ) as response,
    ):
        assert response.status == 202


def chain(spans: list[CollectedSpan], last: str) -> list[str]:
    """Return the names of a span and its ancestors, the first one first, with the parent outside."""
    by_id = {span.span_id: span for span in spans}
    names: list[str] = []
    while last in by_id:
        names.insert(0, by_id[last].name)
        last = by_id[last].parent
    return [last, *names]


async def test_an_event_is_one_trace_from_its_request_to_its_receiver(
    collector: Collector, receiver: HttpSink, folder: Path, redis_url: Secret, sample: bytes
) -> None:
    receiver.script.append(Reply(status=503))
    async with RouterProcess("run", environ=environ(collector, redis_url, folder)) as router:
        await post(
            router.url, event_from(sample, id="NO1").body, traceparent=f"00-{TRACE}-{SENDER}-01"
        )
        spans = await collector.wait("send ops", "send ops")

    received = [request.headers["traceparent"].split("-") for request in receiver.requests]
    assert {span.trace_id for span in spans} == {TRACE}
    assert [chain(spans, each[2]) for each in received] == [
        [SENDER, "POST /events", "send events", "process events", "send ops"]
    ] * 2
    attempts = {span.span_id: span for span in spans if span.name == "send ops"}
    assert [
        (
            attempts[each[2]].attributes["router.attempt"],
            attempts[each[2]].attributes["http.response.status_code"],
            attempts[each[2]].attributes["router.outcome"],
        )
        for each in received
    ] == [(1, 503, "retried"), (2, 200, "delivered")]


async def test_a_kill_between_two_attempts_leaves_one_trace(
    collector: Collector, receiver: HttpSink, folder: Path, redis_url: Secret, sample: bytes
) -> None:
    receiver.otherwise = Reply(status=503)
    variables = environ(collector, redis_url, folder)
    ingress, worker = (RouterProcess(role, environ=variables) for role in ("ingress", "worker"))
    async with ingress, worker:
        await post(
            ingress.url, event_from(sample, id="NO1").body, traceparent=f"00-{TRACE}-{SENDER}-01"
        )
        before = len(await collector.wait("process events", "send ops", "POST /events"))
        await worker.kill()
        receiver.otherwise = Reply(status=200)
        await worker.start()

        async def delivered() -> list[CollectedSpan]:
            return [
                span
                for span in collector.spans()
                if span.attributes.get("router.outcome") == "delivered"
            ]

        (last,) = await until(delivered)

    spans = collector.spans()
    assert len(spans) > before
    assert {span.trace_id for span in spans} == {TRACE}
    assert chain(spans, last.span_id) == [
        SENDER,
        "POST /events",
        "send events",
        "process events",
        "send ops",
    ]
    assert receiver.requests[-1].headers["traceparent"].split("-")[2] == last.span_id
    assert last.attributes["router.attempt"] > 1


async def test_no_span_has_a_secret_or_a_value_of_an_event(
    collector: Collector, receiver: HttpSink, folder: Path, redis_url: Secret, sample: bytes
) -> None:
    receiver.script.append(Reply(status=500, body=b"reply-of-the-receiver"))
    key = "collector-key-of-the-test"
    variables = environ(collector, redis_url, folder) | {
        "ROUTER_ADMIN_TOKEN": "admin-token-of-the-test",
        "ROUTER_LINK_SECRET": "link-secret-of-the-test",
        "ROUTER_PUBLIC_URL": "https://router.example",
        "ROUTER_TWILIO_AUTH_TOKENS": "twilio-token-of-the-test",
        "OTEL_EXPORTER_OTLP_HEADERS": f"x-key={key}",
    }
    body = msgspec.json.encode(
        {**msgspec.json.decode(sample), "subject": "subject-of-the-event", "note": "an-extension"}
    )
    async with RouterProcess("run", environ=variables) as router:
        await post(f"{router.url}", body, traceparent=f"00-{TRACE}-{SENDER}-01")
        await collector.wait(
            "POST /events", "send events", "process events", "send ops", "send ops"
        )

    sent = b"".join(request.body for request in collector.requests)
    values = {
        str(each) for each in leaves(msgspec.json.decode(sample)["data"]) if len(str(each)) > 4
    }
    secrets = {text for name, text in variables.items() if "TOKEN" in name or "SECRET" in name}
    others = {"secret-path", "reply-of-the-receiver", "subject-of-the-event", "an-extension", key}
    assert b"process events" in sent
    assert [text for text in values | secrets | others if text.encode() in sent] == []
    assert {request.headers["x-key"] for request in collector.requests} == {key}


def leaves(value: Any) -> Iterator[object]:
    """Yield the values of a document that contain no others."""
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from leaves(each)
    else:
        yield value


async def test_a_collector_that_is_away_disturbs_nothing_and_its_key_is_not_logged(
    receiver: HttpSink, folder: Path, redis_url: Secret, sample: bytes
) -> None:
    away, key = Collector(), "collector-key-of-the-test"
    away.url = f"http://user:{key}@127.0.0.1:1/hook"
    variables = environ(away, redis_url, folder) | {
        "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
        "OTEL_EXPORTER_OTLP_HEADERS": f"x-key={key}",
        "ROUTER_LOG_LEVEL": "debug",
    }
    async with RouterProcess("run", environ=variables) as router:
        for number in range(5):
            await post(router.url, event_from(sample, id=f"NO{number}").body)

        async def received() -> bool:
            return len(receiver.requests) == 5

        await until(received)
        await router.stop(seconds=15)

    assert key not in str(router.log)
    lines = [line for line in router.log if line.get("message") == "spans dropped"]
    assert 1 <= len(lines) <= 2  # once, and at the end
    assert all(line["level"] == "warning" for line in lines)


@pytest.mark.slow  # waits for the deadline of a shutdown
async def test_a_collector_that_never_answers_delays_the_end_by_its_deadline_only(
    receiver: HttpSink, folder: Path, redis_url: Secret, sample: bytes
) -> None:
    async with TcpSink(silence) as silent:
        hung = Collector()
        hung.url = silent.url
        variables = environ(hung, redis_url, folder) | {"OTEL_EXPORTER_OTLP_TIMEOUT": "60000"}
        async with RouterProcess("run", environ=variables) as router:
            await post(router.url, event_from(sample, id="NO1").body)
            await receiver.receive(1)
            started = time.monotonic()
            await router.stop(seconds=20)
            seconds = time.monotonic() - started

    (line,) = [line for line in router.log if line.get("message") == "spans dropped"]
    assert line["reason"] == "the collector took longer than 5 s at the end"
    assert 5 <= seconds < 20


@pytest.mark.slow  # three processes start
async def test_each_process_of_several_exports_its_own_spans(
    collector: Collector, receiver: HttpSink, folder: Path, redis_url: Secret, sample: bytes
) -> None:
    variables = environ(collector, redis_url, folder)
    async with RouterProcess("run", "--processes", "2", environ=variables) as router:
        await post(router.url, event_from(sample, id="NO1").body)
        spans = await collector.wait("POST /events", "send ops")

    assert len({span.trace_id for span in spans}) == 1
    assert len(receiver.requests) == 1
