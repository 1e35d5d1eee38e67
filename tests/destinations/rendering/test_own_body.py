"""URLs, headers and bodies in the receiver's own form, without a request."""

import msgspec
import pytest

from router.destinations.contract import Links
from router.destinations.rendering.json_body import Body
from router.destinations.rendering.own_body import (
    DeliveryTemplates,
    check_templates,
    form_body,
    json_template_body,
    text_template_body,
)

LINKS = Links(show="https://r.example/alerts/1")


def with_alert(delivery, **values):
    alert = msgspec.structs.replace(delivery.alert, **values)
    return msgspec.structs.replace(delivery, alert=alert)


def json_body(delivery, template, limit=None) -> tuple[Body, list[str]]:
    templates = DeliveryTemplates(delivery, LINKS)
    return json_template_body(templates, template, limit), templates.errors


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
    body, _ = json_body(with_alert(delivery, count=5), {"x": template})
    assert msgspec.json.decode(body.content) == {"x": expected}


def test_a_failing_text_is_reported_with_its_path(delivery):
    _, (error,) = json_body(delivery, {"a": [{"b": "{{ data.no }}"}]})
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
        check_templates(template)


def test_texts_are_counted_at_every_depth_and_other_values_are_not():
    check_templates({"x": ["{{ data }}"] * 200, "y": list(range(1000))})
    with pytest.raises(ValueError, match="201 texts"):
        check_templates({"x": ["{{ data }}"] * 200, "y": {"z": "one more"}})


@pytest.mark.parametrize(
    ("template", "content_type", "expected"),
    [
        ("A {{ data.x }}!", "text/plain", 'A <b>"1" & 2\u20ac</b>!'),
        ('{"t": "{{ data.x }}"}', "application/json", '{"t": "<b>\\"1\\" & 2\u20ac</b>"}'),
        ('{"t": {{ data.n }}}', "application/vnd.x+json; charset=utf-8", '{"t": 7}'),
        (
            "<t>{{ data.x }}</t>",
            "application/xml",
            "<t>&lt;b&gt;&quot;1&quot; &amp; 2\u20ac&lt;/b&gt;</t>",
        ),
        (
            "t={{ data.x }}",
            "application/x-www-form-urlencoded",
            "t=%3Cb%3E%221%22%20%26%202%E2%82%AC%3C%2Fb%3E",
        ),
        ("{{ data.no }}", "text/plain", "conference-summary-timeout: t"),
        ('{"t": "{{ data.no }}"}', "application/json", '{"text":"conference-summary-timeout: t"}'),
        ('{"t": {{ data.x }}}', "application/json", '{"text":"conference-summary-timeout: t"}'),
    ],
)
def test_the_values_of_a_text_are_escaped_for_its_content_type(
    template, content_type, expected, delivery
):
    """Case D27: text bodies."""
    event = {"type": "t", "data": {"x": '<b>"1" & 2\u20ac</b>', "n": 7}}
    made = with_alert(delivery, event=msgspec.json.encode(event), event_type="t", summary="s")
    templates = DeliveryTemplates(made, LINKS)
    body = text_template_body(templates, template, content_type, None)
    assert body.content.decode() == expected
    assert body.content_type == content_type
    assert bool(templates.errors) is ("conference-summary" in expected)


def test_a_form_is_encoded_and_a_field_that_fails_has_the_plain_summary(delivery):
    """Case D27: a form body."""
    made = with_alert(
        delivery,
        event=b'{"type":"t","data":{"x":"a&b=c \xe2\x82\xac"}}',
        event_type="t",
        summary="s",
    )
    templates = DeliveryTemplates(made, LINKS)
    body = form_body(
        templates, {"To": "+1555", "Body": "{{ data.x }}", "No": "{{ data.no }}"}, None
    )
    assert body.content == (
        b"To=%2B1555&Body=a%26b%3Dc+%E2%82%AC&No=conference-summary-timeout%3A+t"
    )
    assert body.content_type == "application/x-www-form-urlencoded"
    assert len(templates.errors) == 1


def test_own_bodies_are_cut_to_what_the_receiver_takes(delivery):
    """Case D27: ``max_body``."""
    event = msgspec.json.encode({"data": {"long": "\u20ac" * 1900, "list": ["x" * 100] * 100}})
    made = with_alert(delivery, event=event)
    template = {"id": "{{ alert.id }}", "long": "{{ data.long }}", "list": "{{ data.list }}"}
    body, _ = json_body(made, template, 4096)
    assert len(body.content) <= 4096
    assert msgspec.json.decode(body.content)["id"] == made.alert.id
    assert body.headers == {"router-left-out": "long values"}
    templates = DeliveryTemplates(made, LINKS)
    text = text_template_body(templates, "{{ data.long }}", "text/plain", 4096)
    assert len(text.content) <= 4096
    assert text.content.decode().startswith("\u20ac")
    form = form_body(templates, {"a": "{{ data.long }}"}, 4096)
    assert len(form.content) <= 4096
    assert (text.headers, form.headers) == (
        {"router-left-out": "the end"},
        {"router-left-out": "long values"},
    )
