"""Each event of a recorded trace has a span with what became of it."""

from pathlib import Path
from typing import NoReturn

import msgspec
import pytest
from support.collector import CollectedSpan
from support.recorded_spans import RecordedTraces
from support.traced_router import post_traced, traced_router
from support.waiting import until

from router.datatypes import Secret
from router.errors import JournalUnavailableError
from router.events.decode import decode_request
from router.events.model import Event
from router.tracing.spans import SpanKind
from router.worker.evaluation import batch_job
from router.worker.evaluation.event_traces import NAME, BatchTrace

TRACE = "a" * 32
RULES = """
rules:
  - {name: loud, events: [loud], when: "data.secret != ''", severity: critical, send_to: [ops]}
  - {name: second, events: [loud, quiet], mode: shadow, send_to: [ops]}
destinations: {ops: {capture: {}}}
"""


def body(event_id: str, event_type: str, **attributes: object) -> bytes:
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": event_id,
            "source": "//pbx.example/7",
            "type": event_type,
            "data": {"secret": "personal"},
            **attributes,
        }
    )


async def processed(recorder: RecordedTraces, count: int) -> dict[str, CollectedSpan]:
    """Wait for the spans of this many events; return them by the ids of the events."""

    async def found() -> list[CollectedSpan] | None:
        spans = recorder.spans("process events")
        return spans if len(spans) >= count else None

    spans = await until(found)
    return {span.attributes["cloudevents.event_id"]: span for span in spans}


@pytest.fixture
def recorder() -> RecordedTraces:
    return RecordedTraces()


async def test_a_span_says_what_became_of_its_event_and_nothing_of_its_data(
    redis_url: Secret, tmp_path: Path, recorder: RecordedTraces
) -> None:
    async with traced_router(redis_url, tmp_path, recorder, {"rules": RULES}) as router:
        await post_traced(router, TRACE, body("1", "loud"), body("2", "quiet"), body("3", "other"))
        spans = await processed(recorder, 3)

        async def exemplars() -> list[str]:
            text, _ = router.metrics.exposition("application/openmetrics-text")
            lines = [line for line in text.decode().splitlines() if "# {" in line]
            return [line for line in lines if line.startswith("router_evaluate_seconds")]

        (exemplar,) = await until(exemplars)

    assert f'trace_id="{TRACE}"' in exemplar
    (commit,) = recorder.spans("send events")
    assert {span.parent for span in spans.values()} == {commit.span_id}
    assert {span.trace_id for span in spans.values()} == {TRACE}
    outcomes = {name: span.attributes["router.outcome"] for name, span in spans.items()}
    assert outcomes == {"1": "matched", "2": "suppressed", "3": "filtered"}
    assert spans["1"].attributes == {
        "messaging.system": "event_router",
        "messaging.destination.name": "events",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "cloudevents.event_id": "1",
        "cloudevents.event_source": "//pbx.example/7",
        "cloudevents.event_type": "loud",
        "router.outcome": "matched",
        "router.rules": ["loud", "second"],
    }
    notes = [(name, dict(attributes)) for name, attributes in spans["1"].notes]
    assert [attributes.pop("router.alert")[:3] for _, attributes in notes] == ["al_", "al_"]
    assert notes == [
        (
            "match",
            {
                "router.rule": "loud",
                "router.severity": "critical",
                "router.outcome": "notified",
            },
        ),
        (
            "match",
            {
                "router.rule": "second",
                "router.severity": "warning",
                "router.outcome": "suppressed",
                "router.reason": "shadow",
            },
        ),
    ]
    assert "personal" not in str(spans)


async def test_a_duplicate_has_a_span_of_its_own(
    redis_url: Secret, tmp_path: Path, recorder: RecordedTraces
) -> None:
    async with traced_router(redis_url, tmp_path, recorder, {"rules": RULES}) as router:
        await post_traced(router, TRACE, body("1", "loud"), body("1", "loud"))
        await processed(recorder, 2)

    found = [span.attributes["router.outcome"] for span in recorder.spans("process events")]
    assert sorted(found) == ["duplicate", "matched"]


async def test_an_event_that_goes_to_quarantine_is_an_error(
    redis_url: Secret, tmp_path: Path, recorder: RecordedTraces, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(event: Event) -> NoReturn:
        raise ValueError(event.id)

    monkeypatch.setattr(batch_job, "document", fail)
    async with traced_router(redis_url, tmp_path, recorder, {"rules": RULES}) as router:
        await post_traced(router, TRACE, body("1", "loud"))
        spans = await processed(recorder, 1)

    assert spans["1"].is_error
    assert spans["1"].attributes["router.outcome"] == "quarantined"


def decoded(event: bytes) -> Event:
    (found,) = decode_request(event, received_at=0.0, max_events=1).events
    return found


def test_events_of_a_batch_that_fails_are_errors_and_remain(recorder: RecordedTraces) -> None:
    """Mutant seen to fail: the error is left out."""
    trace = BatchTrace()
    trace.begin(0, decoded(body("1", "loud")), recorder.tracer.start(NAME, SpanKind.CONSUMER, None))
    with pytest.raises(JournalUnavailableError), trace:
        raise JournalUnavailableError("Redis did not answer in time")

    (span,) = recorder.spans()
    assert span.is_error
    assert span.attributes["router.outcome"] == "postponed"
    assert span.attributes["error.type"] == "JournalUnavailableError"


async def test_events_of_traces_that_are_not_recorded_have_no_span(
    redis_url: Secret, tmp_path: Path, recorder: RecordedTraces
) -> None:
    async with traced_router(redis_url, tmp_path, recorder, {"rules": RULES}) as router:
        await post_traced(router, TRACE, body("1", "loud"), flags="00")
        await post_traced(router, TRACE, body("2", "loud"))
        spans = await processed(recorder, 1)

    assert list(spans) == ["2"]
