"""The spans and attributes of docs/operate/tracing.md are those of the code."""

import re
from pathlib import Path

import msgspec
import pytest
from support.collector import CollectedSpan
from support.recorded_spans import RecordedTraces
from support.sinks import HttpSink, Reply
from support.traced_router import post_traced, traced_router
from support.waiting import until

from router.datatypes import Secret
from router.events.model import Received
from router.ingress.request_traces import RequestTraces
from router.tracing import spans

ROOT = Path(__file__).parents[2]
RULES = """
rules:
  - {name: at-once, events: ['*'], send_to: [ops]}
  - {name: grouped, events: ['*'], group: {wait: 50ms}, send_to: [ops]}
  - {name: on-trial, events: ['*'], mode: shadow, send_to: [ops]}
"""
RARE = {"error.type", "router.replays"}
"""Attributes of what this test does not do."""


def documented() -> dict[str, set[str]]:
    """Return the attributes of each span in the table, by its names."""
    text = (ROOT / "docs" / "operate" / "tracing.md").read_text("utf-8")
    table = text.split("| span | attributes |\n|---|---|\n")[1].split("\n\n")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()]
    return {
        name: set(re.findall(r"`([^`]+)`", attributes))
        for names, attributes in rows
        for name in re.findall(r"`([^`]+)`", names)
    }


def test_each_attribute_is_documented_and_no_other_is() -> None:
    exist = {
        text
        for name, text in vars(spans).items()
        if name.isupper() and isinstance(text, str) and name != "SYSTEM"
    }

    assert set.union(*documented().values()) == exist


@pytest.fixture
async def recorded(redis_url: Secret, tmp_path: Path) -> dict[str, list[CollectedSpan]]:
    """The spans of an event that is sent twice at once, with a retry, and in a group, by their names."""
    recorder = RecordedTraces()
    body = msgspec.json.encode({"specversion": "1.0", "id": "1", "source": "s", "type": "t"})
    async with HttpSink(Reply(503)) as sink:
        destinations = (
            f"destinations: {{ops: {{http: {{url: '{sink.url}', retry: {{schedule: [10ms]}}}}}}}}"
        )
        files = {"rules": RULES, "destinations": destinations}
        async with traced_router(redis_url, tmp_path, recorder, files) as router:
            await post_traced(router, "a" * 32, body)

            async def sent() -> bool:
                return len(recorder.spans("send ops")) == 3

            await until(sent)
    trace, _ = RequestTraces(recorder.tracer).begin_records("kinesis", Received([], []))
    assert trace is not None
    trace.end()
    found: dict[str, list[CollectedSpan]] = {}
    for span in recorder.spans():
        found.setdefault(span.name.replace("send ops", "send <destination>"), []).append(span)
    return found


async def test_each_span_has_the_documented_attributes(
    recorded: dict[str, list[CollectedSpan]],
) -> None:
    rows = documented()
    matches = [dict(note) for span in recorded["process events"] for _, note in span.notes]
    shown = {
        name: set().union(*(span.attributes for span in found)) for name, found in recorded.items()
    }
    shown["match"] = set().union(*matches)

    expected = {name: rows[name] - (RARE - shown[name]) for name in shown}

    assert shown == expected
    assert rows.keys() - shown.keys() == {"POST /twilio", "POST /in/*"}
