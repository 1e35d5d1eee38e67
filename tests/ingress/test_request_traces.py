"""Which requests are recorded, and to which trace each of their events belongs."""

import msgspec
import pytest
from aiohttp.test_utils import make_mocked_request
from support.events import event_from
from support.recorded_spans import RecordedTraces

from router.events.model import Event, Received
from router.ingress.request_traces import RequestTraces
from router.settings.choices import TracesContinue
from router.tracing.contexts import stored_context
from router.tracing.sampling import Sampling

HOP, START, OTHER = "a" * 32, "b" * 32, "c" * 32
SPAN = "1" * 16
NONE = Sampling(bound=0)
"""Records what its sender records."""


def parent(trace: str, flags: str = "01") -> str:
    return f"00-{trace}-{SPAN}-{flags}"


def event(sample: bytes, number: int, traceparent: str = "") -> Event:
    extension = {"traceparent": traceparent, "tracestate": "v=1"} if traceparent else {}
    body = msgspec.json.encode({**msgspec.json.decode(sample), **extension})
    return msgspec.structs.replace(event_from(sample, id=f"NO{number}"), body=body)


def begin(
    recorder: RecordedTraces, events: list[Event], *headers: tuple[str, str]
) -> tuple[bool, list[str]]:
    """Return whether the request is recorded, and the trace ids stored with its events."""
    request = make_mocked_request("POST", "/twilio?bodySHA256=secret", headers=headers)
    trace, received = RequestTraces(recorder.tracer).begin_request(
        request, "twilio", Received(events, []), seconds=0.01, is_continued=True
    )
    if trace is not None:
        trace.end(202)
    contexts = [stored_context(each.trace) for each in received.events]
    return trace is not None, ["" if each is None else each.trace_id for each in contexts]


@pytest.mark.parametrize(
    ("hop", "own", "expected"),
    [
        # The trace of the header is that of all events.
        (parent(HOP), ["", ""], (True, [HOP, HOP])),
        (parent(HOP), [parent(START), ""], (True, [HOP, HOP])),
        (parent(HOP, "00"), ["", parent(START)], (False, [HOP, HOP])),
        # Without a header, an event's own trace is continued.
        ("", [parent(START)], (True, [START])),
        ("", [parent(START), parent(OTHER), ""], (False, [START, OTHER, ""])),
        # What is recorded nowhere is stored nowhere: the event's body has its own.
        ("", [parent(START, "00")], (False, [""])),
        ("", ["", ""], (False, ["", ""])),
        ("malformed", [""], (False, [""])),
        ("malformed", [parent(START)], (True, [START])),
    ],
)
def test_the_trace_of_a_header_comes_before_that_of_an_event(
    sample: bytes,
    hop: str,
    own: list[str],
    expected: tuple[bool, list[str]],
) -> None:
    events = [event(sample, number, text) for number, text in enumerate(own)]
    headers = [("traceparent", hop)] if hop else []

    assert begin(RecordedTraces(NONE), events, *headers) == expected


def test_a_recorded_request_is_the_parent_of_its_commit_which_is_that_of_its_events(
    sample: bytes,
) -> None:
    recorder = RecordedTraces()
    request = make_mocked_request(
        "POST", "/twilio?bodySHA256=x", headers={"traceparent": parent(HOP)}
    )
    received = Received([event(sample, 1, parent(START)), event(sample, 2, parent(HOP))], [])

    trace, traced = RequestTraces(recorder.tracer).begin_request(
        request, "twilio", received, seconds=0.01, is_continued=True
    )
    assert trace is not None
    trace.end(202)

    commit, arrival = recorder.spans()
    assert (arrival.name, arrival.kind, arrival.parent) == ("POST /twilio", 1, SPAN)
    assert (commit.name, commit.kind, commit.parent) == ("send events", 3, arrival.span_id)
    stored = [stored_context(each.trace) for each in traced.events]
    assert [each.span_id for each in stored if each is not None] == [commit.span_id] * 2
    assert arrival.links == (SPAN,)  # the start of the first event; the other one is the parent
    assert arrival.attributes == {
        "http.request.method": "POST",
        "http.route": "/twilio",
        "http.response.status_code": 202,
        "messaging.batch.message_count": 2,
        "router.source": "twilio",
    }


def test_a_trace_that_begins_here_is_a_new_one_for_each_request(sample: bytes) -> None:
    recorder = RecordedTraces()

    found = [begin(recorder, [event(sample, number)]) for number in range(3)]

    assert all(is_recorded for is_recorded, _ in found)
    assert len({trace_id for _, (trace_id,) in found}) == 3


def test_two_headers_that_contradict_each_other_begin_a_new_trace(sample: bytes) -> None:
    headers = [("traceparent", parent(HOP)), ("traceparent", parent(OTHER))]

    is_recorded, (trace_id,) = begin(RecordedTraces(), [event(sample, 1)], *headers)

    assert is_recorded
    assert trace_id not in {HOP, OTHER}


