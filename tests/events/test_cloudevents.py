"""Strict CloudEvents: the cases of the public conformance suite, the SDK, and further rules.

The ids of the cases are those of the conformance suite's JSON format; their content is written here.
"""

import base64
import string

import msgspec
import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from router.errors import EventError
from router.events.cloudevents import is_json
from router.events.decode import (
    decode_request,
    decode_strictly,
)
from router.events.model import document

MINIMAL = {
    "specversion": "1.0",
    "id": "minimal",
    "type": "io.cloudevents.test",
    "source": "https://cloudevents.io",
}


def changed(**changes: object) -> bytes:
    """Return the minimal event with changes; ``...`` removes a member."""
    event = {**MINIMAL, **changes}
    return msgspec.json.encode({name: value for name, value in event.items() if value is not ...})


def rejection(body: bytes) -> tuple[str, str]:
    with pytest.raises(EventError) as caught:
        decode_strictly(body, received_at=1.0, max_events=10)
    return caught.value.path, caught.value.message


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="validMinimal"),
        pytest.param(
            dict.fromkeys(["datacontenttype", "dataschema", "subject", "time"]),
            id="validMinimalWithNullForOptional",
        ),
        pytest.param(
            {
                "datacontenttype": "text/plain",
                "dataschema": "https://cloudevents.io/dataschema",
                "subject": "tests",
                "time": "2018-04-05T17:31:00Z",
            },
            id="validAllCoreAttributes",
        ),
        pytest.param(
            {"time": "2018-04-05T17:31:00.000000000Z"}, id="validMinimalWithTimeToNanosecondsUtc"
        ),
        pytest.param(
            {"time": "2018-04-05T18:31:00+01:00"}, id="validMinimalWithTimeUsingPositiveOffset"
        ),
        pytest.param(
            {"time": "2018-04-05T16:31:00-01:00"}, id="validMinimalWithTimeUsingNegativeOffset"
        ),
        pytest.param({"source": "#fragment"}, id="validRelativeSource"),
        pytest.param(
            {"datacontenttype": "text/plain", "data": "Simple text"}, id="validSimpleTextData"
        ),
        pytest.param(
            {
                "extinteger": 10,
                "extboolean": True,
                "extstring": "text",
                "exturi": "https://cloudevents.io",
                "exturiref": "//authority/path",
                "exttimestamp": "2023-03-31T15:12:00Z",
                "extbinary": "TWE=",
            },
            id="validAllExtensionTypes",
        ),
        pytest.param({"data": None, "data_base64": "TWE="}, id="null-data-is-absent"),
        pytest.param({"data": {"a": 1}, "data_base64": None}, id="null-base64-is-absent"),
        pytest.param({"myext": None}, id="null-extension"),
        pytest.param({"myext": -(2**31)}, id="smallest-integer"),
        pytest.param({"subject": "Über 🦉"}, id="any-unicode"),
    ],
)
def test_valid_events_are_accepted_unchanged(changes: dict[str, object]) -> None:
    body = changed(**changes)

    (event,) = decode_strictly(body, received_at=1.0, max_events=1)

    assert event.body == body


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        pytest.param({"specversion": ...}, "$", id="invalidNoSpecVersion"),
        pytest.param({"id": ...}, "$", id="invalidNoId"),
        pytest.param({"type": ...}, "$", id="invalidNoType"),
        pytest.param({"source": ...}, "$", id="invalidNoSource"),
        pytest.param({"time": "lunchtime"}, "$.time", id="invalidTimeGarbage"),
        pytest.param({"time": "2018-04-05T18:31Z"}, "$.time", id="invalidTimeToMinute"),
        pytest.param({"time": "2018-04-05T18:31:00X"}, "$.time", id="invalidTimeOffsetX"),
        pytest.param({"time": "2018-04-05T18:31:00+25:00"}, "$.time", id="invalidTimeOffsetRange"),
        pytest.param({"time": "2018-04-05T18:31:00+xx:00"}, "$.time", id="invalidTimeOffsetXx"),
        pytest.param({"time": "2018-04-05T18:31:00+05"}, "$.time", id="invalidTimeOffsetHourOnly"),
        pytest.param({"id": ""}, "$.id", id="invalidEmptyId"),
        pytest.param({"type": ""}, "$.type", id="invalidEmptyType"),
        pytest.param({"source": ""}, "$.source", id="invalidEmptySource"),
        pytest.param({"specversion": ""}, "$.specversion", id="invalidEmptySpecVersion"),
        pytest.param({"specversion": "0.9"}, "$.specversion", id="invalidUnknownSpecVersion"),
        pytest.param(
            {"datacontenttype": "xyz"}, "$.datacontenttype", id="invalidNonRfc2046DataContentType"
        ),
        pytest.param(
            {"datacontenttype": ""}, "$.datacontenttype", id="invalidEmptyDataContentType"
        ),
        pytest.param({"dataschema": ""}, "$.dataschema", id="invalidEmptyDataSchema"),
        pytest.param({"subject": ""}, "$.subject", id="invalidEmptySubject"),
        pytest.param({"id": 25}, "$.id", id="invalidNumericId"),
        pytest.param({"id": {"xyz": "abc"}}, "$.id", id="invalidObjectId"),
        pytest.param({"MyExtension": "bad"}, "$.MyExtension", id="invalidCapitalizedExtension"),
        pytest.param({"my.extension": "bad"}, "$.my.extension", id="invalidPunctuatedExtension"),
        pytest.param({"myext": 1.5}, "$.myext", id="invalidNonIntegerExtensionValue"),
        pytest.param(
            {"data": "text", "data_base64": "TWE="},
            "$.data_base64",
            id="invalidBothDataAndDataBase64",
        ),
        pytest.param({"myext": [1]}, "$.myext", id="array-extension"),
        pytest.param({"myext": 2**31}, "$.myext", id="integer-over-32-bits"),
        pytest.param({"subject": "a\nb"}, "$.subject", id="control-character"),
        pytest.param({"id": "a\0b"}, "$", id="nul"),
        pytest.param({"dataschema": "relative"}, "$.dataschema", id="relative-schema"),
        pytest.param({"data_base64": "T?"}, "$.data_base64", id="no-base64"),
        pytest.param({"data_base64": 5}, "$.data_base64", id="number-as-base64"),
        pytest.param({"time": 5}, "$.time", id="number-as-time"),
    ],
)
def test_invalid_events_are_rejected_with_the_path(changes: dict[str, object], path: str) -> None:
    assert rejection(changed(**changes))[0] == path


