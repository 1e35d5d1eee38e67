"""The bytes of a request become events, or an error with its path."""

import msgspec
import pytest

from router.errors import EventError, EventsTooLargeError
from router.events.decode import (
    decode_request,
    decode_strictly,
)
from router.events.model import (
    Event,
    document,
)

MINIMAL = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}


def strictly(body: bytes) -> list[Event]:
    return decode_strictly(body, received_at=1.0, max_events=10)


def encoded(**changes: object) -> bytes:
    return msgspec.json.encode({**MINIMAL, **changes})


def deep(levels: int) -> object:
    value: object = 1
    for _ in range(levels - 1):
        value = [value]
    return value


@pytest.mark.parametrize("kind", ["complete", "partial"])
def test_twilios_documented_example_is_accepted_unchanged(
    kind: str, request: pytest.FixtureRequest
) -> None:
    folder = request.path.parents[1] / "data"
    body = (folder / f"conference-summary-{kind}.json").read_bytes()

    (event,) = strictly(body)

    assert event.type == f"com.twilio.voice.insights.conference-summary.{kind}"
    assert (event.id, event.source) == (
        "NO00000000000000000000000001",
        "AB00000000000000000000000001",
    )
    assert event.time == ""
    assert event.body == body


def test_the_original_bytes_of_each_event_are_kept() -> None:
    odd = b'{ "type":"t", "id":"1","source":"/s","specversion":"1.0","x":1.50, "data":[1 ,2]}'

    received = decode_request(
        b"[" + odd + b" , " + encoded(id="2") + b"]", received_at=1.0, max_events=2
    )

    assert [event.body for event in received.events] == [odd, encoded(id="2")]


@pytest.mark.parametrize(
    "body", [encoded(), b"  \n" + encoded(), b" [" + encoded() + b"]\n"], ids=repr
)
def test_one_event_or_an_array_is_accepted(body: bytes) -> None:
    assert [event.id for event in strictly(body)] == ["1"]


@pytest.mark.fault_row(38, 39)
@pytest.mark.parametrize(
    ("body", "code", "path", "message"),
    [
        (b"", "not_json", "$", "ends too early"),
        (b"{", "not_json", "$", "ends too early"),
        (b"[{]", "not_json", "$", "malformed"),
        (b"\xef\xbb\xbf" * 2 + encoded(), "not_json", "$", "malformed"),
        (encoded() + b"x", "not_json", "$", "trailing"),
        (b'{"id":"\xff"}', "not_json", "", "not UTF-8: invalid start byte at byte 7"),
        (encoded()[:-1] + b',"x":"\xff"}', "not_json", "", "not UTF-8"),
        (b"[" * 100_000, "not_json", "$", "nested too deeply"),
        (b"{" * 100_000, "not_json", "$", "malformed"),
        (b'{"data":' * 50_000, "not_json", "$", "nested too deeply"),
        (encoded()[:-1] + b',"data":NaN}', "not_json", "$", "malformed"),
        (encoded()[:-1] + b',"data":1e400}', "not_json", "$", "out of range"),
        (encoded()[:-1] + b',"data":' + b"9" * 5000 + b"}", "not_json", "$", "out of range"),
        (encoded()[:-1] + b',"data":"\\ud80"}', "not_json", "$", "malformed"),
        (b"5", "not_a_cloudevent", "$", "expected a JSON object"),
        (b'"text"', "not_a_cloudevent", "$", "expected a JSON object"),
        (b"{}", "not_a_cloudevent", "$", "missing required field `specversion`"),
        (encoded(specversion="0.3"), "not_a_cloudevent", "$.specversion", "'0.3'"),
        (encoded(x=[[]] * 3)[:-1] + b',"y":1e400}', "not_json", "$", "out of range"),
        (encoded(data=deep(65)), "not_a_cloudevent", "$", "nested too deeply, at most 64"),
        (encoded(id=""), "not_a_cloudevent", "$.id", "length >= 1"),
        (encoded(id="x" * 2049), "not_a_cloudevent", "$.id", "length <= 2048"),
        (encoded(source=5), "not_a_cloudevent", "$.source", "got `int`"),
        (encoded(type=None), "not_a_cloudevent", "$.type", "got `null`"),
        (b"[" + encoded() + b",{}]", "not_a_cloudevent", "$[1]", "missing required field"),
        (b"[" + encoded() + b"," + encoded(id=7) + b"]", "not_a_cloudevent", "$[1].id", "`int`"),
        (b"[[]]", "not_a_cloudevent", "$[0]", "Expected `object`, got `array`"),
    ],
)
def test_invalid_input_is_rejected_with_message_and_path(
    body: bytes, code: str, path: str, message: str
) -> None:
    """Mutants: events have no limits of depth and members; UTF-8 is checked in known fields only."""
    with pytest.raises(EventError, match=message) as caught:
        strictly(body)
    assert caught.value.code == code
    assert caught.value.path.startswith(path)


@pytest.mark.parametrize("strange", ["specversion", "time"])
def test_a_message_is_short_whatever_it_quotes(strange: str) -> None:
    with pytest.raises(EventError) as caught:
        strictly(encoded(**{strange: "x" * 100_000}))

    assert len(caught.value.message) <= 200


def test_too_many_events_are_too_large() -> None:
    body = b"[" + b",".join([encoded()] * 11) + b"]"

    with pytest.raises(EventsTooLargeError, match="11 events in one request, at most 10"):
        strictly(body)


def test_a_malformed_event_does_not_fail_its_neighbours() -> None:
    body = b"[" + encoded(id="a") + b',{"id":"b"},' + encoded(id="c") + b"]"

    received = decode_request(body, received_at=1.0, max_events=10)

    assert [event.id for event in received.events] == ["a", "c"]
    assert [(item.path, item.body) for item in received.malformed] == [("$[1]", b'{"id":"b"}')]


def test_events_with_equal_source_and_id_have_equal_keys() -> None:
    keys = {event.key for event in strictly(b"[" + encoded() + b"," + encoded(subject="t") + b"]")}

    assert len(keys) == 1


@pytest.mark.parametrize("change", [{"id": "2"}, {"source": "/other"}])
def test_events_of_another_id_or_source_have_other_keys(change: dict[str, str]) -> None:
    assert strictly(encoded())[0].key != strictly(encoded(**change))[0].key


def test_two_tests_of_a_twilio_sink_are_two_events() -> None:
    test = {"type": "com.twilio.eventstreams.test-event", "source": "Sink", "id": "AC1"}

    one = strictly(encoded(**test, data={"test_id": "t-1"}))[0]
    two = strictly(encoded(**test, data={"test_id": "t-2"}))[0]

    assert one.key != two.key


@pytest.mark.parametrize("content_type", [None, "text/plain", "2025-10-08T07:17:02.363Z"])
def test_data_that_is_other_text_stays_text(content_type: str | None) -> None:
    body = encoded(data='{"a": 1}', datacontenttype=content_type)
    (event,) = decode_request(body, received_at=1.0, max_events=1).events

    assert document(event)["data"] == '{"a": 1}'


def test_unknown_attributes_and_types_are_accepted() -> None:
    (event,) = strictly(encoded(type="org.example.anything", traceparent="00-x", data=[1, None]))

    assert document(event)["traceparent"] == "00-x"
    assert document(event)["data"] == [1, None]
