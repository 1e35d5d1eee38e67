"""A message of many events continues the trace of one of them, and links the others."""

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
RULES = {
    "group": "  - {name: many, events: ['*'], group: {wait: 300ms}, send_to: [ops]}\n",
    "count": (
        "  - {name: many, events: ['*'], count: {at_least: 3, within: 1m, keep: 5}, send_to: [ops]}\n"
    ),
}


def body(event_id: str) -> bytes:
    return msgspec.json.encode(
        {"specversion": "1.0", "id": event_id, "source": "s", "type": "t", "data": {}}
    )


async def one_message(
    kind: str,
    redis_url: Secret,
    folder: Path,
    recorder: RecordedTraces,
    flags: tuple[str, str, str],
) -> CollectedSpan:
    """Send three events of three traces that become one message; return the span of its attempt."""
    async with HttpSink() as sink:
        files = {
            "rules": f"rules:\n{RULES[kind]}",
            "destinations": f"destinations: {{ops: {{http: {{url: '{sink.url}'}}}}}}",
        }
        async with traced_router(redis_url, folder, recorder, files) as router:
            for trace_id, flag in zip((FIRST, SECOND, THIRD), flags, strict=True):
                await post_traced(router, trace_id, body(trace_id[0]), flags=flag)

            async def sent() -> list[CollectedSpan]:
                return recorder.spans("send ops")

            (span,) = await until(sent)
        assert sink.requests[0].headers["traceparent"].split("-")[1:3] == [
            span.trace_id,
            span.span_id,
        ]
        return span


def named(recorder: RecordedTraces, trace_id: str) -> dict[str, CollectedSpan]:
    return {span.name: span for span in recorder.spans() if span.trace_id == trace_id}


async def test_the_message_of_a_group_links_each_event(redis_url: Secret, tmp_path: Path) -> None:
    recorder = RecordedTraces()

    sent = await one_message("group", redis_url, tmp_path, recorder, ("01", "01", "01"))

    first = named(recorder, FIRST)
    others = [named(recorder, trace)["process events"].span_id for trace in (SECOND, THIRD)]
    fired = first["process timers"]
    assert (sent.trace_id, sent.parent) == (FIRST, fired.span_id)
    assert (fired.parent, fired.links) == (first["process events"].span_id, tuple(others))
    assert fired.attributes["router.feature"] == "group"
    assert set(others) <= set(sent.links)


async def test_it_continues_the_first_trace_that_is_recorded(
    redis_url: Secret, tmp_path: Path
) -> None:
    recorder = RecordedTraces()

    sent = await one_message("group", redis_url, tmp_path, recorder, ("00", "01", "00"))

    assert {span.trace_id for span in recorder.spans()} == {SECOND}
    fired = named(recorder, SECOND)["process timers"]
    assert (sent.parent, fired.links) == (fired.span_id, ())
    assert fired.parent == named(recorder, SECOND)["process events"].span_id


@pytest.mark.parametrize("flags", [("01", "01", "01")])
async def test_the_message_of_a_count_links_the_events_that_were_counted(
    redis_url: Secret, tmp_path: Path, flags: tuple[str, str, str]
) -> None:
    recorder = RecordedTraces()

    sent = await one_message("count", redis_url, tmp_path, recorder, flags)

    last = named(recorder, THIRD)["process events"]
    counted = [named(recorder, trace)["process events"].span_id for trace in (FIRST, SECOND)]
    assert sent.parent == last.span_id
    assert set(counted) <= set(sent.links)


async def test_timers_of_events_without_a_recorded_trace_have_no_span(
    redis_url: Secret, tmp_path: Path
) -> None:
    recorder = RecordedTraces(Sampling(bound=0))
    async with HttpSink() as sink:
        files = {
            "rules": f"rules:\n{RULES['group']}",
            "destinations": f"destinations: {{ops: {{http: {{url: '{sink.url}'}}}}}}",
        }
        async with traced_router(redis_url, tmp_path, recorder, files) as router:
            await post_traced(router, FIRST, body("1"), flags="00")

            async def sent() -> bool:
                return bool(sink.requests)

            await until(sent)

    assert recorder.spans() == []
    # Receivers get the trace of the sender, which they may record or not.
    assert sink.requests[0].headers["traceparent"] == f"00-{FIRST}-{'1' * 16}-00"
    assert sink.requests[0].headers["tracestate"] == "vendor=1"
