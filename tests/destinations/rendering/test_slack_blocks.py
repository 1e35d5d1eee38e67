"""A Block Kit message: its content, its escaping, and Slack's limits."""

import re

import msgspec
import pytest
from support.golden import golden

from router.alerts import Severity
from router.destinations.contract import Links
from router.destinations.rendering.slack_blocks import message
from router.destinations.rendering.summary import (
    decode,
    summary,
)
from router.destinations.rendering.templates import TemplateTarget

HOSTILE = "<!channel> <@U024BE7LH> <#C024BE7LR> <http://evil.example|your bank> @here & </b>"


def sent(delivery):
    event = decode(delivery.alert)
    return message(delivery, summary(delivery.alert, TemplateTarget.SLACK, event), event, Links())


def hostile(delivery, text):
    """The delivery with ``text`` in every field that an event controls."""
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


@pytest.mark.fault_row(57)
@pytest.mark.parametrize(
    "template", ["", "{{ data.friendly_name }}", "{{ data.nothing }}", "x{{ event.type ~ data }}"]
)
def test_no_event_text_can_mention_or_link(template, delivery):
    """Mutant: a fact in Slack is not escaped."""
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


@pytest.mark.fault_row(57)
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
