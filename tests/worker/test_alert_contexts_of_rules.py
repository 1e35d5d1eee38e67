"""The messages about one alert are in the trace of the event that raised it, whatever causes them."""

from pathlib import Path

import msgspec
import pytest
from support.collector import CollectedSpan
from support.recorded_spans import RecordedTraces
from support.sinks import HttpSink
from support.traced_router import post_traced, traced_router
from support.waiting import until

from router.datatypes import Secret
from router.tracing.sampling import Sampling

FIRST, SECOND, THIRD = "a" * 32, "b" * 32, "c" * 32
RULES = """
tables:
  hosts: {rows: {edge-1: {site: Vienna}}}
rules:
  - name: trunk
    events: [down]
    resolve: {events: [up], by: [data.trunk]}
    escalate: {after: 1s, send_to: [pager]}
    send_to: [ops]
  - name: unfinished
    events: [opened]
    absent: {event: closed, for: 1s, by: [data.door]}
    send_to: [ops]
  - name: silent
    events: [heartbeat]
    absent: {event: heartbeat, for: 1s, by: [data.host], expected: tables.hosts}
    send_to: [ops]
"""


def body(kind: str, **data: str) -> bytes:
    return msgspec.json.encode(
        {"specversion": "1.0", "id": kind, "source": "s", "type": kind, "data": data}
    )


def of_rule(recorder: RecordedTraces, rule: str) -> list[CollectedSpan]:
    return [span for span in recorder.spans() if span.attributes.get("router.rule") == rule]


async def lives(
    redis_url: Secret, folder: Path, recorder: RecordedTraces, up_flags: str
) -> HttpSink:
    """Raise, escalate and resolve an alert; let one event, and one sender, be missed."""
    async with HttpSink() as sink:
        url = f"{{http: {{url: '{sink.url}'}}}}"
        files = {"rules": RULES, "destinations": f"destinations: {{ops: {url}, pager: {url}}}"}
        async with traced_router(redis_url, folder, recorder, files) as router:
            await post_traced(router, FIRST, body("down", trunk="1"))
            await post_traced(router, THIRD, body("opened", door="1"))
            await sink.receive(4)  # the alert, its escalation, and both that were missed
            await post_traced(router, SECOND, body("up", trunk="1"), flags=up_flags)
            await sink.receive(6)

            async def ended() -> bool:
                return len(of_rule(recorder, "trunk")) == 5

            await until(ended)
        return sink


@pytest.fixture
def recorder() -> RecordedTraces:
    return RecordedTraces()


async def test_an_alert_has_one_trace_from_its_event_to_its_resolution(
    redis_url: Secret, tmp_path: Path, recorder: RecordedTraces
) -> None:
    await lives(redis_url, tmp_path, recorder, "01")

    spans = {span.span_id: span for span in recorder.spans()}
    raised, resolving = (
        next(s for s in spans.values() if (s.trace_id, s.name) == (trace, "process events"))
        for trace in (FIRST, SECOND)
    )
    told = [span for span in of_rule(recorder, "trunk") if span.name.startswith("send ")]
    assert {span.trace_id for span in told} == {FIRST}
    assert sorted((span.name, spans[span.parent].name, span.links) for span in told) == [
        ("send ops", "process events", ()),
        ("send ops", "process events", (resolving.span_id,)),
        ("send pager", "process events", (resolving.span_id,)),
        ("send pager", "process timers", ()),
    ]
    (escalated,) = [span for span in of_rule(recorder, "trunk") if span.name == "process timers"]
    assert escalated.parent == raised.span_id
    assert escalated.attributes["router.feature"] == "escalate"
    assert resolving.notes[0][1]["router.outcome"] == "resolved"

    missed, sent = of_rule(recorder, "unfinished")
    assert (missed.name, missed.attributes["router.feature"]) == ("process timers", "absent")
    assert (missed.trace_id, sent.parent) == (THIRD, missed.span_id)

    # No event came, so that the trace begins with the timer.
    silent, sent = of_rule(recorder, "silent")
    assert (silent.name, silent.parent, sent.parent) == ("process timers", "", silent.span_id)
    assert silent.trace_id not in {FIRST, SECOND, THIRD}
    assert sent.trace_id == silent.trace_id


async def test_a_sender_that_never_spoke_is_sampled_as_an_event_is(
    redis_url: Secret, tmp_path: Path
) -> None:
    recorder = RecordedTraces(Sampling(bound=0))

    sink = await lives(redis_url, tmp_path, recorder, "00")

    assert of_rule(recorder, "silent") == []
    assert {span.trace_id for span in recorder.spans()} == {FIRST, THIRD}
    assert all(span.links == () for span in recorder.spans())
    assert len([each for each in sink.requests if "traceparent" not in each.headers]) == 1
