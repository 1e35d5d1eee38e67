"""No text of an event becomes structure, in any format in which a message is sent (case D3).

Each renderer gets an alert whose event has a harmless text in every field, and the same with a
hostile one; a parser of the format finds the same structure in both.
``pytest -m slow tests/destinations/rendering/test_escapes_in_formats.py`` tries 20,000 texts in each format.
"""

import functools
import logging
import random
from collections.abc import Callable

import msgspec
import pytest
from support.event_texts import hostile_text, shrunk
from support.events import alert_of, event_from
from support.structures import (
    Structure,
    card,
    chat_message,
    form,
    headers_value,
    json_form,
    log_line,
    mail,
    markup,
    one_line,
    plain,
    slack_message,
    tags,
    url,
    xml,
)

from router.alerts import AlertId, AlertKey, AlertStatus, Delivery, Member, delivery_id
from router.datatypes import Duration, Secret
from router.destinations.apprise import AppriseConfig, AppriseDestination
from router.destinations.contract import Environment, Links
from router.destinations.email_config import EmailConfig
from router.destinations.email_content import Mail, alert_mail, digest_mail
from router.destinations.http_config import HttpConfig
from router.destinations.http_request import RequestBuilder
from router.destinations.opsgenie import OpsgenieConfig, OpsgenieDestination
from router.destinations.pagerduty import PagerDutyConfig, PagerDutyDestination
from router.destinations.rendering import chat_attachment, email_body, json_body, slack_blocks
from router.destinations.rendering.adaptive_card import card_message
from router.destinations.rendering.digest import DigestConfig
from router.destinations.rendering.json_body import Format
from router.destinations.rendering.slack_preview import page
from router.destinations.rendering.summary import decode, summary
from router.destinations.rendering.templates import TemplateTarget
from router.logs import JsonFormatter, TextFormatter

SHORT, LONG = 60, 20_000
HARMLESS = "axb"
SUMMARY = (
    "Conference {{ data.friendly_name }} of {{ data.status }}: {{ data }}, {{ alert.held_because }}"
)
LINKS = Links(
    acknowledge="https://router.example.com/alerts/acknowledge?s=1&t=2",
    silence="https://router.example.com/alerts/silence?s=1&t=2",
    show="https://router.example.com/alerts/1",
)
URL = "https://h.example/alerts/{{ data.friendly_name }}/x?q={{ data.status }}&r=1"
HEADERS = {"X-Key": Secret("{{ data.friendly_name }}"), "X-Note": Secret("on {{ data.status }}")}
FORM = {"To": Secret("+1"), "Body": Secret("{{ data.friendly_name }}: {{ alert.summary }}")}
VALUES = "{{ data.friendly_name }} and {{ alert.summary }}"
TEXTS = {
    "text/plain": VALUES,
    "text/html": f'<p title="{VALUES}">{VALUES}</p>',
    "application/xml": f'<a b="{VALUES}">{VALUES}</a>',
    "application/json": f'{{"text": "{VALUES}"}}',
}
BODIES = {
    "text/plain": plain,
    "text/html": tags,
    "application/xml": xml,
    "application/json": json_form,
    "application/x-www-form-urlencoded": form,
}
MAIL = EmailConfig(
    smtp_url=Secret("smtps://mail.example.com"),
    from_="Router <router@example.com>",
    to="NOC <noc@example.com>",
    cc=("boss@example.com",),
    subject="{{ data.friendly_name }} and {{ data.status }}",
    headers={"X-Conference": "{{ data.friendly_name }}", "X-Note": "on {{ data.status }}"},
)
UTF8_MAIL = msgspec.structs.replace(MAIL, to="b\u00fcro@example.com")
DIGEST = EmailConfig(
    smtp_url=MAIL.smtp_url,
    from_=MAIL.from_,
    to=MAIL.to,
    digest=DigestConfig(every=Duration(600)),
)
BODY = {
    "text": "{{ data.friendly_name }}",
    "inside": ["say {{ data.status }} to {{ alert.summary }}"],
    "whole": "{{ data }}",
}


