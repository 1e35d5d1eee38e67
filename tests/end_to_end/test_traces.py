"""The trace of an event, from the request that brings it to the receiver of its alert."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from support.collector import CollectedSpan, Collector
from support.events import event_from
from support.processes import RouterProcess
from support.rules_folder import RulesFolder, rule
from support.sinks import HttpSink, Reply

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
