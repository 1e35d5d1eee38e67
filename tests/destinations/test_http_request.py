"""Requests in the receiver's own form: method, URL, headers, content type, body and form."""

import base64

import msgspec
import pytest
from contracts.destination import PLANTED, attempt
from support.sinks import HttpSink, Reply

from router.alerts import AlertKey, Delivered, Refused
from router.datatypes import decode_value
from router.destinations.contract import Links
from router.destinations.http import HttpDestination
from router.destinations.kinds import KINDS

HOSTILE = "a/b?c#d%2F&e=\r\nX-Evil: 1\u2028\u20ac ../\x00"


def made(keys, environment, url="https://h/"):
    config = msgspec.convert({"url": url} | keys, KINDS["http"].config, dec_hook=decode_value)
    return HttpDestination("x", config, environment)


@pytest.fixture
def told(delivery):
    """A delivery whose event has a hostile name."""
    event = {"id": "1", "type": "t", "data": {"name": HOSTILE, "sid": "CF1", "tags": ["a", "b"]}}
    alert = msgspec.structs.replace(
        delivery.alert,
        event=msgspec.json.encode(event),
        key=AlertKey("ak_1"),
        summary="{{ data.sid }} is down",
        labels={"team": "voice"},
    )
    return msgspec.structs.replace(delivery, alert=alert)


@pytest.fixture
def sent(environment, told):
    """Return the request that arrives for these keys of the destination."""

    async def send(keys, path="/hook", delivery=told):
        async with HttpSink() as sink:
            url = sink.url.replace("/hook", path)
            outcome = await attempt(made(keys, environment, url), delivery)
        assert outcome == Delivered(200)
        return sink.requests[0]

    return send


ENCODED = "a%2Fb%3Fc%23d%252F%26e%3D%20X-Evil%3A%201%20%E2%82%AC%20..%2F%20"


@pytest.mark.parametrize(
    ("path", "arrived"),
    [
        ("/alerts/{{ alert.key }}", "/alerts/ak_1"),
        ("/a/{{ data.name }}/x?n={{ data.name }}&s=1", f"/a/{ENCODED}/x?n={ENCODED}&s=1"),
        ("/a?sig=a%2Bb%3D&k={{ alert.key }}&u=%7E", "/a?sig=a%2Bb%3D&k=ak_1&u=%7E"),
        ("?k={{ alert.key }}", "/?k=ak_1"),
        ("/{{ 'up' if alert.status == 'resolved' else 'down' }}/", "/down/"),
        ("/x{% if data.sid %}/{{ data.sid }}{% endif %}", "/x/CF1"),
        ("/{{ alert.labels.team }}?tags={{ data.tags }}", "/voice?tags=%5B%22a%22%2C%22b%22%5D"),
        ("/d/{{ alert.delivery }}", None),
        ("/x?q={a}", "/x?q={a}"),
    ],
)
async def test_a_url_is_filled_in_and_its_values_are_encoded(path, arrived, sent, told):
    """Case D23: ``url: "https://h/alerts/{{ alert.key }}"``."""
    request = await sent({}, path)
    assert request.path == (arrived or f"/d/{told.id}")
    assert "x-evil" not in request.headers


async def test_headers_are_filled_in_and_stay_one_line_of_ascii(sent):
    """Case D23: ``headers: {X-Key: "{{ alert.key }}"}``."""
    request = await sent(
        {
            "headers": {
                "X-Key": "{{ alert.key }}",
                "X-Name": "n {{ data.name }}",
                "X-Summary": "{{ alert.summary }}",
                "X-Braces": "{a}",
                "X-Empty": "{{ '' }}",
            }
        }
    )
    assert request.headers["x-key"] == "ak_1"
    assert request.headers["x-name"] == "n a/b?c#d%2F&e= X-Evil: 1 %E2%82%AC ../"
    assert request.headers["x-summary"] == "CF1 is down"
    assert request.headers["x-braces"] == "{a}"
    assert not {"x-evil", "x-empty"} & request.headers.keys()