def delivery_with(sample: bytes, text: str, *, is_resolved: bool = False) -> Delivery:
    """Return a delivery whose event has a text in each of its fields."""
    text = text.encode("utf-8", "replace").decode()  # lone surrogates do not pass ingress
    event = event_from(sample, time="2026-03-01T10:00:00Z")
    names = ("friendly_name", "conference_sid", "account_sid", "status")
    document = {
        **msgspec.json.decode(event.body),
        **dict.fromkeys(("subject", "source", "id", "type"), text),
        "data": dict.fromkeys(names, text),
    }
    event = msgspec.structs.replace(
        event, id=text, source=text, type=text, body=msgspec.json.encode(document)
    )
    member = Member(id=AlertId("al_1"), event_id=text, raised_at=1.0, summary=text)
    alert = msgspec.structs.replace(
        alert_of(event, "conference-summary-timeout"),
        id=AlertId("al_0"),
        summary=SUMMARY,
        description="Twilio never saw the last participant leave.",
        key=AlertKey("ak_0123456789abcdef01234567"),
        labels={"team": text},
        values={"name": text},
        members=(member, member),
        grouped=3,
        count=5,
        held_back=2,
        since=1.0,
        held_because=("muted", text),
        reminder=2,
        acknowledged_by=text,
        status=AlertStatus.RESOLVED if is_resolved else AlertStatus.FIRING,
    )
    return Delivery(id=delivery_id(alert.id, "here"), destination="here", alert=alert)


def slack(delivery: Delivery) -> dict[str, object]:
    event = decode(delivery.alert)
    line = summary(delivery.alert, TemplateTarget.SLACK, event)
    return slack_blocks.message(delivery, line, event, LINKS)


def chat(delivery: Delivery) -> Structure:
    event = decode(delivery.alert)
    line = summary(delivery.alert, TemplateTarget.MARKDOWN, event)
    return chat_message(chat_attachment.attachment_message(delivery, line, event, LINKS))


def mail_part(render: Callable[..., str]) -> Callable[[Delivery], str]:
    def part(delivery: Delivery) -> str:
        line = summary(delivery.alert, TemplateTarget.TEXT)
        return render(delivery, line.text, decode(delivery.alert), LINKS)

    return part


def text_of(delivery: Delivery) -> str:
    return summary(delivery.alert, TemplateTarget.TEXT).text


def mail_forms(made: Mail) -> Structure:
    """Return the structure of a mail in each form in which it may be sent."""
    assert not made.errors, made.errors
    return tuple(mail(each) for each in (made.ascii, made.utf8) if each is not None)


def opsgenie(body: str) -> Structure:
    """Return the form of a request; its texts may be read as HTML."""
    texts = [each for each in msgspec.json.decode(body).values() if isinstance(each, str)]
    return json_form(body), tuple(markup(each) for each in texts)


def body_in(form: Format) -> Callable[[Delivery], Structure]:
    def body(delivery: Delivery) -> Structure:
        made = json_body.alert_body(delivery, form, LINKS)
        headers = tuple((name, one_line(value)) for name, value in made.headers.items())
        return json_form(made.content), headers

    return body


def request(**config: object) -> Callable[[Delivery], Structure]:
    """Return what makes an http request from templates, as a server reads it."""
    builder = RequestBuilder(HttpConfig(url=Secret(URL), headers=HEADERS, **config))  # type: ignore[arg-type]

    def read(delivery: Delivery) -> Structure:
        made = builder.build(delivery, LINKS)
        assert not made.errors, made.errors
        assert not made.problem, made.problem
        headers = {name: headers_value(text) for name, text in made.body.headers.items()}
        body = BODIES[made.body.content_type.partition(";")[0]](made.body.content.decode())
        return url(builder.base_url + made.path), tuple(headers.items()), body

    return read


def logged(formatter: logging.Formatter, delivery: Delivery) -> str:
    text = delivery.alert.event_id
    record = logging.makeLogRecord({"msg": "delivery retried", "reason": text, "event": text})
    return formatter.format(record)


