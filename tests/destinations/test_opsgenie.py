"""The kind opsgenie: the requests of an alert's life, and the replies of both services."""

import re

import msgspec
import pytest
from contracts.destination import PLANTED, ConnectingContract, attempt
from support.golden import golden
from support.sinks import HttpSink, Reply

from router.alerts import AlertKey, AlertStatus, Delivered, Failed, Refused, Severity
from router.datatypes import Duration, Secret, decode_value
from router.destinations.kinds import KINDS
from router.destinations.opsgenie import OpsgenieApi, OpsgenieConfig, OpsgenieDestination, Priority

QUEUED = Reply(202, b'{"result":"Request will be processed","took":0.3,"requestId":"1"}')


def config(port: int, **more: object) -> OpsgenieConfig:
    return OpsgenieConfig(
        url=f"http://127.0.0.1:{port}", **({"api_key": Secret("0a1b2c3d-key")} | more)
    )


class TestContract(ConnectingContract):
    flood_beginning = b"HTTP/1.1 500 Oh\r\nContent-Length: 10485760\r\n\r\n"
    greeting = b"HTTP"

    def accepting(self):
        return HttpSink(otherwise=QUEUED)

    def config(self, port: int, timeout: float) -> OpsgenieConfig:
        return config(port, api_key=Secret(PLANTED), timeout=Duration(timeout))

    def arrived(self, far: HttpSink) -> list[bytes]:
        return [request.body for request in far.requests]


@pytest.fixture
def send(environment):
    async def send(delivery, reply: Reply = QUEUED, **more: object):
        async with HttpSink(reply) as sink:
            destination = OpsgenieDestination("x", config(sink.port, **more), environment)
            outcome = await attempt(destination, delivery)
        return outcome, sink.requests[0]

    return send


def with_alert(delivery, **changes: object):
    alert = msgspec.structs.replace(delivery.alert, **changes)
    return msgspec.structs.replace(delivery, alert=alert)


async def test_the_end_closes_the_alert_that_the_beginning_created(send, full):
    """Case D18: one alert, and it closes."""
    _, created = await send(full)
    acknowledged = {"status": AlertStatus.ACKNOWLEDGED, "acknowledged_by": "<b>Ann</b>"}
    _, taken = await send(with_alert(full, **acknowledged))
    assert taken.path == f"/v2/alerts/{full.alert.key}/acknowledge?identifierType=alias"
    assert taken.json()["user"] == "<\u200bb>Ann<\u200b/b>"
    outcome, closed = await send(with_alert(full, status=AlertStatus.RESOLVED))
    assert outcome == Delivered(202)
    assert created.path == "/v2/alerts"
    assert created.json()["alias"] == full.alert.key
    assert closed.path == f"/v2/alerts/{full.alert.key}/close?identifierType=alias"
    assert {each.headers["authorization"] for each in (created, closed)} == {
        "GenieKey 0a1b2c3d-key"
    }


async def test_an_alert_without_a_key_has_its_id(send, delivery):
    _, request = await send(with_alert(delivery, key=AlertKey("")))
    assert request.json()["alias"] == delivery.alert.id


@pytest.mark.parametrize("status", list(AlertStatus))
async def test_what_is_sent_reads_like_this(status, linked, full):
    delivery = with_alert(full, status=status)
    async with HttpSink(QUEUED) as sink:
        destination = OpsgenieDestination("x", config(sink.port), linked)
        await attempt(destination, delivery)
    seen = msgspec.json.format(sink.requests[0].body, indent=2).decode()
    assert seen + "\n" == golden(f"opsgenie-{status}.json", seen + "\n")
    shown = destination.preview(delivery)
    assert shown.body == seen
    assert dict(shown.headers)["path"] == sink.requests[0].path


@pytest.mark.parametrize(
    ("severity", "priority"),
    [(Severity.CRITICAL, "P1"), (Severity.WARNING, "P2"), (Severity.INFO, "P5")],
)
async def test_the_severity_decides_the_priority(severity, priority, send, delivery):
    changed = with_alert(delivery, severity=severity)
    _, request = await send(changed, priorities={Severity.WARNING: Priority.P2})
    assert request.json()["priority"] == priority


def test_responders_and_priorities_are_read_from_yaml():
    made = msgspec.convert(
        {
            "api_key": "k",
            "api": "jsm",
            "responders": [{"type": "team", "id": "4513"}, {"type": "user", "username": "a@b.c"}],
            "priorities": {"critical": "P2"},
        },
        KINDS["opsgenie"].config,
        dec_hook=decode_value,
    )
    assert [each.id for each in made.responders] == ["4513", ""]
    assert made.priorities == {Severity.CRITICAL: Priority.P2}
    assert made.endpoint == "https://api.atlassian.com/jsm/ops/integration/v2/alerts"


async def test_responders_are_sent(send, delivery):
    made = msgspec.convert(
        {"api_key": "k", "responders": [{"type": "team", "name": "voice"}]},
        OpsgenieConfig,
        dec_hook=decode_value,
    )
    _, request = await send(delivery, responders=made.responders)
    assert request.json()["responders"] == [{"type": "team", "name": "voice"}]


