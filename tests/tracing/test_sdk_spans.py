"""Spans of the SDK, by the contexts that the router stores."""

import msgspec
import pytest
from opentelemetry.trace.span import TraceState
from support.recorded_spans import RecordedTraces

from router import __version__
from router.clock import system_clock
from router.tracing.contexts import TraceContext
from router.tracing.sampling import Sampling
from router.tracing.spans import SpanKind

PARENT = TraceContext("a" * 32, "b" * 16, 1, "vendor=1")


def test_a_child_has_the_trace_and_the_state_of_its_parent() -> None:
    recorder = RecordedTraces()

    span = recorder.tracer.start("name", SpanKind.CLIENT, PARENT, {"key": "value"})
    span.end({"more": 2})

    (found,) = recorder.spans()
    assert (found.trace_id, found.parent, found.kind) == (PARENT.trace_id, PARENT.span_id, 3 - 1)
    assert found.attributes == {"key": "value", "more": 2}
    assert span.context == TraceContext(PARENT.trace_id, found.span_id, 1, "vendor=1")


def test_a_trace_that_begins_here_has_the_id_by_which_it_was_sampled() -> None:
    recorder = RecordedTraces(Sampling(bound=1 << 63))

    for _ in range(40):
        if recorder.tracer.samples(None):
            recorder.tracer.start("name", SpanKind.SERVER, None).end()

    assert recorder.spans()
    assert all(int(span.trace_id[16:], 16) < 1 << 63 for span in recorder.spans())
    assert len({span.trace_id for span in recorder.spans()}) == len(recorder.spans())


def test_a_trace_begins_with_an_id_by_chance_and_a_span_in_the_past() -> None:
    recorder = RecordedTraces()

    recorder.tracer.start("name", SpanKind.SERVER, None, age=2.0).end()
    recorder.tracer.start("name", SpanKind.SERVER, None).end()

    first, second = recorder.spans()
    assert all(int(each.trace_id, 16) > 1 << 64 for each in (first, second))
    assert 2.0 <= first.seconds < 60
    assert second.seconds < 2.0


def test_an_error_has_its_type_and_a_second_end_is_none() -> None:
    recorder = RecordedTraces()
    span = recorder.tracer.start("name", SpanKind.CLIENT, PARENT)
    span.link(PARENT)
    span.note("match", {"rule": "r"})

    span.end(error="503")
    span.end({"late": 1})

    (found,) = recorder.spans()
    assert (found.is_error, found.attributes) == (True, {"error.type": "503"})
    assert (found.links, found.notes) == ((PARENT.span_id,), (("match", {"rule": "r"}),))


def test_links_and_events_in_a_span_have_a_limit_and_the_rest_is_counted() -> None:
    recorder = RecordedTraces()
    others = [TraceContext("a" * 32, f"{at:016x}", 1, "state=long") for at in range(1, 1001)]
    span = recorder.tracer.start("digest", SpanKind.CLIENT, PARENT, links=others[:500])
    for number, each in enumerate(others[500:]):
        span.link(each)
        span.note("match", {"number": number})

    span.end()

    (found,) = recorder.spans()
    assert found.links == tuple(each.span_id for each in others[:128])
    assert found.dropped_links == 872
    assert all(each.context.trace_state == TraceState() for each in recorder.ended()[0].links)
    assert len(found.notes) == 128


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, {"service.name": "event-router"}),
        ({"OTEL_SERVICE_NAME": "mine"}, {"service.name": "mine"}),
        (
            {"OTEL_RESOURCE_ATTRIBUTES": "service.name=other,deployment.environment=prod"},
            {"service.name": "other", "deployment.environment": "prod"},
        ),
    ],
)
def test_the_process_is_named_by_the_standard_variables(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], expected: dict[str, str]
) -> None:
    for name, text in environ.items():
        monkeypatch.setenv(name, text)
    recorder = RecordedTraces()

    recorder.tracer.start("name", SpanKind.SERVER, None).end()

    resource = recorder.spans()[0].resource
    assert expected.items() <= resource.items()
    assert resource["service.version"] == __version__


def test_a_span_is_not_shorter_because_the_clock_is_set_back() -> None:
    """Mutant seen to fail: the end is read from the clock of the day."""
    now, monotonic = iter([1000.0, 900.0]), iter([50.0, 52.5])
    clock = msgspec.structs.replace(
        system_clock(), now=lambda: next(now), monotonic=lambda: next(monotonic)
    )
    recorder = RecordedTraces(clock=clock)

    recorder.tracer.start("a", SpanKind.SERVER, None).end()

    assert recorder.spans()[0].seconds == 2.5
