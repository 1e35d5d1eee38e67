"""HTTP bodies in each form, without a request."""

import msgspec
import pytest

from router.alerts import AlertKey, AlertStatus
from router.destinations.contract import Links
from router.destinations.rendering.json_body import (
    CLOUDEVENT,
    CLOUDEVENTS,
    JSON,
    Body,
    Format,
    alert_body,
    batch_body,
    check_template,
    template_body,
)

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
    assert batch_body(bodies) == Body(content, CLOUDEVENTS, {}, errors)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("plain", "plain"),
        (7, 7),
        (None, None),
        ("{{ alert.count }}", 5),
        ("{{ alert.count }} events", "5 events"),
        ("{{ data.status }}", "summary_timeout"),
        ("{{ alert.links.show }}", "https://r.example/alerts/1"),
        (["{{ alert.count }}", {"x": "{{ alert.severity }}"}], [5, {"x": "warning"}]),
        ("{{ data.no_such_field }}", None),
        ("{{ 1 // 0 }}", None),
        ('"}, {"', '"}, {"'),
    ],
)
def test_a_template_gives_values_with_their_types(template, expected, delivery):
    body = template_body(with_alert(delivery, count=5), {"x": template}, LINKS)
    assert msgspec.json.decode(body.content) == {"x": expected}


def test_a_failing_text_is_reported_with_its_path(delivery):
    body = template_body(delivery, {"a": [{"b": "{{ data.no }}"}]}, LINKS)
    (error,) = body.errors
    assert error.startswith("rule conference-summary-timeout: body.a[0].b of event NO0000")


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ({"x": "{{ data. }}"}, "body: x: "),
        ({"x": {"y": ["", "{{ dta }}"]}}, r"body: x\.y\[1\]: unknown name 'dta'"),
        ({str(number): "x" for number in range(201)}, "body: 201 texts, at most 200"),
    ],
)
def test_a_wrong_template_is_named(template, message):
    with pytest.raises(ValueError, match=message):
        check_template(template)


def test_texts_are_counted_at_every_depth_and_other_values_are_not():
    check_template({"x": ["{{ data }}"] * 200, "y": list(range(1000))})
    with pytest.raises(ValueError, match="201 texts"):
        check_template({"x": ["{{ data }}"] * 200, "y": {"z": "one more"}})