@pytest.mark.parametrize("text", ["x" * 50_000, "é🙂" * 9_000, "<b>&amp;" * 9_000])
async def test_the_limits_of_opsgenie_are_kept(text, send, full):
    event = {"specversion": "1.0", "id": text, "source": text, "type": text}
    event |= {"subject": text, "data": {"friendly_name": text, "status": text}}
    changed = with_alert(
        full,
        event=msgspec.json.encode(event),
        event_source=text,
        event_type=text,
        event_id=text,
        rule="r" * 400,
        description=text,
        summary="{{ data.friendly_name }}",
        labels={f"label{number}": text for number in range(100)},
    )
    outcome, request = await send(changed)
    sent = request.json()
    assert outcome == Delivered(202)
    assert len(sent["message"]) <= 130
    assert len(sent["alias"]) <= 512
    assert len(sent["description"]) <= 15_000
    assert len(sent["tags"]) <= 20
    assert max(map(len, sent["tags"])) <= 50
    assert sum(len(name) + len(value) for name, value in sent["details"].items()) <= 8_000
    assert len(sent["entity"]) <= 512
    _, closed = await send(with_alert(changed, status=AlertStatus.RESOLVED))
    assert len(closed.json()["note"]) <= 25_000


@pytest.mark.parametrize("status", list(AlertStatus))
async def test_event_text_is_no_html(status, send, delivery):
    """Case D20, for Opsgenie: a message may be read as HTML, so no tag or entity is left."""
    text = "web-1 <b>down</b> <img src=x> <!--x--> &lt;i&gt; & 3 < 4"
    changed = with_alert(
        delivery,
        event=msgspec.json.encode({"data": {"friendly_name": text, "status": text}}),
        summary="{{ data.friendly_name }}",
        labels={"l": text},
        status=status,
    )
    _, request = await send(changed)
    sent = msgspec.json.encode(request.json()).decode()
    assert not re.search(r"<[A-Za-z/!?]|&[A-Za-z#]", sent)
    assert text in sent.replace("\u200b", "")


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (QUEUED, Delivered(202)),
        (Reply(202, b""), Delivered(202)),
        (Reply(200, b"<html>Sign in"), Failed("the reply is a web page", 200)),
        (Reply(200, b'{"success":false}'), Failed("Opsgenie says that it failed", 200)),
        (
            Reply(
                422,
                b'{"message":"Request body is not processable. Please check the errors.",'
                b'"errors":{"message":"Message can not be empty."},"took":0.0,"requestId":"1"}',
            ),
            Refused(
                "HTTP 422, Opsgenie: Request body is not processable. Please check the errors.; m",
                422,
            ),
        ),
        (
            Reply(401, b'{"message":"Could not authenticate","took":0.0}'),
            Refused("HTTP 401, Opsgenie: Could not authenticate", 401),
        ),
        (Reply(403, b"[]"), Refused("HTTP 403 Forbidden", 403)),
        (Reply(429, b'{"message":"You are making too many requests!"}'), Failed("HTTP 429", 429)),
        (Reply(503, b""), Failed("HTTP 503", 503)),
    ],
)
async def test_what_follows_a_reply(reply, expected, send, delivery):
    """Cases D14, D18."""
    outcome, _ = await send(delivery, reply)
    assert (type(outcome), outcome.status) == (type(expected), expected.status)
    assert getattr(outcome, "reason", "").startswith(getattr(expected, "reason", ""))


@pytest.mark.parametrize(("status", "of_delivery"), [(422, True), (401, False), (403, False)])
async def test_a_wrong_key_is_a_fault_of_the_destination(status, of_delivery, send, delivery):
    outcome, _ = await send(delivery, Reply(status, b'{"message":"no"}'))
    assert outcome.of_delivery is of_delivery


@pytest.mark.parametrize(
    ("said", "of_delivery"),
    [
        ({"message": "Key format is not valid!"}, False),
        ({"message": "Request body is not processable.", "errors": {"responders": "x"}}, False),
        ({"message": "Request body is not processable.", "errors": {"message": "x"}}, True),
        ({"message": "Request body is not processable.", "errors": ["responders"]}, True),
    ],
)
async def test_a_422_may_be_a_fault_of_the_destination(said, of_delivery, send, delivery):
    """Case D25: a key of another form is answered 422, as a wrong request is."""
    outcome, _ = await send(delivery, Reply(422, msgspec.json.encode(said)))
    assert outcome.of_delivery is of_delivery


async def test_no_reply_brings_the_key_into_an_outcome(environment, delivery):
    body = f'{{"message":"Key format {PLANTED} is not valid"}}'.encode()
    async with HttpSink(Reply(422, body)) as sink:
        outcome = await attempt(TestContract().make(sink.port, environment), delivery)
    assert isinstance(outcome, Refused)
    assert PLANTED not in repr(outcome)


@pytest.mark.parametrize(
    ("api", "endpoint"),
    [
        (OpsgenieApi.OPSGENIE, "https://api.opsgenie.com/v2/alerts"),
        (OpsgenieApi.OPSGENIE_EU, "https://api.eu.opsgenie.com/v2/alerts"),
        (OpsgenieApi.JSM, "https://api.atlassian.com/jsm/ops/integration/v2/alerts"),
    ],
)
def test_each_service_has_its_endpoint(api, endpoint):
    assert OpsgenieConfig(api_key=Secret("k"), api=api).endpoint == endpoint


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"api_key": ""}, "api_key must be the key"),
        ({"api_key": f"{PLANTED}\r\nX: y"}, "api_key must be the key"),
        ({"api_key": PLANTED, "url": "http://api.example.com"}, "url must begin with https"),
        ({"api_key": PLANTED, "responders": [{"type": "team"}]}, "one of id, name and username"),
        ({"api_key": PLANTED, "priorities": {"critical": "P0"}}, "P0"),
        ({"api_key": PLANTED, "url": "https://gateway.example/v2/alerts"}, "leave out /v2/alerts"),
    ],
)
def test_a_wrong_configuration_says_what_would_be_right_and_no_secret(settings, message):
    with pytest.raises(msgspec.ValidationError, match=message) as raised:
        msgspec.convert(settings, KINDS["opsgenie"].config, dec_hook=decode_value)
    assert PLANTED not in str(raised.value)