@pytest.mark.parametrize(
    ("batch", "path"),
    [
        ([{}, {"specversion": "0.9"}], "$[1].specversion"),
        ([{"id": ...}], "$[0]"),
        ([{}, {"time": "noon"}], "$[1].time"),
    ],
)
def test_invalid_batches_are_rejected_with_the_path(
    batch: list[dict[str, object]], path: str
) -> None:
    body = b"[" + b",".join(changed(**changes) for changes in batch) + b"]"

    assert rejection(body)[0] == path


def test_a_batch_of_other_values_is_rejected() -> None:
    assert rejection(b'["not an object",' + changed() + b"]")[0] == "$[0]"


@pytest.mark.parametrize(
    "changes",
    [
        {"datacontenttype": "2025-10-08T07:17:02.363Z"},
        {"time": "yesterday"},
        {"Account": {"sid": "AC1"}},
    ],
)
def test_twilios_events_are_accepted_as_twilio_writes_them(changes: dict[str, object]) -> None:
    body = changed(type="com.twilio.voice.insights.call-summary.complete", **changes)

    assert len(decode_strictly(body, received_at=1.0, max_events=1)) == 1


def test_an_envelope_from_twilio_is_enough() -> None:
    received = decode_request(changed(time="noon"), received_at=1.0, max_events=1)

    assert len(received.events) == 1


@pytest.mark.parametrize(
    ("content_type", "packed", "seen"),
    [
        ("application/json", b'{"a":1}', {"a": 1}),
        ("application/vnd.api+json; charset=utf-8", b"[1]", [1]),
        ("text/plain", "Über".encode(), "Über"),
        ("image/png", b"\x89PNG", None),
        (None, b"{}", None),
    ],
)
def test_conditions_see_decoded_base64(
    content_type: str | None, packed: bytes, seen: object
) -> None:
    body = changed(datacontenttype=content_type, data_base64=base64.b64encode(packed).decode())

    (event,) = decode_strictly(body, received_at=1.0, max_events=1)

    assert document(event).get("data") == seen


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/json", True),
        ("TEXT/JSON; charset=utf-8", True),
        ("application/problem+json", True),
        ("application/jsonlines", False),
        ("json", False),
    ],
)
def test_json_is_recognized_by_the_media_type(content_type: str, expected: bool) -> None:  # noqa: FBT001
    assert is_json(content_type) is expected


texts = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), min_size=1, max_size=20)
names = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=12).filter(
    lambda name: name not in {*MINIMAL, "time", "subject", "dataschema", "datacontenttype", "data"}
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(
    attributes=st.fixed_dictionaries({"id": texts, "source": texts, "type": texts}),
    subject=st.none() | texts,
    extensions=st.dictionaries(
        names, texts | st.booleans() | st.integers(-(2**31), 2**31 - 1), max_size=4
    ),
    data=st.none() | st.dictionaries(texts, json_values, min_size=1, max_size=3) | st.binary(),
)
def test_events_of_the_sdk_are_accepted_and_stored_events_are_readable_by_the_sdk(
    attributes: dict[str, str],
    subject: str | None,
    extensions: dict[str, object],
    data: dict[str, object] | bytes | None,
) -> None:
    optional = {} if subject is None else {"subject": subject}
    sent = CloudEvent({**attributes, **optional, **extensions}, data)

    (event,) = decode_strictly(JSONFormat().write(sent), received_at=1.0, max_events=1)
    kept = JSONFormat().read(None, event.body)

    assert (event.id, event.source, event.type) == tuple(
        attributes[n] for n in ("id", "source", "type")
    )
    assert kept.get_attributes() == sent.get_attributes()
    assert kept.get_data() == sent.get_data()