async def test_a_header_that_fails_is_left_out_and_reported(sent, template_errors):
    """Case D23: a template error loses no alert."""
    request = await sent({"headers": {"X-A": "{{ data.no.such }}", "X-B": "{{ alert.key }}"}})
    assert "x-a" not in request.headers
    assert request.headers["x-b"] == "ak_1"
    (error,) = template_errors
    assert "headers.X-A" in error


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/alerts/{{ data.many * 2 }}", "the template of url failed"),
        ("/alerts/{{ data.no.such }}", "the template of url failed"),
        ("/alerts/{{ data.dots }}/x", "the template of url made a path with dots"),
        ("/alerts/{{ data.dot }}{{ data.dot }}", "the template of url made a path with dots"),
        ("/{% for each in data.many %}{{ each }}{% endfor %}", "made more than 16384 characters"),
    ],
)
async def test_a_url_that_cannot_be_made_is_a_dead_letter_with_its_reason(
    path, reason, environment, delivery, template_errors
):
    """Case D23: no request is made to what the URL is not about."""
    data = {"dots": "..", "dot": ".", "many": ["x" * 1000] * 30}
    alert = msgspec.structs.replace(delivery.alert, event=msgspec.json.encode({"data": data}))
    delivery = msgspec.structs.replace(delivery, alert=alert)
    async with HttpSink() as canary:
        destination = made({}, environment, canary.url.replace("/hook", path))
        outcome = await attempt(destination, delivery)
        assert canary.connections == 0
    assert isinstance(outcome, Refused)
    assert (outcome.status, outcome.of_delivery) == (None, True)
    assert reason in outcome.reason
    assert not outcome.blames_destination  # an event's text must not pause the destination
    assert any(": url of event" in error for error in template_errors) is ("failed" in reason)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_methods_with_a_body(method, sent):
    """Case D27."""
    request = await sent({"method": method})
    assert request.method == method
    assert request.json()["alert"]["key"] == "ak_1"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_methods_without_a_body(method, sent):
    """Case D27: GET to a URL that says it all."""
    request = await sent({"method": method, "signing_secret": "x"}, "/ping/{{ alert.key }}")
    assert (request.method, request.path, request.body) == (method, "/ping/ak_1", b"")
    assert "content-type" not in request.headers
    assert request.headers["webhook-signature"].startswith("v1,")


async def test_an_sms_by_twilios_own_api(sent):
    """Case D27: a form body with basic authorization."""
    request = await sent(
        {
            "basic": {"user": "AC1", "password": "t0ken"},
            "form": {
                "To": "+15551230001",
                "From": "+15551230002",
                "Body": "{{ alert.summary }} & so",
            },
            "success": {"status": [201, 200]},
        },
        "/2010-04-01/Accounts/AC1/Messages.json",
    )
    assert request.body == b"To=%2B15551230001&From=%2B15551230002&Body=CF1+is+down+%26+so"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.headers["authorization"] == ("Basic " + base64.b64encode(b"AC1:t0ken").decode())


@pytest.mark.parametrize(
    ("keys", "content_type", "body"),
    [
        ({"body": "{{ alert.summary }}!\n"}, "text/plain; charset=utf-8", b"CF1 is down!"),
        (
            {"body": '{"t": "{{ data.sid }}"}', "content_type": "application/json"},
            "application/json",
            b'{"t": "CF1"}',
        ),
        (
            {"body": ["{{ data.sid }}", {"n": "{{ alert.count }}"}]},
            "application/json",
            b'["CF1",{"n":1}]',
        ),
        ({"body": [{"labels": {"a": "b"}}]}, "application/json", b'[{"labels":{"a":"b"}}]'),
        (
            {"body": {"x": 1}, "content_type": "application/vnd.api+json"},
            "application/vnd.api+json",
            b'{"x":1}',
        ),
        ({"body": ""}, "text/plain; charset=utf-8", b""),
    ],
)
async def test_text_and_list_bodies_and_content_types(keys, content_type, body, sent):
    """Case D27."""
    request = await sent(keys)
    assert (request.headers["content-type"], request.body) == (content_type, body)


