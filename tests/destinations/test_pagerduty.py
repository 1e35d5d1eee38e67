"""The kind pagerduty: the events of an incident's life, and PagerDuty's replies."""

import msgspec
import pytest
from contracts.destination import PLANTED, ConnectingContract, attempt
from support.golden import golden
from support.sinks import HttpSink, Reply

from router.alerts import AlertKey, AlertStatus, Delivered, Failed, Refused, Severity
from router.datatypes import Duration, Secret, decode_value
from router.destinations.kinds import KINDS
from router.destinations.pagerduty import PagerDutyConfig, PagerDutyDestination, PagerDutyRegion

ACCEPTED = Reply(202, b'{"status":"success","message":"Event processed","dedup_key":"ak_1"}')


def config(port: int, **more: object) -> PagerDutyConfig:
    settings = {"routing_key": Secret("R0123456789ABCDEF0123456789ABCDE")} | more
    return PagerDutyConfig(url=f"http://127.0.0.1:{port}", **settings)


class TestContract(ConnectingContract):
    flood_beginning = b"HTTP/1.1 500 Oh\r\nContent-Length: 10485760\r\n\r\n"
    greeting = b"HTTP"

    def accepting(self):
        return HttpSink(otherwise=ACCEPTED)

    def config(self, port: int, timeout: float) -> PagerDutyConfig:
        return config(port, routing_key=Secret(PLANTED), timeout=Duration(timeout))

    def arrived(self, far: HttpSink) -> list[bytes]:
        return [request.body for request in far.requests]


@pytest.fixture
def send(environment):
    async def send(delivery, reply: Reply = ACCEPTED, **more: object):
        async with HttpSink(reply) as sink:
            destination = PagerDutyDestination("x", config(sink.port, **more), environment)
            outcome = await attempt(destination, delivery)
        return outcome, sink.requests[0]

    return send


def with_alert(delivery, **changes: object):
    alert = msgspec.structs.replace(delivery.alert, **changes)
    return msgspec.structs.replace(delivery, alert=alert)


async def test_the_end_resolves_the_incident_that_the_beginning_opened(send, full):
    """Case D18: one incident, and it closes."""
    _, opened = await send(full)
    _, taken = await send(with_alert(full, status=AlertStatus.ACKNOWLEDGED))
    assert taken.json()["event_action"] == "acknowledge"
    assert taken.json()["dedup_key"] == full.alert.key
    outcome, closed = await send(with_alert(full, status=AlertStatus.RESOLVED))
    assert outcome == Delivered(202)
    assert (opened.path, closed.path) == ("/v2/enqueue", "/v2/enqueue")
    actions = [each.json()["event_action"] for each in (opened, closed)]
    assert actions == ["trigger", "resolve"]
    assert opened.json()["dedup_key"] == closed.json()["dedup_key"] == full.alert.key


async def test_an_alert_without_a_key_has_its_id(send, delivery):
    _, request = await send(with_alert(delivery, key=AlertKey("")))
    assert request.json()["dedup_key"] == delivery.alert.id


@pytest.mark.parametrize("status", list(AlertStatus))
@pytest.mark.parametrize("changes", [False, True])
async def test_what_is_sent_reads_like_this(status, changes, linked, full):
    delivery = with_alert(full, status=status)
    async with HttpSink(ACCEPTED) as sink:
        destination = PagerDutyDestination("x", config(sink.port, changes=changes), linked)
        await attempt(destination, delivery)
    sent = sink.requests[0].json()
    assert sent["routing_key"] == "R0123456789ABCDEF0123456789ABCDE"
    shown = {"routing_key": "***", **{name: sent[name] for name in sent if name != "routing_key"}}
    seen = msgspec.json.format(msgspec.json.encode(shown), indent=2).decode()
    assert seen + "\n" == golden(
        f"pagerduty-{'change-' if changes else ''}{status}.json", seen + "\n"
    )
    assert destination.preview(delivery).body == seen


@pytest.mark.parametrize("severity", list(Severity))
async def test_severities_are_those_of_pagerduty(severity, send, delivery):
    _, request = await send(with_alert(delivery, severity=severity))
    assert request.json()["payload"]["severity"] == str(severity)


async def test_change_events_go_to_their_own_endpoint(send, delivery):
    _, request = await send(delivery, changes=True)
    assert request.path == "/v2/change/enqueue"
    assert set(request.json()) == {"routing_key", "payload", "links"}


