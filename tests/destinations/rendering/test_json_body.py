"""HTTP bodies in each form, without a request."""

import msgspec
import pytest

from router.alerts import AlertKey, AlertStatus, Measurement
from router.destinations.contract import Links
from router.destinations.rendering.json_body import Body, Format, alert_body, batch_body
from router.media_types import CLOUDEVENT, CLOUDEVENT_BATCH, JSON

LINKS = Links(show="https://r.example/alerts/1")


def with_alert(delivery, **values):
    alert = msgspec.structs.replace(delivery.alert, **values)
    return msgspec.structs.replace(delivery, alert=alert)


@pytest.mark.parametrize(
    ("form", "content_type"),
    [
        (Format.JSON, JSON),
        (Format.CLOUDEVENTS, CLOUDEVENT),
        (Format.CLOUDEVENTS_BINARY, JSON),
        (Format.EVENT, CLOUDEVENT),
    ],
)
def test_each_form_has_its_content_type_and_is_the_same_for_each_attempt(
    form, content_type, delivery
):
    later = msgspec.structs.replace(delivery, attempt=7)
    assert alert_body(delivery, form, LINKS).content_type == content_type
    assert alert_body(delivery, form, LINKS) == alert_body(later, form, LINKS)


def test_the_event_alone_is_what_was_received(delivery):
    odd = with_alert(delivery, event=b'{ "n": 1.10 }')
    assert alert_body(odd, Format.EVENT, LINKS).content == b'{ "n": 1.10 }'


def test_structured_and_binary_mode_have_the_same_attributes_and_data(delivery):
    keyed = with_alert(delivery, key=AlertKey("ak_1"), status=AlertStatus.RESOLVED)
    structured = msgspec.json.decode(alert_body(keyed, Format.CLOUDEVENTS, LINKS).content)
    binary = alert_body(keyed, Format.CLOUDEVENTS_BINARY, LINKS)
    assert structured.pop("data") == msgspec.json.decode(binary.content)
    assert structured.pop("datacontenttype") == binary.content_type
    assert {f"ce-{name}": value for name, value in structured.items()} == dict(binary.headers)
    assert binary.headers["ce-type"] == "event-router.alert.resolved"
    assert binary.headers["ce-subject"] == "ak_1"
    assert binary.headers["ce-id"] == delivery.id


@pytest.mark.parametrize(
    ("source", "encoded"),
    [("a b", "a%20b"), ('"', "%22"), ("100%", "100%25"), ("ü", "%C3%BC"), ("/x;y=1", "/x;y=1")],
)
def test_header_values_of_the_binary_mode_are_encoded(source, encoded, delivery):
    body = alert_body(with_alert(delivery, rule=source), Format.CLOUDEVENTS_BINARY, LINKS)
    assert body.headers["ce-rule"] == encoded


def test_a_failing_summary_is_reported_and_loses_no_body(delivery):
    body = alert_body(with_alert(delivery, summary="{{ data.no }}"), Format.JSON, LINKS)
    assert len(body.errors) == 1
    assert "there is no 'no'" in body.errors[0]
    assert msgspec.json.decode(body.content)["alert"]["id"] == delivery.alert.id


@pytest.mark.parametrize(
    ("bodies", "content", "errors"),
    [
        ([], b"[]", ()),
        ([Body(b"{}", CLOUDEVENT)], b"[{}]", ()),
        (
            [Body(b"1", CLOUDEVENT, {}, ("a",)), Body(b"2", CLOUDEVENT, {}, ("b",))],
            b"[1,2]",
            ("a", "b"),
        ),
    ],
)
def test_a_batch_is_an_array_of_its_bodies(bodies, content, errors):
    assert batch_body(bodies) == Body(content, CLOUDEVENT_BATCH, {}, errors)


@pytest.mark.parametrize("form", list(Format))
def test_what_a_receiver_does_not_take_is_left_out_the_least_important_first(form, delivery):
    """Case D27: ``max_body`` sends the page without its appendix."""
    event = msgspec.json.encode(
        {"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": {"x": "y" * 20_000}}
    )
    large = with_alert(delivery, event=event, description="d" * 3000, values={"v": "w" * 9000})
    sizes = []
    for limit, left_out in [
        (None, ""),
        (100_000, ""),
        (30_000, "event.data"),
        (8_000, "event.data, members, values"),
        (2_000, "event.data, members, values, event, labels, description"),
    ]:
        body = alert_body(large, form, LINKS, limit)
        sizes.append(len(body.content))
        content = msgspec.json.decode(body.content)
        if form is Format.EVENT:
            assert ("data" in content) is (limit is None or limit > 20_100)
            assert ("router-left-out" in body.headers) is not ("data" in content)
            assert content["id"] == "1"
            continue
        assert body.headers.get("router-left-out", "") == left_out
        alert = content.get("data", content)["alert"]
        assert alert["id"] == large.alert.id
        assert alert["summary"]
        assert ", ".join(alert.get("left_out", [])) == left_out
        assert limit is None or len(body.content) <= limit
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize(
    ("measure", "shown"),
    [
        (None, None),
        (
            Measurement(value=0.08, of=41, total=512, text="41 of 512 in the last 10m, 8.0 %"),
            {"value": 0.08, "of": 41, "total": 512, "text": "41 of 512 in the last 10m, 8.0 %"},
        ),
        (
            Measurement(value=31.25, total=40, text="avg 31.25 of 40 events in the last 5m"),
            {
                "value": 31.25,
                "of": None,
                "total": 40,
                "text": "avg 31.25 of 40 events in the last 5m",
            },
        ),
    ],
)
def test_the_body_has_what_was_measured(delivery, measure, shown):
    measured = with_alert(delivery, measure=measure)

    body = msgspec.json.decode(alert_body(measured, Format.JSON, LINKS).content)

    assert body["alert"].get("measure") == shown