def test_a_sampler_that_ignores_the_sender_says_so_to_receivers(sample: bytes) -> None:
    recorder = RecordedTraces(Sampling(bound=0, follows_parent=False))
    request = make_mocked_request("POST", "/events", headers={"traceparent": parent(HOP)})

    trace, received = RequestTraces(recorder.tracer).begin_request(
        request, "events", Received([event(sample, 1)], []), seconds=0.0, is_continued=True
    )

    assert trace is None
    assert received.events[0].trace == parent(HOP, "00")


def test_a_request_that_is_not_stored_has_the_error(sample: bytes) -> None:
    recorder = RecordedTraces()
    trace, _ = RequestTraces(recorder.tracer).begin_records(
        "kinesis", Received([event(sample, 1)], [])
    )
    assert trace is not None

    trace.end(error="not_stored")

    commit, arrival = recorder.spans()
    assert (arrival.name, arrival.kind) == ("receive kinesis", 2)
    assert [each.attributes["error.type"] for each in (commit, arrival)] == ["not_stored"] * 2


@pytest.mark.parametrize(
    ("continues", "is_verified", "own", "is_continued"),
    [
        (TracesContinue.VERIFIED, True, None, True),
        (TracesContinue.VERIFIED, False, None, False),
        (TracesContinue.ALL, False, None, True),
        (TracesContinue.NONE, True, None, False),
        (TracesContinue.NONE, False, True, True),
        (TracesContinue.ALL, True, False, False),
    ],
)
def test_a_source_decides_whose_trace_is_continued_before_the_settings(
    *, continues: TracesContinue, is_verified: bool, own: bool | None, is_continued: bool
) -> None:
    traces = RequestTraces(RecordedTraces().tracer, continues)

    assert traces.continues(is_verified=is_verified, own=own) is is_continued


@pytest.mark.parametrize("is_continued", [True, False])
@pytest.mark.parametrize(
    ("hop", "own"), [(parent(HOP), ""), ("", parent(START)), (parent(HOP), parent(START))]
)
def test_the_trace_of_a_sender_that_is_not_trusted_is_a_link(
    sample: bytes, hop: str, own: str, *, is_continued: bool
) -> None:
    recorder = RecordedTraces()
    headers = {"traceparent": hop} if hop else {}
    request = make_mocked_request("POST", "/events", headers=headers)

    trace, received = RequestTraces(recorder.tracer).begin_request(
        request,
        "events",
        Received([event(sample, 1, own)], []),
        seconds=0.0,
        is_continued=is_continued,
    )

    assert trace is not None
    trace.end(202)
    (arrival,) = recorder.spans("POST /events")
    assert (arrival.trace_id in {HOP, START}) == is_continued
    assert (arrival.parent == "") != is_continued
    assert bool(arrival.links) == (not is_continued or bool(hop and own))
    (stored,) = received.events
    assert stored_context(stored.trace).trace_id == arrival.trace_id


@pytest.mark.parametrize("follows_parent", [True, False])
def test_a_stranger_cannot_have_a_request_recorded_nor_choose_the_trace_of_receivers(
    sample: bytes, *, follows_parent: bool
) -> None:
    """A sampler by ids alone records the id of zeros, which a stranger can choose."""
    recorder = RecordedTraces(Sampling(bound=1, follows_parent=follows_parent))
    chosen = parent("f" * 16 + "0" * 16)
    request = make_mocked_request("POST", "/events", headers={"traceparent": chosen})

    trace, received = RequestTraces(recorder.tracer).begin_request(
        request,
        "events",
        Received([event(sample, 1, chosen), event(sample, 2)], []),
        seconds=0.0,
        is_continued=False,
    )

    assert trace is None
    stored = [each for each in map(stored_context, [e.trace for e in received.events]) if each]
    assert len({each.trace_id for each in stored}) == 1
    assert [(each.is_sampled, each.state, each.trace_id in chosen) for each in stored] == [
        (False, "", False)
    ] * 2


def test_the_links_of_a_stranger_are_few(sample: bytes) -> None:
    recorder = RecordedTraces()
    events = [event(sample, at, parent(f"{at:032x}")) for at in range(1, 101)]
    request = make_mocked_request("POST", "/events", headers={"traceparent": parent(HOP)})

    trace, _ = RequestTraces(recorder.tracer).begin_request(
        request, "events", Received(events, []), seconds=0.0, is_continued=False
    )

    assert trace is not None
    trace.end(202)
    assert len(recorder.spans("POST /events")[0].links) == 9


def test_the_path_of_a_source_is_not_shown(sample: bytes) -> None:
    """A path may be all that a source has for a secret."""
    recorder = RecordedTraces()
    request = make_mocked_request("PUT", "/in/secret-of-the-path?token=secret")

    trace, _ = RequestTraces(recorder.tracer).begin_request(
        request, "billing", Received([event(sample, 1)], []), seconds=0.0, is_continued=True
    )

    assert trace is not None
    trace.end(503, "overloaded")
    (arrival,) = recorder.spans("PUT /in/*")
    assert arrival.attributes["router.source"] == "billing"
    assert arrival.attributes["error.type"] == "overloaded"
    assert "secret" not in str(recorder.spans())
