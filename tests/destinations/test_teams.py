"""The kind teams: Adaptive Cards by a Workflows webhook."""

import msgspec
import pytest
from contracts.destination import PLANTED, ConnectingContract, attempt
from support.golden import golden
from support.sinks import HttpSink, Reply

from router.alerts import AlertStatus, Delivered, Failed, Refused
from router.datatypes import Duration, Secret, decode_value
from router.destinations.kinds import KINDS
from router.destinations.teams import TeamsConfig, TeamsDestination

SIGNED = (
    "/workflows/0a/triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sig="
)


def config(port: int, **more: object) -> TeamsConfig:
    return TeamsConfig(url=Secret(f"http://127.0.0.1:{port}{SIGNED}a%2Bb%3D%3D~"), **more)


class TestContract(ConnectingContract):
    flood_beginning = b"HTTP/1.1 500 Oh\r\nContent-Length: 10485760\r\n\r\n"
    greeting = b"HTTP"

    def accepting(self):
        return HttpSink(otherwise=Reply(202, b""))

    def config(self, port: int, timeout: float) -> TeamsConfig:
        url = Secret(f"http://127.0.0.1:{port}/{PLANTED}?sig={PLANTED}")
        return TeamsConfig(url=url, timeout=Duration(timeout))

    def arrived(self, far: HttpSink) -> list[bytes]:
        return [request.body for request in far.requests]


@pytest.fixture
def send(environment):
    async def send(delivery, reply: Reply | None = None):
        async with HttpSink(reply or Reply(202, b"")) as sink:
            destination = TeamsDestination("x", config(sink.port), environment)
            outcome = await attempt(destination, delivery)
        return outcome, sink.requests[0]

    return send


def with_alert(delivery, **changes: object):
    alert = msgspec.structs.replace(delivery.alert, **changes)
    return msgspec.structs.replace(delivery, alert=alert)


async def test_the_signed_url_goes_out_byte_for_byte(send, delivery):
    """Case D22, for Teams: a signature covers the text of the URL."""
    outcome, request = await send(delivery)
    assert outcome == Delivered(202)
    assert request.path == f"{SIGNED}a%2Bb%3D%3D~"
    assert request.headers["content-type"] == "application/json"


@pytest.mark.parametrize("status", list(AlertStatus))
async def test_what_is_sent_reads_like_this(status, linked, full):
    """Case D18: the end is a message of its own."""
    delivery = with_alert(full, status=status)
    async with HttpSink(Reply(202, b"")) as sink:
        destination = TeamsDestination("x", config(sink.port), linked)
        await attempt(destination, delivery)
    seen = msgspec.json.format(sink.requests[0].body, indent=2).decode()
    assert seen + "\n" == golden(f"teams-{status}.json", seen + "\n")
    assert destination.preview(delivery).body == seen


@pytest.mark.parametrize(
    "text",
    [
        "web-1 <b>down</b> & 3 < 4",
        "**bold** _it_ [link](https://evil.example) ![x](https://evil.example/x.png)",
        "<at>everyone</at> - list\n- item",
    ],
)
async def test_event_text_is_text(text, send, delivery):
    """Case D20, for Teams: Markdown is read in TextBlock and FactSet alone, and there is none."""
    event = {"data": {"friendly_name": text, "status": text}, "subject": text}
    changed = with_alert(
        delivery,
        event=msgspec.json.encode(event),
        summary="{{ data.friendly_name }}",
        event_id=text,
    )
    _, request = await send(changed)
    elements = list(parts(request.json()))
    assert {each["type"] for each in elements} == {
        *("message", "AdaptiveCard", "Container", "RichTextBlock", "TextRun")
    }
    shown = text.replace("\n", " ")
    assert shown in [each["text"] for each in elements if each["type"] == "TextRun"]


@pytest.mark.parametrize("text", ["x" * 50_000, "é🙂" * 9_000, '"\\' * 9_000, "\u200b<" * 9_000])
async def test_a_card_is_below_the_limit_of_teams(text, linked, full):
    members = tuple(msgspec.structs.replace(each, summary=text) for each in full.alert.members) * 4
    event = {"subject": text, "data": dict.fromkeys(("friendly_name", "status"), text)}
    delivery = with_alert(
        full,
        event=msgspec.json.encode(event),
        event_source=text,
        event_type=text,
        event_id=text,
        rule="r" * 400,
        description=text,
        summary="{{ data.friendly_name }}",
        members=members,
        labels={f"label{number}": text for number in range(100)},
    )
    async with HttpSink(Reply(202, b"")) as sink:
        await attempt(TeamsDestination("x", config(sink.port), linked), delivery)
    assert len(sink.requests[0].body) < 28 * 1024
    assert delivery.id.encode() in sink.requests[0].body