@pytest.mark.parametrize(
    ("body", "made"),
    [
        ('{"t": {{ data.tags }}}', {"t": ["a", "b"]}),
        ('{"t": {{ data.tags | tojson }}}', {"t": ["a", "b"]}),
        ('{"t": "{{ data.tags | tojson }}"}', {"t": '["a","b"]'}),
        ('{"t": "so: \\" {{ data.tags }}"}', {"t": 'so: " ["a","b"]'}),
        ('{"n": {{ data.name | tojson }}, "s": "{{ data.sid }}"}', {"n": HOSTILE, "s": "CF1"}),
        ('["{{ data.comma | tojson }}"]', ['",1,"']),
        ('{"d": {{ data }}}', {"d": None}),
        ('{"l": {{ alert.labels }}, "c": {{ alert.count }}}', {"l": {"team": "voice"}, "c": 1}),
        ("[{% for t in data.tags %}{{ t | tojson }},{% endfor %}0]", ["a", "b", 0]),
        ('{"x": {{ data.long | tojson }}}', {"x": "x" * 5000}),
        ('{"m": {{ data.tags | tojson | length }}}', {"m": 9}),
    ],
)
async def test_json_in_a_text_of_json_keeps_its_type_and_its_place(
    body, made, sent, told, template_errors
):
    """Case D27: lists, objects and ``tojson`` bare and within quotes."""
    data = msgspec.json.decode(told.alert.event)["data"]
    data |= {"comma": ",1,", "long": "x" * 5000}
    event = msgspec.json.encode({"id": "1", "type": "t", "data": data})
    told = msgspec.structs.replace(told, alert=msgspec.structs.replace(told.alert, event=event))
    expected = {"d": data} if made == {"d": None} else made
    request = await sent({"body": body, "content_type": "application/json"}, delivery=told)
    assert template_errors == []
    assert request.json() == expected


async def test_the_event_alone_may_have_another_content_type(sent):
    request = await sent({"format": "event", "content_type": "application/json"})
    assert request.headers["content-type"] == "application/json"


async def test_a_page_is_sent_without_its_appendix(environment, delivery):
    """Case D27: ``max_body``."""
    event = b'{"id":"1","type":"t","data":{"x":"%b"}}' % (b"y" * 100_000)
    alert = msgspec.structs.replace(delivery.alert, event=event)
    delivery = msgspec.structs.replace(delivery, alert=alert)
    async with HttpSink() as sink:
        outcome = await attempt(made({"max_body": "16KiB"}, environment, sink.url), delivery)
    assert outcome == Delivered(200)
    (request,) = sink.requests
    assert request.json()["alert"]["left_out"] == ["event.data"]
    assert request.json()["event"] == {"id": "1", "type": "t"}
    assert request.headers["router-left-out"] == "event.data"


async def test_what_templates_made_of_secrets_is_removed_from_a_reply(environment, told):
    """Case D23: a reply that repeats the URL, a header and a field tells no secret."""
    keys = {
        "headers": {"Authorization": "Token " + PLANTED + " {{ alert.key }}"},
        "form": {"token": PLANTED, "message": "{{ alert.key }}"},
    }
    echo = f"no {PLANTED} at /{PLANTED}/ak_1: Token {PLANTED} ak_1"
    async with HttpSink(Reply(400, echo.encode())) as sink:
        url = sink.url.replace("hook", PLANTED + "/{{ alert.key }}")
        destination = made(keys, environment, url)
        outcome = await attempt(destination, told)
        shown = destination.preview(told)
    assert isinstance(outcome, Refused)
    assert PLANTED[:10] not in repr(outcome)
    assert PLANTED[:10] not in repr((shown, destination.config))


