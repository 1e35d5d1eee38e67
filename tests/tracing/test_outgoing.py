"""What a task sends carries its trace."""

from collections.abc import Iterator

import pytest
from support.recorded_spans import RecordedTraces

from router.tracing.contexts import TraceContext
from router.tracing.outgoing import (
    OUTGOING,
    OutgoingTrace,
    sending_for_all,
    trace_fields,
    with_trace_headers,
)
from router.tracing.spans import SpanKind

UNRECORDED = OutgoingTrace(TraceContext("a" * 32, "b" * 16, 0, "vendor=1"))


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    token = OUTGOING.set(None)
    yield
    OUTGOING.reset(token)


def recorded(recorder: RecordedTraces, trace: str) -> OutgoingTrace:
    span = recorder.tracer.start("send", SpanKind.CLIENT, TraceContext(trace * 32, "1" * 16))
    return OutgoingTrace(span.context, span)


def test_without_a_trace_the_headers_are_those_of_the_request() -> None:
    headers = {"a": "b"}

    assert with_trace_headers(headers, with_state=True) is headers
    assert trace_fields() == {}


def test_a_trace_that_is_not_recorded_passes_through_and_is_in_no_log_line() -> None:
    OUTGOING.set(UNRECORDED)

    assert with_trace_headers({"a": "b"}, with_state=True) == {
        "a": "b",
        "traceparent": f"00-{'a' * 32}-{'b' * 16}-00",
        "tracestate": "vendor=1",
    }
    assert trace_fields() == {}


def test_the_state_is_only_for_those_who_may_have_it() -> None:
    OUTGOING.set(UNRECORDED)

    assert "tracestate" not in with_trace_headers({}, with_state=False)


def test_headers_of_the_configuration_stay() -> None:
    OUTGOING.set(UNRECORDED)
    headers = {"Traceparent": "mine"}

    assert with_trace_headers(headers, with_state=True) == headers


def test_a_log_line_names_the_span_of_a_recorded_trace() -> None:
    trace = recorded(RecordedTraces(), "c")
    OUTGOING.set(trace)

    assert trace_fields() == {"trace_id": "c" * 32, "span_id": trace.context.span_id}


def test_a_task_that_sends_for_others_links_their_spans_and_keeps_its_own_trace() -> None:
    """Mutant seen to fail: its log lines name the trace of another delivery afterwards."""
    recorder = RecordedTraces()
    first, second = recorded(recorder, "c"), recorded(recorder, "d")
    OUTGOING.set(UNRECORDED)

    with sending_for_all([UNRECORDED, None, first, second]):
        headers = with_trace_headers({}, with_state=True)
    assert first.span is not None
    first.span.end()

    assert headers["traceparent"] == first.context.traceparent
    assert recorder.spans()[0].links == (second.context.span_id,)
    assert OUTGOING.get() is UNRECORDED


def test_a_task_that_sends_for_tasks_without_a_trace_keeps_its_own() -> None:
    OUTGOING.set(UNRECORDED)

    with sending_for_all([None, UNRECORDED]):
        assert OUTGOING.get() is UNRECORDED
