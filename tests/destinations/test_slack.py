import re

import msgspec
import pytest
from contracts.destination import PLANTED, ConnectingContract, attempt
from support.golden import golden
from support.sinks import HttpSink, Reply

from router.alerts import Delivered, Failed, Refused, Severity
from router.datatypes import Duration, Secret, decode_value
from router.destinations.contract import Links
from router.destinations.kinds import KINDS
from router.destinations.rendering.slack_blocks import message
from router.destinations.rendering.summary import (
    decode,
    summary,
)
from router.destinations.rendering.templates import (
    TemplateTarget,
)
from router.destinations.slack import SlackConfig, SlackDestination

HOSTILE = "<!channel> <@U024BE7LH> <#C024BE7LR> <http://evil.example|your bank> @here & </b>"


class TestContract(ConnectingContract):
    flood_beginning = b"HTTP/1.1 500 Oh\r\nContent-Length: 10485760\r\n\r\n"
    greeting = b"HTTP"

    def accepting(self):
        return HttpSink()

    def config(self, port: int, timeout: float) -> SlackConfig:
        url = Secret(f"http://127.0.0.1:{port}/services/T000/B000/{PLANTED}")
        return SlackConfig(webhook_url=url, timeout=Duration(timeout))

    def arrived(self, far: HttpSink) -> list[bytes]:
        return [request.body for request in far.requests]


def sent(delivery):
    event = decode(delivery.alert)
    return message(delivery, summary(delivery.alert, TemplateTarget.SLACK, event), event, Links())


def hostile(delivery, text):
    """The delivery with ``text`` wherever an event, however wicked, can put one."""
    event = {
        "specversion": "1.0",
        "id": text,
        "source": text,
        "type": text,
        "subject": text,
        "data": {"friendly_name": text, "conference_sid": text, "account_sid": text},
    }
    alert = msgspec.structs.replace(
        delivery.alert,
        event_id=text,
        event_source=text,
        event_type=text,
        event_time=text,
        event=msgspec.json.encode(event),
    )
    return msgspec.structs.replace(delivery, alert=alert)


def test_what_is_sent_reads_like_this(delivery):
    seen = msgspec.json.format(msgspec.json.encode(sent(delivery)), indent=2).decode() + "\n"
    assert seen == golden("slack.json", seen)


@pytest.mark.parametrize(
    ("severity", "colour"),
    [
        (Severity.INFO, "#2563eb"),
        (Severity.WARNING, "#d97706"),
        (Severity.CRITICAL, "#dc2626"),
    ],
)
def test_the_severity_has_a_colour(severity, colour, delivery):
    alert = msgspec.structs.replace(delivery.alert, severity=severity)
    assert sent(msgspec.structs.replace(delivery, alert=alert))["attachments"][0]["color"] == colour


@pytest.mark.parametrize(
    "template", ["", "{{ data.friendly_name }}", "{{ data.nothing }}", "x{{ event.type ~ data }}"]
)
def test_no_event_text_can_mention_or_link(template, delivery):
    delivery = hostile(delivery, HOSTILE)
    alert = msgspec.structs.replace(delivery.alert, summary=template)
    message = sent(msgspec.structs.replace(delivery, alert=alert))
    mrkdwn = [text for text in texts(message) if "verbatim" in text]
    assert len(mrkdwn) == 10 + 1
    assert not re.search("[<>]", msgspec.json.encode(message).decode())
    assert {text["verbatim"] for text in mrkdwn} == {True}


def test_the_operators_own_template_may_mention(delivery):
    alert = msgspec.structs.replace(delivery.alert, summary="<!here> {{ data.status }}")
    message = sent(msgspec.structs.replace(delivery, alert=alert))
    assert message["blocks"][1]["text"]["text"] == "<!here> summary_timeout"


@pytest.mark.parametrize("text", ["x" * 50_000, "&" * 50_000, "<" * 50_000, "é🙂\n" * 9_000])
def test_slacks_lengths_are_kept_and_no_entity_is_cut(text, delivery):
    delivery = hostile(delivery, text)
    alert = msgspec.structs.replace(
        delivery.alert, rule="r" * 400, summary="{{ data.friendly_name }}", description=text
    )
    message = sent(msgspec.structs.replace(delivery, alert=alert))
    found = list(texts(message))
    limits = {"plain_text": 150, "mrkdwn": 3000}
    assert [text for text in found if len(text["text"]) > limits[text["type"]]] == []
    fields = message["attachments"][0]["blocks"][1]["fields"]
    assert len(fields) <= 10
    assert max(len(field["text"]) for field in fields) <= 2000
    assert not any(re.search(r"&(?!amp;|lt;|gt;)", text["text"]) for text in found)
    assert len(message["blocks"]) + len(message["attachments"][0]["blocks"]) <= 50


@pytest.mark.parametrize(
    ("status", "word", "expected"),
    [
        (200, "ok", Delivered),
        (400, "invalid_payload", Refused),
        (400, "user_not_found", Refused),
        (403, "action_prohibited", Refused),
        (403, "invalid_token", Refused),
        (404, "no_service", Refused),
        (404, "channel_not_found", Refused),
        (410, "channel_is_archived", Refused),
        (500, "no_text", Refused),
        (429, "rate_limited", Failed),
        (500, "rollup_error", Failed),
        (500, "", Failed),
        (503, "<html>", Failed),
        (404, "<html>", Refused),
        (302, "", Refused),
    ],
)
async def test_slacks_own_words_decide(status, word, expected, environment, delivery):
    async with HttpSink(Reply(status, word.encode())) as sink:
        destination = SlackDestination("x", TestContract().config(sink.port, 5), environment)
        outcome = await attempt(destination, delivery)
    assert type(outcome) is expected
    assert outcome.status == status


async def test_a_refusal_tells_the_next_step(environment, delivery):
    async with HttpSink(Reply(404, b"no_service\n")) as sink:
        destination = SlackDestination("x", TestContract().config(sink.port, 5), environment)
        outcome = await attempt(destination, delivery)
    assert outcome == Refused(
        "Slack: no_service (the webhook is gone, make a new one and put its URL into the"
        " destination)",
        404,
        "no_service\n",
    )


async def test_slacks_wish_to_wait_is_passed_on(environment, delivery):
    async with HttpSink(Reply(429, b"rate_limited", {"Retry-After": "30"})) as sink:
        destination = SlackDestination("x", TestContract().config(sink.port, 5), environment)
        outcome = await attempt(destination, delivery)
    assert outcome == Failed("Slack: rate_limited", 429, "rate_limited", 30.0)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (f"http://hooks.slack.com/services/{PLANTED}", "must begin with https://"),
        (f"hooks.slack.com/services/{PLANTED}", "must begin with https://"),
        (f"https:///services/{PLANTED}", "must begin with https://"),
        (f"https://[{PLANTED}", "not a URL"),
        ("", "must begin with https://"),
    ],
)
def test_a_wrong_webhook_url_says_what_would_be_right_and_not_itself(url, message):
    with pytest.raises(msgspec.ValidationError, match=message) as raised:
        msgspec.convert({"webhook_url": url}, KINDS["slack"].config, dec_hook=decode_value)
    assert PLANTED not in str(raised.value)


def texts(part):
    """Every text object in a message."""
    if isinstance(part, dict) and part.get("type") in {"mrkdwn", "plain_text"}:
        yield part
    elif isinstance(part, dict):
        for value in part.values():
            yield from texts(value)
    elif isinstance(part, list):
        for value in part:
            yield from texts(value)
