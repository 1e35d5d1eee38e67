"""Case D3: the text of an event is text in a mail, never a header, an encoded word or a part."""

import email
import email.policy
import json
import re
from email.header import decode_header, make_header
from html.parser import HTMLParser

import hypothesis
import msgspec
import pytest
from contracts.destination import attempt
from hypothesis import strategies as st
from support.mail import SmtpSink

from router.alerts import AlertKey, Delivered, DeliveryId
from router.datatypes import Secret
from router.destinations.contract import Links
from router.destinations.email import EmailDestination
from router.destinations.email_config import EmailConfig
from router.destinations.email_content import alert_mail

ANN, EVE = "ann@example.com", "eve@evil.example"
ATTACK = (
    "=?utf-8?q?All_clear=0D=0AReply-To:_x@evil.example=0D=0A"
    "Content-Type:_text/html=0D=0A=0D=0A<h1>Call_now</h1>?="
)
NAMES = [
    *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"),
    *("X-Auto-Response-Suppress", "X-Router-Delivery", "MIME-Version", "Content-Type"),
]


async def mail_about(text, environment, delivery, **settings):
    """Send a mail about an event that has ``text`` everywhere; return the mail's bytes."""
    return await sent(about(delivery, text, text), environment, **settings)


def about(delivery, text, other):
    """Return a delivery whose event has ``text`` and ``other`` everywhere."""
    event = {"id": text, "type": text, "source": other, "subject": other}
    event["data"] = {"friendly_name": text, "conference_sid": other, "status": text}
    members = [msgspec.structs.replace(each, summary=other) for each in delivery.alert.members]
    alert = msgspec.structs.replace(
        delivery.alert,
        event=json.dumps(event).encode(),
        event_id=text,
        event_source=text,
        event_type=other,
        event_time=text,
        summary="{{ data.friendly_name }}",
        members=tuple(members),
        labels=dict.fromkeys(delivery.alert.labels, other),
    )
    return msgspec.structs.replace(delivery, alert=alert)


async def sent(delivery, environment, **settings):
    async with SmtpSink() as sink:
        url = Secret(sink.url())
        given = {"to": (ANN,), "from_": "router@example.com", "smtp_url": url} | settings
        destination = EmailDestination("x", EmailConfig(**given), environment)
        assert await attempt(destination, delivery) == Delivered(250)
    (mail,) = sink.mails
    assert mail.recipients == (ANN,)
    return mail.content


def header_names(content: bytes) -> list[str]:
    """Return the names of a mail's headers as its bytes have them, without an e-mail parser."""
    head, _, _ = content.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.startswith((b" ", b"\t"))]
    return [line.partition(b":")[0].decode() for line in lines]


def shown(content: bytes, name: str) -> str:
    """Return a header as a mail client shows it: each encoded word decoded once."""
    value = email.message_from_bytes(content, policy=email.policy.compat32)[name]
    return str(make_header(decode_header(re.sub(r"\r\n(?=[ \t])", "", value))))


@pytest.mark.fault_row(59)
@pytest.mark.parametrize(
    "text",
    [
        ATTACK,
        "=?utf-8?b?QWxsIGNsZWFyDQpSZXBseS1UbzogeEBldmlsLmV4YW1wbGUNCg0KPGgxPg==?=",
        "=?us-ascii?q?a=0Ab?=",
        "=?utf-8?q?a=0DReply-To:_x?=",
        "x =?iso-8859-1?q?=A1?= =?utf-8?q?=E2=80=AEabc?= y",
        "=?utf-8*en?q?hello?=",
        "=?utf-8?q?unfinished",
        "=?x?=",
        "ok\n =?utf-8?q?=0D=0A?=",
    ],
)
async def test_an_encoded_word_in_event_text_is_not_decoded(text, environment, delivery):
    """Case D3: Python 3.11.0 to 3.11.9 and 3.12.0 to 3.12.4 write what it decodes as structure."""
    content = await mail_about(text, environment, delivery)
    assert header_names(content) == NAMES
    assert shown(content, "Subject") == f"[WARNING] {' '.join(text.split())}"
    assert shown(content, "Content-Type").startswith("multipart/alternative;")