LATE = (
    b"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error %d"
)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(202, b""), Delivered(202)),
        (Reply(200, b"1"), Delivered(200)),
        (Reply(200, b'{"id":"1"}'), Delivered(200)),
        (Reply(200, LATE % 429), Failed("Teams: the message was not delivered (HTTP 429)", 200)),
        (Reply(200, LATE % 502), Failed("Teams: the message was not delivered (HTTP 502)", 200)),
        (Reply(200, LATE % 413), Refused("Teams: the message was not delivered (HTTP 413)", 200)),
        (Reply(200, b"Webhook Message delivery failed"), Failed("Teams: the message was", 200)),
        (Reply(200, b"<!doctype html><title>Sign in"), Failed("the reply is a web page", 200)),
        (Reply(200, b'{"ok":false,"error":"x"}'), Failed("Teams: the reply says", 200)),
        (
            Reply(400, b'{"error":{"code":"WorkflowTriggerIsNotEnabled","message":"m"}}'),
            Refused("Teams: WorkflowTriggerIsNotEnabled: the workflow was deleted or turned", 400),
        ),
        (
            Reply(401, b'{"error":{"code":"DirectApiAuthorizationRequired"}}'),
            Refused("Teams: DirectApiAuthorizationRequired: the URL is not complete", 401),
        ),
        (Reply(404, b'{"error":{"code":"Some.Other"}}'), Refused("HTTP 404 Not Found", 404)),
        (Reply(404, b'{"error":7}'), Refused("HTTP 404 Not Found", 404)),
        (Reply(429, b'{"error":{"code":"Throttled"}}'), Failed("HTTP 429", 429)),
        (Reply(502, b""), Failed("HTTP 502", 502)),
    ],
)
async def test_what_follows_a_reply(reply, expected, send, delivery):
    """Cases D14, D18."""
    outcome, _ = await send(delivery, reply)
    assert (type(outcome), outcome.status) == (type(expected), expected.status)
    assert getattr(outcome, "reason", "").startswith(getattr(expected, "reason", ""))


async def test_a_late_rate_limit_uses_up_no_attempt(send, delivery):
    outcome, _ = await send(delivery, Reply(200, LATE % 429))
    assert outcome.throttled


@pytest.mark.parametrize(
    ("reply", "of_delivery"),
    [
        (Reply(200, LATE % 413), True),
        (Reply(200, LATE % 403), False),
        (Reply(400, b'{"error":{"code":"WorkflowTriggerIsNotEnabled"}}'), False),
        (Reply(400, b'{"error":{"code":"InvalidTemplate"}}'), True),
        (Reply(404, b'{"error":{"code":"WorkflowNotFound"}}'), False),
    ],
)
async def test_a_fault_of_the_workflow_concerns_all_deliveries(reply, of_delivery, send, delivery):
    outcome, _ = await send(delivery, reply)
    assert outcome.of_delivery is of_delivery


async def test_a_workflow_that_is_gone_disables_the_destination(send, delivery):
    outcome, _ = await send(delivery, Reply(410, b'{"error":{"code":"WorkflowNotFound"}}'))
    assert outcome.disables


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (f"http://prod.logic.azure.com/{PLANTED}", "url must begin with https://, as Workflows"),
        (f"prod.logic.azure.com/{PLANTED}", "url must begin with https://"),
        (f"https://[{PLANTED}", "url is not a URL"),
        (f"https://x:y@prod.logic.azure.com/{PLANTED}", "url must begin with https://"),
    ],
)
def test_a_wrong_url_says_what_would_be_right_and_not_itself(url, message):
    with pytest.raises(msgspec.ValidationError, match=message) as raised:
        msgspec.convert({"url": url}, KINDS["teams"].config, dec_hook=decode_value)
    assert PLANTED not in str(raised.value)


def parts(element):
    """Every typed part of a message."""
    if isinstance(element, dict):
        if "type" in element:
            yield element
        for value in element.values():
            yield from parts(value)
    elif isinstance(element, list):
        for value in element:
            yield from parts(value)
