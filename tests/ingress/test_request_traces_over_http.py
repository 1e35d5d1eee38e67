"""Only a sender that proves who it is decides about the trace of its request."""

from pathlib import Path

import aiohttp
import msgspec
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from support.recorded_spans import RecordedTraces
from support.rules_folder import capture
from support.traced_router import post_traced, traced_router
from support.waiting import until

from router.datatypes import Secret
from router.settings.choices import EventsOpen, TracesContinue

TRACE, SPAN = "a" * 32, "1" * 16
TOKEN = "events-token-of-the-test"
SOURCES = f"""
sources:
  open: {{verify: none, event: {{type: "'t'"}}}}
  vendor: {{verify: {{bearer: {{token: {TOKEN}}}}}, event: {{type: "'t'"}}, trace: restart}}
  mesh: {{verify: none, event: {{type: "'t'"}}, trace: continue}}
  parts: {{verify: none, split: body.items, event: {{type: "'t'", id: string(item)}}}}
  signed: {{verify: {{bearer: {{token: {TOKEN}}}}}, event: {{type: "'t'"}}}}
"""
FILES = {"destinations": capture("ops"), "rules": "rules: []", "sources": SOURCES}
BODY = msgspec.json.encode({"specversion": "1.0", "id": "1", "source": "s", "type": "t"})


@pytest.mark.parametrize("opened", [EventsOpen.YES, EventsOpen.ALL])
async def test_senders_that_are_verified_are_continued_and_others_are_linked(
    opened: EventsOpen, redis_url: Secret, tmp_path: Path
) -> None:
    recorder = RecordedTraces()
    settings = {
        "traces_continue": TracesContinue.VERIFIED,
        "events_open": opened,
        "events_token": (Secret(TOKEN),),
    }
    continued = {}
    async with (
        traced_router(redis_url, tmp_path, recorder, FILES, **settings) as router,
        aiohttp.ClientSession() as session,
    ):
        for path, authorization in [
            ("/events", ""),
            ("/events", f"Bearer {TOKEN}"),
            ("/in/open", ""),
            ("/in/signed", f"Bearer {TOKEN}"),
            ("/in/vendor", f"Bearer {TOKEN}"),
            ("/in/mesh", ""),
        ]:
            headers = {
                "Content-Type": "application/cloudevents+json",
                "traceparent": f"00-{TRACE}-{SPAN}-01",
                **({"Authorization": authorization} if authorization else {}),
            }
            async with session.post(router.url + path, data=BODY, headers=headers) as response:
                assert response.status == 202
            arrival = next(span for span in reversed(recorder.spans()) if span.kind == 1)
            continued[path, bool(authorization)] = (arrival.trace_id == TRACE, arrival.links)

    assert continued == {
        ("/events", False): (True, ()) if opened is EventsOpen.ALL else (False, (SPAN,)),
        ("/events", True): (True, ()),
        ("/in/open", False): (False, (SPAN,)),
        ("/in/signed", True): (True, ()),
        ("/in/vendor", True): (False, (SPAN,)),
        ("/in/mesh", False): (True, ()),
    }


async def test_a_request_that_is_recorded_is_an_exemplar_that_parsers_accept(
    redis_url: Secret, tmp_path: Path
) -> None:
    async with traced_router(redis_url, tmp_path, RecordedTraces(), FILES) as router:
        await post_traced(router, TRACE, BODY)
        text, _ = router.metrics.exposition("application/openmetrics-text")

    exemplars = [
        (sample.name, sample.exemplar.labels)
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if sample.exemplar is not None and "ingress" in sample.name
    ]
    assert exemplars == [("router_ingress_request_seconds_bucket", {"trace_id": TRACE})]


async def test_events_that_a_source_splits_are_in_the_trace_of_their_request(
    redis_url: Secret, tmp_path: Path
) -> None:
    recorder = RecordedTraces()
    body = msgspec.json.encode({"items": [1, 2, 3]})
    headers = {"Content-Type": "application/json", "traceparent": f"00-{TRACE}-{SPAN}-01"}
    async with (
        traced_router(redis_url, tmp_path, recorder, FILES) as router,
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{router.url}/in/parts", data=body) as response,
    ):
        assert response.status == 202

        async def evaluated() -> bool:
            return len(recorder.spans("process events")) == 3

        await until(evaluated)

    (arrival,), (commit,) = recorder.spans("POST /in/*"), recorder.spans("send events")
    assert arrival.attributes["messaging.batch.message_count"] == 3
    assert {span.parent for span in recorder.spans("process events")} == {commit.span_id}
    assert {span.trace_id for span in recorder.spans()} == {TRACE}


@pytest.mark.parametrize("status", [401, 403])
async def test_a_request_that_is_rejected_has_no_span(
    redis_url: Secret, tmp_path: Path, status: int
) -> None:
    recorder = RecordedTraces()
    settings = {"events_open": EventsOpen.NO, "events_token": Secret(TOKEN)}
    headers = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
    if status == 403:
        headers["Authorization"] = "Bearer wrong"
    async with (
        traced_router(redis_url, tmp_path, recorder, FILES, **settings) as router,
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{router.url}/events", data=BODY) as response,
    ):
        assert response.status == status

    assert recorder.spans() == []
