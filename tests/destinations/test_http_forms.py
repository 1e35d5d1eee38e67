"""The requests of the kind http in each form, and their signatures."""

import json
import re
from typing import ClassVar
from urllib.parse import unquote

import msgspec
import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http
from cloudevents.core.formats.json import JSONFormat
from contracts.destination import PLANTED, ConnectingContract, attempt
from standardwebhooks import Webhook
from support.golden import golden
from support.sinks import HttpSink

from router.alerts import AlertId, AlertKey, AlertStatus, Delivered, Member
from router.datatypes import Duration, Secret
from router.destinations.contract import Links
from router.destinations.http import HttpDestination
from router.destinations.http_config import HttpConfig
from router.destinations.rendering.json_body import Format

SECRETS = ("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
LINKS = Links(acknowledge="https://r.example/a?s=1", show="https://r.example/alerts/1")


def config(port: int, **more: object) -> HttpConfig:
    return HttpConfig(url=Secret(f"http://127.0.0.1:{port}/hook"), **more)


@pytest.fixture
def send(environment):
    """Send one delivery with the given settings and return the request that arrived."""

    async def send_with(delivery, **settings):
        async with HttpSink() as sink:
            destination = HttpDestination("x", config(sink.port, **settings), environment)
            assert await attempt(destination, delivery) == Delivered(200)
        (request,) = sink.requests
        return request

    return send_with


@pytest.fixture
def rich(delivery):
    """A delivery with everything that an alert may carry."""
    alert = msgspec.structs.replace(
        delivery.alert,
        key=AlertKey("ak_0123456789abcdef01234567"),
        status=AlertStatus.RESOLVED,
        labels={"team": "voice", "tier": "gold"},
        values={"customer": {"name": "Owl & Sons", "seats": 40}},
        count=5,
        held_back=3,
        members=(
            Member(
                id=AlertId("al_2"),
                event_id="NO2",
                raised_at=1_700_000_060.0,
                summary="Another one",
            ),
        ),
        grouped=2,
        escalation=1,
        since=delivery.alert.raised_at - 7800,
        held_because=("muted", "cooldown"),
        reminder=2,
    )
    return msgspec.structs.replace(delivery, alert=alert)


class _Contract(ConnectingContract):
    sends_events = True

    flood_beginning = b"HTTP/1.1 500 Oh\r\nContent-Length: 10485760\r\n\r\n"
    greeting = b"HTTP"
    settings: ClassVar[dict[str, object]] = {}

    def accepting(self):
        return HttpSink()

    def config(self, port: int, timeout: float) -> HttpConfig:
        return HttpConfig(
            url=Secret(f"http://127.0.0.1:{port}/{PLANTED}"),
            bearer=Secret(PLANTED),
            signing_secrets=(Secret(PLANTED), Secret("whsec_" + PLANTED.replace("-", "+"))),
            timeout=Duration(timeout),
            **self.settings,
        )

    def arrived(self, far: HttpSink) -> list[bytes]:
        return [repr(request.headers).encode() + request.body for request in far.requests]


class TestCloudEventsContract(_Contract):
    settings: ClassVar = {"format": Format.CLOUDEVENTS}


class TestBinaryContract(_Contract):
    settings: ClassVar = {"format": Format.CLOUDEVENTS_BINARY}


class TestTemplatedContract(_Contract):
    settings: ClassVar = {"body": {"id": "{{ alert.delivery }}", "text": "{{ alert.summary }}"}}


async def test_the_default_form_tells_all_that_an_alert_carries(send, rich):
    request = await send(rich)
    seen = msgspec.json.format(request.body, indent=2).decode() + "\n"
    assert seen == golden("http-resolved.json", seen)


async def test_links_are_told_where_there_are_any(environment, delivery):
    environment = msgspec.structs.replace(environment, links=lambda _: LINKS)
    async with HttpSink() as sink:
        await attempt(HttpDestination("x", config(sink.port), environment), delivery)
    assert sink.requests[0].json()["alert"]["links"] == {
        "acknowledge": "https://r.example/a?s=1",
        "show": "https://r.example/alerts/1",
    }


@pytest.mark.parametrize(
    ("form", "content_type"),
    [
        (Format.CLOUDEVENTS, "application/cloudevents+json"),
        (Format.CLOUDEVENTS_BINARY, "application/json"),
    ],
)
async def test_the_cloudevents_sdk_reads_an_alert(form, content_type, send, rich):
    request = await send(rich, format=form)
    read = from_http(HTTPMessage(request.headers, request.body), JSONFormat())
    assert request.headers["content-type"] == content_type
    assert read.get_id() == rich.id
    assert read.get_source() == "/event-router/rules/conference-summary-timeout"
    assert read.get_type() == "event-router.alert.resolved"
    assert read.get_subject() == "ak_0123456789abcdef01234567"
    assert read.get_datacontenttype() == "application/json"
    assert read.get_time().isoformat() == "2023-11-14T22:13:20+00:00"
    assert read.get_extension("severity") == "warning"
    assert read.get_extension("rule") == "conference-summary-timeout"
    data = read.get_data()
    data = data if isinstance(data, dict) else json.loads(data)
    assert data["alert"]["count"] == 5
    assert data["event"] == msgspec.json.decode(rich.alert.event)


async def test_a_structured_alert_reads_like_this(send, delivery):
    request = await send(delivery, format=Format.CLOUDEVENTS)
    seen = msgspec.json.format(request.body, indent=2).decode() + "\n"
    assert seen == golden("http-cloudevents.json", seen)


async def test_headers_of_the_binary_mode_are_encoded(send, rich):
    key = 'a "quoted" é % key\r\nX: y'
    alert = msgspec.structs.replace(rich.alert, key=AlertKey(key))
    request = await send(
        msgspec.structs.replace(rich, alert=alert), format=Format.CLOUDEVENTS_BINARY
    )
    header = request.headers["ce-subject"]
    # CloudEvents 1.0.2, HTTP Protocol Binding, section 3.1.3.2.
    assert re.fullmatch(r"(%[0-9A-F]{2}|[!#$&-~])+", header)
    assert unquote(header) == key


async def test_the_event_alone_goes_out_byte_for_byte(send, delivery, alert):
    odd = b'{ "specversion":"1.0","id":"1",\t"source":"s","type": "t", "n": 1.10 }'
    delivery = msgspec.structs.replace(delivery, alert=msgspec.structs.replace(alert, event=odd))
    request = await send(delivery, format=Format.EVENT)
    assert request.body == odd
    assert request.headers["content-type"] == "application/cloudevents+json"
    assert request.headers["webhook-id"] == delivery.id


async def test_a_body_of_ones_own_keeps_types_and_is_json(send, rich):
    hostile = '"}], {"x": "\\ \r\n <b> \u2028'
    event = {"data": {"name": hostile, "issues": {"call_quality": 3}, "tags": ["silent"]}}
    alert = msgspec.structs.replace(rich.alert, event=msgspec.json.encode(event))
    template = {
        "title": "{{ alert.summary }}",
        "dedup_key": "{{ alert.key }}",
        "count": "{{ alert.count }}",
        "quality": "{{ data.issues.call_quality * 2 }}",
        "issues": "{{ data.issues }}",
        "raw": "{{ data.name }}",
        "text": "Name: {{ data.name }}!",
        "customer": "{{ customer.name if customer else '' }}",
        "fixed": 7,
        "list": ["{{ data.tags[0] }}", True, None, {"deep": "{{ alert.labels.team }}"}],
        "whole": "{{ {'a': data.tags} }}",
    }
    request = await send(msgspec.structs.replace(rich, alert=alert), body=_allowing(template))
    assert request.json() == {
        "title": "conference-summary-timeout:"
        " com.twilio.voice.insights.conference-summary.complete",
        "dedup_key": "ak_0123456789abcdef01234567",
        "count": 5,
        "quality": 6,
        "issues": {"call_quality": 3},
        "raw": hostile,
        "text": 'Name: "}], {"x": "\\ <b> !',
        "customer": "Owl & Sons",
        "fixed": 7,
        "list": ["silent", True, None, {"deep": "voice"}],
        "whole": {"a": ["silent"]},
    }
    assert request.headers["content-type"] == "application/json"


def _allowing(template):
    return {**template, "customer": "{{ alert.values.customer.name }}"}


async def test_a_text_of_a_body_that_fails_becomes_null_and_is_told(
    send, delivery, template_errors
):
    template = {"a": {"b": ["{{ data.nothing.here }}"]}, "c": "{{ data.status }}"}
    request = await send(delivery, body=template)
    assert request.json() == {"a": {"b": [None]}, "c": "summary_timeout"}
    (told,) = template_errors
    assert "body.a.b[0]" in told
    assert "conference-summary-timeout" in told


async def test_two_secrets_sign_and_each_is_accepted(environment, delivery, wall_clock):
    environment = msgspec.structs.replace(environment, now=wall_clock)
    async with HttpSink() as sink:
        settings = config(sink.port, signing_secrets=tuple(map(Secret, SECRETS)))
        await attempt(HttpDestination("x", settings, environment), delivery)
    (request,) = sink.requests
    assert len(request.headers["webhook-signature"].split(" ")) == 2
    for secret in SECRETS:
        assert Webhook(secret).verify(request.body, request.headers)
    with pytest.raises(Exception, match="No matching signature"):
        Webhook("whsec_AAAA").verify(request.body, request.headers)


@pytest.mark.parametrize("form", list(Format))
async def test_a_replay_names_the_id_that_it_had_at_first(form, send, delivery):
    replayed = msgspec.structs.replace(delivery, id="msg_again", replay_of=delivery.id, replays=1)

    first, again = await send(delivery, format=form), await send(replayed, format=form)

    assert again.headers["router-replay-of"] == delivery.id
    assert "router-replay-of" not in first.headers
    if form is Format.CLOUDEVENTS:
        assert (again.json()["replayof"], "replayof" in first.json()) == (delivery.id, False)
    if form is Format.CLOUDEVENTS_BINARY:
        assert again.headers["ce-replayof"] == delivery.id
        assert "ce-replayof" not in first.headers


async def test_a_replay_with_a_body_of_its_own_names_the_id_that_it_had_at_first(send, delivery):
    replayed = msgspec.structs.replace(delivery, id="msg_again", replay_of=delivery.id, replays=1)

    request = await send(replayed, body={"text": "{{ alert.rule }}"})

    assert request.headers["router-replay-of"] == delivery.id
