"""The trace of an event."""

import pytest

from router.events.trace_context import context_of

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


def trace_id_of(body: bytes) -> str:
    context = context_of(body)
    return "" if context is None else context.trace_id


@pytest.mark.parametrize(
    ("body", "trace_id"),
    [
        (b'{"traceparent":"00-%b-%b-01"}', TRACE),
        (b'{"traceparent":"01-%b-%b-01-more"}', TRACE),
        (b'{"data":{"traceparent":"00-%b-%b-01"}}', ""),
        (b'{"traceparent":"ff-%b-%b-01"}', ""),
        (b'{"traceparent":"%b-%b"}', ""),
        (b'{"traceparent":["00-%b-%b-01"]}', ""),
        (b'{"traceparent":"00-%b-%b-01"', ""),
    ],
)
def test_a_trace_id_is_that_of_the_attribute(body: bytes, trace_id: str) -> None:
    assert trace_id_of(body % (TRACE.encode(), SPAN.encode())) == trace_id


@pytest.mark.parametrize("trace_id", ["0" * 32, TRACE.upper(), TRACE[:31], "x" * 32])
def test_an_invalid_trace_id_is_none(trace_id: str) -> None:
    assert trace_id_of(f'{{"traceparent":"00-{trace_id}-{SPAN}-01"}}'.encode()) == ""


def test_an_event_without_the_attribute_has_no_trace(sample: bytes) -> None:
    assert trace_id_of(sample) == ""