@pytest.mark.parametrize("text", ["x" * 50_000, "é🙂" * 9_000, "<b>&" * 9_000, '"\\' * 9_000])
async def test_the_limits_of_pagerduty_are_kept(text, send, delivery):
    event = {"specversion": "1.0", "id": text, "source": text, "type": text}
    event |= {"subject": text, "data": {"friendly_name": text, "status": text}}
    changed = with_alert(
        delivery,
        event=msgspec.json.encode(event),
        event_source=text,
        event_type=text,
        event_id=text,
        rule="r" * 400,
        description=text,
        summary="{{ data.friendly_name }}",
        labels={f"label{number}": text for number in range(100)},
        key=AlertKey("k" * 400),
    )
    outcome, request = await send(changed)
    sent = request.json()
    assert outcome == Delivered(202)
    assert len(sent["payload"]["summary"]) <= 1024
    assert len(sent["dedup_key"]) <= 255
    assert len(request.body) < 512 * 1024


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (ACCEPTED, Delivered(202)),
        (Reply(202, b""), Delivered(202)),
        (Reply(200, b"<html>Sign in"), Failed("the reply is a web page", 200)),
        (Reply(200, b'{"status":"invalid event"}'), Failed("PagerDuty says", 200)),
        (
            Reply(
                400,
                b'{"status":"invalid event","message":"Event object is invalid",'
                b'"errors":["Length of \'routing_key\' is incorrect (should be 32 characters)"]}',
            ),
            Refused(
                "PagerDuty: Event object is invalid; Length of 'routing_key' is incorrect", 400
            ),
        ),
        (Reply(400, b"?"), Refused("HTTP 400 Bad Request", 400)),
        (Reply(400, b'{"errors":7}'), Refused("HTTP 400 Bad Request", 400)),
        (Reply(429, b"", {"Retry-After": "90"}), Failed("HTTP 429", 429)),
        (Reply(500, b""), Failed("HTTP 500", 500)),
        (Reply(403, b""), Refused("HTTP 403", 403)),
    ],
)
async def test_what_follows_a_reply(reply, expected, send, delivery):
    """Cases D14, D18."""
    outcome, _ = await send(delivery, reply)
    assert (type(outcome), outcome.status) == (type(expected), expected.status)
    assert getattr(outcome, "reason", "").startswith(getattr(expected, "reason", ""))


@pytest.mark.parametrize(
    ("error", "of_delivery"),
    [("Length of 'routing_key' is incorrect", False), ("'payload.source' is missing", True)],
)
async def test_a_wrong_key_is_a_fault_of_the_destination(error, of_delivery, send, delivery):
    body = msgspec.json.encode({"message": "Event object is invalid", "errors": [error]})
    outcome, _ = await send(delivery, Reply(400, body))
    assert outcome.of_delivery is of_delivery


async def test_no_reply_brings_the_key_into_an_outcome(environment, delivery):
    body = f'{{"message":"no such key {PLANTED}","errors":["{PLANTED}"]}}'.encode()
    async with HttpSink(Reply(400, body)) as sink:
        made = TestContract().make(sink.port, environment)
        outcome = await attempt(made, delivery)
    assert isinstance(outcome, Refused)
    assert PLANTED not in repr(outcome)


def test_the_region_has_its_own_endpoint():
    key = Secret("R0123456789ABCDEF0123456789ABCDE")
    assert PagerDutyConfig(routing_key=key).endpoint == "https://events.pagerduty.com/v2/enqueue"
    europe = PagerDutyConfig(routing_key=key, region=PagerDutyRegion.EU)
    assert europe.endpoint == "https://events.eu.pagerduty.com/v2/enqueue"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"routing_key": ""}, "routing_key must be the integration key"),
        ({"routing_key": f"{PLANTED}\n"}, "routing_key must be the integration key"),
        ({"routing_key": PLANTED, "url": "http://events.example.com"}, "url must begin with https"),
        ({"routing_key": PLANTED, "url": "https://u:p@events.example.com"}, "url must begin with"),
        ({"routing_key": PLANTED, "region": "mars"}, "mars"),
        ({"routing_key": PLANTED, "url": "https://x.example/v2/enqueue"}, "leave out the path"),
    ],
)
def test_a_wrong_configuration_says_what_would_be_right_and_no_secret(settings, message):
    with pytest.raises(msgspec.ValidationError, match=message) as raised:
        msgspec.convert(settings, KINDS["pagerduty"].config, dec_hook=decode_value)
    assert PLANTED not in str(raised.value)