def test_a_preview_shows_the_request_without_secrets(environment, told):
    """Case D23: ``router preview`` and captures show what would be sent."""
    environment = msgspec.structs.replace(environment, links=lambda _: Links())
    keys = {
        "method": "PUT",
        "headers": {
            "X-Key": "{{ alert.key }}",
            "X-Secret": "s3cret",
            "X-Both": "secret-9 {{ alert.key }}",
        },
        "form": {"token": "t0ken", "text": "New: {{ alert.summary }}"},
    }
    url = "https://h.example:8443/v1/s3cr3tt0ken/{{ alert.key }}?a={{ data.sid }}"
    preview = made(keys, environment, url).preview(told)
    headers = dict(preview.headers)
    assert headers["method"] == "PUT"
    assert headers["url"] == "https://h.example:8443/v1/***/ak_1?a=CF1"
    assert headers["x-key"] == "ak_1"
    assert headers["x-secret"] == "***"
    assert headers["x-both"] == "*** ak_1"
    assert preview.body == "token=***&text=New%3A+CF1+is+down"
    constant = dict(made({}, environment, "https://h/t0ken?x=y").preview(told).headers)
    assert constant["url"] == "https://h/***"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"url": "https://{{ data.host }}/x"}, "template in its scheme, host or port"),
        ({"url": "{{ data.url }}"}, "template in its scheme, host or port"),
        ({"url": "https://h{{ data.x }}"}, "template in its scheme, host or port"),
        ({"url": "https://h:{{ data.port }}/"}, "template in its scheme, host or port"),
        ({"url": "https://{{ data.user }}@h/"}, "template in its scheme, host or port"),
        ({"url": "{% if data.x %}https{% endif %}://h/"}, "template in its scheme, host or port"),
        ({"url": "https://h/{{ dta }}"}, "url: unknown name 'dta'"),
        ({"url": "https://h/{{ data. }}"}, "url: "),
        ({"url": "https://h/{{ alert.ky }}"}, "url: alert has no 'ky', did you mean 'key'?"),
        ({"url": "https://h/{{ alert['kee'] }}"}, "url: alert has no 'kee', did you mean 'key'?"),
        ({"headers": {"X-A": "{{ alert.summry }}"}}, "X-A: alert has no 'summry'"),
        ({"body": {"a": ["{{ alert.title }}"]}}, r"body: a\[0\]: alert has no 'title', there are"),
        ({"form": {"a": "{{ alert.delivry }}"}}, "form: a: alert has no 'delivry'"),
        ({"headers": {"X-A": "{{ dta }}"}}, "headers: X-A: unknown name 'dta'"),
        ({"headers": {"{{ data.x }}": "y"}}, "not allowed in a header"),
        ({"headers": {"Content-Type": "x/y"}}, "write content_type: … instead"),
        ({"headers": {"Router-Left-Out": "x"}}, "set by the router itself"),
        ({"content_type": "json"}, "is not a content type, write for example text/plain"),
        ({"content_type": "text/plain\r\nX: y"}, "is not a content type"),
        ({"content_type": "text/plain; charset=latin-1"}, "another charset than UTF-8"),
        ({"body": "{{ dta }}"}, "body: unknown name 'dta'"),
        ({"body": ["{{ dta }}"]}, r"body: \[0\]: unknown name 'dta'"),
        ({"form": {}}, "form has no fields"),
        ({"form": {"a": "{{ dta }}"}}, "form: a: unknown name 'dta'"),
        ({"form": {"a": "b"}, "body": "x"}, "body and form exclude each other"),
        ({"form": {"a": "b"}, "format": "event"}, "form and format exclude each other"),
        ({"form": {"a": "b"}, "content_type": "text/plain"}, "form has its own content type"),
        ({"method": "GET", "body": "x"}, "body and method GET exclude each other"),
        ({"method": "DELETE", "form": {"a": "b"}}, "form and method DELETE exclude each other"),
        ({"method": "TRACE"}, "Invalid enum value"),
        ({"max_body": 100}, "max_body must be at least 4096 bytes"),
        (
            {"batch": {}, "format": "event", "url": "https://h/{{ alert.key }}"},
            "batch sends many alerts in one request",
        ),
        (
            {"batch": {}, "format": "event", "headers": {"X": "{{ alert.key }}"}},
            "batch sends many alerts in one request",
        ),
        ({"batch": {}, "format": "event", "method": "GET"}, "exclude each other"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_what_would_be_right(keys, message):
    """Cases D23 and D27."""
    with pytest.raises(msgspec.ValidationError, match=message):
        msgspec.convert({"url": "https://h/"} | keys, KINDS["http"].config, dec_hook=decode_value)