@pytest.mark.parametrize(
    "damaged",
    [
        {"id": DeliveryId("msg_1\r\nBcc: eve@evil.example")},
        {"key": AlertKey("ak_1>\r\n\r\n<h1>Call now</h1>")},
        {"id": DeliveryId("msg_\u00fc\ud800 >")},
    ],
)
async def test_a_mail_that_would_not_be_as_expected_is_sent_in_a_plain_form(
    damaged, environment, delivery, template_errors
):
    alert = msgspec.structs.replace(
        delivery.alert, **{name: value for name, value in damaged.items() if name == "key"}
    )
    ids = {name: value for name, value in damaged.items() if name == "id"}
    broken = msgspec.structs.replace(delivery, alert=alert, **ids)
    content = await sent(broken, environment)
    assert header_names(content) == NAMES
    assert shown(content, "Subject") == "[WARNING] conference-summary-timeout"
    assert b"evil" not in content.partition(b"\r\n\r\n")[0]
    assert len(template_errors) == 1
    assert await sent(broken, environment) == content


ALLOWED_TAGS = {
    *("html", "head", "meta", "title", "style", "body", "table", "tr", "td", "th", "span", "h1"),
    *("p", "ul", "li", "a", "br", "div"),
}
TEXTS = st.lists(
    st.sampled_from(
        [
            *(ATTACK, "=?utf-8?b?", "?=", "=0D=0A", "\r\n", "\n\n", "\r", "\x00", "\x0b", "\u2028"),
            *(
                "Bcc: eve@evil.example",
                "--=_msg_",
                "--",
                ".",
                "From ",
                "<h1>",
                "</td>",
                "<!--",
                "-->",
            ),
            *(
                "<a href=javascript:x>",
                "<img src=x>",
                '"',
                "'",
                "&#x41;",
                "]]>",
                "{{ 1 }}",
                "\ud800",
            ),
            *("\u202e", "\ufeff", "x" * 1200, "🙂", "é", " "),
        ]
    )
    | st.text(max_size=10),
    max_size=6,
).map("".join)


class _Tags(HTMLParser):
    def __init__(self, content: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.urls: list[str | None] = []
        self.feed(content)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.urls += [value for name, value in attrs if name in {"href", "src", "action"}]

    def handle_comment(self, data: str) -> None:
        self.found.add(f"<!--{data}")


@hypothesis.settings(
    max_examples=60, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)
@hypothesis.example(ATTACK, ATTACK)
@hypothesis.given(TEXTS, TEXTS)
def test_no_event_text_becomes_structure(full, text, other):
    """Case D3: everything that a stranger can say, in every place where a mail shows it."""
    mail = alert_mail(
        about(full, text, other),
        EmailConfig(
            to=ANN,
            from_="router@example.com",
            smtp_url=Secret("smtp://127.0.0.1"),
            headers={"X-Name": "{{ data.friendly_name }}"},
        ),
        Links(show="https://router.example.com/alerts/1"),
    )
    assert mail.ascii is not None
    optional = [name for name in ("X-Name",) if name in header_names(mail.ascii)]
    expected = [
        *NAMES[:5],
        *("In-Reply-To", "References", "Auto-Submitted", "X-Auto-Response-Suppress"),
        *("X-Router-Delivery", *optional, "MIME-Version", "Content-Type"),
    ]
    assert header_names(mail.ascii) == expected
    parsed = email.message_from_bytes(mail.ascii, policy=email.policy.compat32)
    plain, html = (part.get_payload(decode=True).decode() for part in parsed.get_payload())
    assert not re.search(
        "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", plain + html
    )
    tags = _Tags(html)
    assert tags.found <= ALLOWED_TAGS
    assert tags.urls == ["https://router.example.com/alerts/1"]