def renderers(environment: Environment) -> dict[str, Callable[[Delivery], Structure]]:
    """Return each format: renders an alert, and returns the structure of the result."""
    linked = msgspec.structs.replace(environment, links=lambda _: LINKS)
    apprise = AppriseDestination("here", AppriseConfig(url=Secret("json://localhost")), linked)
    duty = PagerDutyDestination("here", PagerDutyConfig(routing_key=Secret("0" * 32)), linked)
    genie = OpsgenieDestination("here", OpsgenieConfig(api_key=Secret("0" * 32)), linked)
    return {
        "slack": lambda delivery: slack_message(slack(delivery)),
        "slack, previewed in HTML": lambda delivery: markup(page(slack(delivery))),
        "mattermost, rocketchat": chat,
        "mail, plain part": lambda delivery: plain(mail_part(email_body.text_part)(delivery)),
        "mail, HTML part": lambda delivery: markup(mail_part(email_body.html_part)(delivery)),
        "mail": lambda delivery: mail_forms(alert_mail(delivery, MAIL, LINKS)),
        "mail for SMTPUTF8": lambda delivery: mail_forms(alert_mail(delivery, UTF8_MAIL, LINKS)),
        "mail, digest": lambda delivery: mail_forms(
            digest_mail([delivery] * 3, DIGEST, lambda _: LINKS)
        ),
        "teams": lambda delivery: card(
            card_message(delivery, text_of(delivery), decode(delivery.alert), LINKS)
        ),
        "pagerduty": lambda delivery: json_form(duty.preview(delivery).body),
        "opsgenie": lambda delivery: opsgenie(genie.preview(delivery).body),
        **{f"http, {form}": body_in(form) for form in Format},
        "http, URL, headers and JSON": request(body=BODY),
        "http, form": request(form=FORM),
        **{f"http, {kind}": request(body=text, content_type=kind) for kind, text in TEXTS.items()},
        "apprise": lambda delivery: plain(apprise.preview(delivery).body),
        "log, JSON": lambda delivery: log_line(logged(JsonFormatter(), delivery)),
        "log, text": lambda delivery: one_line(logged(TextFormatter(), delivery)),
    }


def check(
    sample: bytes, name: str, structure: Callable[[Delivery], Structure], count: int, seed: int
) -> None:
    """Compare the structure of ``count`` hostile texts with that of a harmless one."""
    source = random.Random(seed)  # noqa: S311 - the same texts each time
    for is_resolved in (False, True):
        make = functools.partial(delivery_with, sample, is_resolved=is_resolved)
        wanted = structure(make(HARMLESS))

        def differs(inside: str, make: Make = make, wanted: Structure = wanted) -> bool:
            return structure(make(f"a{inside}b")) != wanted

        for _ in range(count // 2):
            text = hostile_text(source)
            if differs(text[1:-1]):
                least = shrunk(text[1:-1], differs)
                found = structure(make(f"a{least}b"))
                raise AssertionError(f"{name}: {least!r} becomes structure\n{wanted}\n{found}")


Make = Callable[[str], Delivery]
NAMES = (
    "slack",
    "slack, previewed in HTML",
    "mattermost, rocketchat",
    "mail, plain part",
    "mail, HTML part",
    "mail",
    "mail for SMTPUTF8",
    "mail, digest",
    "teams",
    "pagerduty",
    "opsgenie",
    *(f"http, {form}" for form in Format),
    "http, URL, headers and JSON",
    "http, form",
    *(f"http, {kind}" for kind in TEXTS),
    "apprise",
    "log, JSON",
    "log, text",
)


@pytest.mark.parametrize("name", NAMES)
def test_event_text_is_text(name: str, sample: bytes, environment: Environment) -> None:
    check(sample, name, renderers(environment)[name], SHORT, seed=20261130)


def test_each_renderer_is_tried(environment: Environment) -> None:
    assert set(NAMES) == renderers(environment).keys()


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", NAMES)
def test_20_000_event_texts_are_text(name: str, sample: bytes, environment: Environment) -> None:
    check(sample, name, renderers(environment)[name], LONG, seed=1)
