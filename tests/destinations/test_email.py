import re

import msgspec
import pytest
from contracts.destination import PLANTED, ConnectingContract, attempt
from support.golden import golden
from support.mail import SmtpSink

from router.alerts import (
    AlertStatus,
    Attempt,
    Delivered,
    Delivery,
    DeliveryId,
    Failed,
    Refused,
    Severity,
)
from router.datatypes import Duration, Secret, decode_value
from router.destinations.contract import Links
from router.destinations.email import EmailDestination
from router.destinations.email_config import EmailConfig
from router.destinations.email_content import alert_mail
from router.destinations.kinds import KINDS

OAUTH = {
    "token_url": "https://login.example.com/token",
    "client_id": "router",
    "client_secret": PLANTED,
}
ANN, BOB, EVE = "ann@example.com", "bob@example.com", "eve@example.com"


def config(port: int = 25, **more: object) -> EmailConfig:
    settings = {
        "to": (ANN,),
        "from_": "Event router <router@example.com>",
        "smtp_url": Secret(f"smtp://127.0.0.1:{port}"),
    }
    return EmailConfig(**(settings | more))


class TestContract(ConnectingContract):
    greeting = b"220 mail.test\r\n"
    flood_beginning = b"220 "

    def accepting(self):
        return SmtpSink(login=("router", PLANTED))

    def config(self, port: int, timeout: float) -> EmailConfig:
        url = Secret(f"smtp://router:{PLANTED}@127.0.0.1:{port}")
        return config(smtp_url=url, timeout=Duration(timeout))

    def arrived(self, far: SmtpSink) -> list[bytes]:
        return [mail.content for mail in far.mails]


async def mail_of(delivery, environment, **settings):
    async with SmtpSink() as sink:
        destination = EmailDestination("x", config(sink.port, **settings), environment)
        assert await attempt(destination, delivery) == Delivered(250)
    (mail,) = sink.mails
    return mail


def with_event_text(delivery, text, **alert):
    event = {"id": text, "type": text, "source": text, "subject": text}
    event["data"] = {"friendly_name": text, "conference_sid": text, "status": text}
    changed = msgspec.structs.replace(
        delivery.alert,
        **{
            "event": msgspec.json.encode(event),
            "event_id": text,
            "event_source": text,
            "event_type": text,
            "event_time": text,
        }
        | alert,
    )
    return msgspec.structs.replace(delivery, alert=changed)


async def test_the_parts_read_like_this(environment, delivery):
    mail = (await mail_of(delivery, environment)).message()
    text = mail.get_body(("plain",)).get_content()
    html = mail.get_body(("html",)).get_content()
    assert text == golden("email.txt", text)
    assert html == golden("email.html", html)


async def test_the_whole_mail_reads_like_this_on_the_wire(environment, delivery):
    content = (await mail_of(delivery, environment)).content.decode().replace("\r\n", "\n")
    assert content == golden("email.eml", content)


@pytest.mark.parametrize("status", list(AlertStatus))
async def test_a_mail_with_all_that_there_is_to_tell_reads_like_this(status, linked, full):
    alert = msgspec.structs.replace(full.alert, status=status)
    mail = (await mail_of(msgspec.structs.replace(full, alert=alert), linked)).message()
    text = mail.get_body(("plain",)).get_content()
    html = mail.get_body(("html",)).get_content()
    assert text == golden(f"email-{status}.txt", text)
    assert html == golden(f"email-{status}.html", html)
    assert ("[RESOLVED]" in mail["Subject"]) == (status is AlertStatus.RESOLVED)


async def test_nothing_in_a_mail_is_loaded_from_elsewhere(linked, full):
    html = (await mail_of(full, linked)).message().get_body(("html",)).get_content()
    assert not re.search(r"<(img|link|script|iframe)|@import|url\(|src=", html)
    assert set(re.findall(r'(?:href|action)="([^"?]*)', html)) == {
        "https://router.example.com/alerts/acknowledge",
        "https://router.example.com/alerts/silence",
        "https://router.example.com/alerts/1",
    }


async def test_mails_about_the_same_thing_are_a_thread(environment, full, delivery):
    first = await mail_of(full, environment)
    again = msgspec.structs.replace(full, id=DeliveryId("msg_again"))
    second = await mail_of(again, environment)
    root = "<ak_0123456789abcdef01234567@example.com>"
    for mail in (first, second):
        assert (mail.message()["In-Reply-To"], mail.message()["References"]) == (root, root)
    assert first.message()["Message-ID"] != second.message()["Message-ID"]
    alone = await mail_of(delivery, environment)
    assert (alone.message()["In-Reply-To"], alone.message()["References"]) == (None, None)


async def test_envelope_and_headers(environment, delivery):
    mail = await mail_of(
        delivery, environment, to=(ANN, BOB), reply_to="Voice team <voice@example.com>"
    )
    headers = mail.message()
    assert (mail.sender, mail.recipients) == ("router@example.com", (ANN, BOB))
    assert headers["From"] == "Event router <router@example.com>"
    assert headers["To"] == f"{ANN}, {BOB}"
    assert headers["Reply-To"] == "Voice team <voice@example.com>"
    assert headers["Subject"] == "[WARNING] Conference Weekly Standup Meeting timed out"
    assert headers["Auto-Submitted"] == "auto-generated"
    assert headers["Importance"] is None


@pytest.mark.fault_row(58)
async def test_every_attempt_is_the_same_mail(environment, delivery):
    second = msgspec.structs.replace(delivery, attempt=2)
    first_mail = await mail_of(delivery, environment)
    second_mail = await mail_of(second, environment)
    assert first_mail.content == second_mail.content
    assert first_mail.message()["Message-ID"] == f"<{delivery.id}@example.com>"


async def test_a_critical_alert_is_marked_important(environment, delivery):
    alert = msgspec.structs.replace(delivery.alert, severity=Severity.CRITICAL)
    mail = await mail_of(msgspec.structs.replace(delivery, alert=alert), environment)
    assert mail.message()["Importance"] == "high"
    assert "#dc2626" in mail.message().get_body(("html",)).get_content()


@pytest.mark.fault_row(59)
@pytest.mark.parametrize("line_end", ["\r\n", "\n", "\r", "\x0b", "\x85", "\u2028"])
@pytest.mark.parametrize("summary", ["{{ data.friendly_name }}", ""])
async def test_no_event_text_can_add_a_header(line_end, summary, environment, delivery):
    """Mutant: line ends stay in a text."""
    text = f"hello{line_end}Bcc: {EVE}{line_end}{line_end}<p>body"
    mail = await mail_of(with_event_text(delivery, text, summary=summary), environment)
    assert mail.recipients == (ANN,)
    assert mail.message()["Bcc"] is None
    assert len(mail.message().keys()) == 10
    assert "hello Bcc" in mail.message()["Subject"]


@pytest.mark.fault_row(59)
async def test_event_text_is_escaped_in_the_html_part(environment, delivery):
    text = "<script>alert('x')</script><img src=x onerror=y> & \"q\""
    delivery = with_event_text(delivery, text, summary="{{ data.friendly_name }}")
    html = (await mail_of(delivery, environment)).message().get_body(("html",)).get_content()
    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;" in html


@pytest.mark.parametrize("text", ["x" * 50_000, "Ünïcödé 🙂 " * 5_000, ".\r\n.\r\n", "\ud7ff\x00"])
async def test_odd_and_endless_texts_arrive_shortened(text, environment, delivery):
    delivery = with_event_text(delivery, text, summary="{{ data.friendly_name }}")
    mail = await mail_of(delivery, environment)
    assert len(mail.content) < 60_000
    assert len(mail.message()["Subject"]) <= 200
    assert max(len(line) for line in mail.content.split(b"\r\n")) <= 998


@pytest.mark.fault_row(58)
@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("421 4.3.2 shutting down", Failed),
        ("450 4.2.1 greylisted", Failed),
        ("451 4.3.0 later", Failed),
        ("452 4.2.2 full for now", Failed),
        ("500 5.5.2 not understood", Refused),
        ("550 5.1.1 no such user", Refused),
        ("551 5.1.6 moved", Refused),
        ("552 5.2.2 full", Refused),
        ("553 5.1.3 no such name", Refused),
        ("554 5.7.1 spam", Refused),
    ],
)
@pytest.mark.parametrize("step", ["mail_reply", "recipient", "data_reply"])
async def test_the_reply_decides_at_each_step(reply, expected, step, environment, delivery):
    """Mutant: a temporary reply of a mail server is final."""
    async with SmtpSink() as sink:
        steps = {"mail_reply": "", "data_reply": "", "recipient": ""} | {step: reply}
        sink.mail_reply, sink.data_reply = steps["mail_reply"], steps["data_reply"]
        sink.recipient_replies = {ANN: steps["recipient"]}
        outcome = await attempt(EmailDestination("x", config(sink.port), environment), delivery)
        assert sink.mails == []
    assert type(outcome) is expected
    assert outcome.status == int(reply[:3])
    assert reply[4:] in outcome.response
    assert outcome.reached == ()


@pytest.mark.fault_row(58)
@pytest.mark.parametrize(
    ("bob", "eve", "expected"),
    [
        (
            "451 later",
            "",
            Failed(
                "1 of 3 recipients not taken for now", 451, f"{BOB}: 451 later", reached=(ANN, EVE)
            ),
        ),
        (
            "550 unknown",
            "",
            Refused("1 of 3 recipients refused", 550, f"{BOB}: 550 unknown", reached=(ANN, EVE)),
        ),
        (
            "550 unknown",
            "450 later",
            Failed(
                "1 of 3 recipients not taken for now",
                450,
                f"{BOB}: 550 unknown; {EVE}: 450 later",
                reached=(ANN,),
            ),
        ),
    ],
)
async def test_mixed_recipients(bob, eve, expected, environment, delivery):
    async with SmtpSink() as sink:
        sink.recipient_replies = {BOB: bob, EVE: eve}
        destination = EmailDestination("x", config(sink.port, to=(ANN, BOB, EVE)), environment)
        assert await attempt(destination, delivery) == expected
        assert [mail.recipients for mail in sink.mails] == [expected.reached]


@pytest.mark.fault_row(58)
async def test_who_has_the_mail_gets_no_second_one(environment, delivery):
    past = Attempt(number=1, at=0.0, seconds=0.1, reason="later", reached=(ANN, EVE))
    again = msgspec.structs.replace(delivery, attempt=2, failed_attempts=(past,))
    async with SmtpSink() as sink:
        destination = EmailDestination("x", config(sink.port, to=(ANN, BOB, EVE)), environment)
        assert await attempt(destination, again) == Delivered(250)
        assert [mail.recipients for mail in sink.mails] == [(BOB,)]


async def test_nothing_is_sent_when_all_have_it(environment, delivery):
    past = Attempt(number=1, at=0.0, seconds=0.1, reason="later", reached=(ANN,))
    again: Delivery = msgspec.structs.replace(delivery, attempt=2, failed_attempts=(past,))
    async with SmtpSink() as sink:
        destination = EmailDestination("x", config(sink.port), environment)
        assert await attempt(destination, again) == Delivered()
        assert sink.connections == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"to": []}, "to is empty"),
        ({"to": ["not an address"]}, "is not an address"),
        ({"to": [f"{ANN}\r\nBcc: {EVE}"]}, "is not an address"),
        ({"to": [f"{ANN},{EVE}"]}, "is not an address"),
        ({"to": ["NOC"]}, "to: 'NOC' is not an address, write for example noc@example.com or NOC"),
        ({"to": "ann@example.com bob@example.com"}, "to: .* is not an address"),
        ({"to": ["noc@exam ple.com"]}, "is not an address"),
        ({"to": ["noc@-x.example"]}, "is not an address"),
        ({"to": ["noc@bücher..example"]}, "is not an address"),
        ({"to": [f"{'x' * 65}@example.com"]}, "is not an address"),
        ({"to": ["a..b@example.com"]}, "is not an address"),
        ({"to": ["NOC <noc@example.com> x"]}, "is not an address"),
        ({"to": ["N\u202eOC <noc@example.com>"]}, "is not an address"),
        ({"to": ["N\ud800OC <noc@example.com>"]}, "is not an address"),
        ({"to": [f"a{number}@example.com" for number in range(101)]}, "101 addresses, at most 100"),
        ({"cc": ["nobody"]}, "cc: .* is not an address"),
        ({"bcc": "nobody"}, "bcc: .* is not an address"),
        ({"from": f"Router\r\nBcc: {EVE} <router@example.com>"}, "from: .* is not an address"),
        ({"from": "Router"}, "from: .* is not an address"),
        ({"from": "Router <router@>"}, "from: .* is not an address"),
        ({"reply_to": "nobody"}, "reply_to: .* is not an address"),
        ({"smtp_url": f"http://{PLANTED}@x"}, "must be smtp://"),
        ({"smtp_url": f"smtp://u:{PLANTED}@mail.example.com"}, "in clear text"),
        ({"smtp_url": f"smtps://u:{PLANTED}/x@mail"}, "not a URL"),
        ({"smtp_url": f"smtps://mail/{PLANTED}"}, "end after the port"),
        ({"smtp_url": f"smtps://mail:{PLANTED}"}, "not a URL"),
        ({"smtp_url": "smtps://"}, "must be smtp://"),
        ({"subject": "{{ data."}, "subject: "),
        ({"subject": "{{ nothing }}"}, "subject: unknown name 'nothing'"),
        ({"headers": {"X-Team": "{% x %}"}}, "headers: X-Team: "),
        ({"headers": {"Subject": "x"}}, "headers: Subject is set by the router itself"),
        ({"headers": {"content-type": "text/html"}}, "content-type is set by the router itself"),
        ({"headers": {"X-Team: x\r\nBcc": "x"}}, "is not the name of a header"),
        ({"headers": {"X-A": "1", "x-a": "2"}}, "headers: x-a is given twice"),
        ({"hello": "router"}, "hello: 'router' is not a full host name, write for example"),
        ({"hello": "[300.0.0.1]"}, "hello: .* an address in brackets"),
        ({"hello": "10.0.0.1"}, "hello: .* an address in brackets"),
        ({"hello": "[2001:db8::1]"}, "hello: .* an address in brackets"),
        ({"hello": "a.example x"}, "hello: "),
        ({"timeouts": {"data": "0s"}}, "data is 0, a server needs time"),
        ({"smtp_url": f"smtps://u:{PLANTED}@x", "oauth2": OAUTH}, "exclude each other"),
        (
            {"smtp_url": "smtps://router@mail.example.com"},
            "a user and no password, write user:pass",
        ),
        ({"smtp_url": "smtp://mail.example.com", "oauth2": OAUTH}, "in clear text"),
        (
            {"digest": {"every": "1h"}, "subject": "{{ data }}"},
            "subject: a digest is about several",
        ),
    ],
)
def test_a_wrong_configuration_says_what_would_be_right_and_no_secret(settings, message):
    right = {"to": [ANN], "from": "router@example.com", "smtp_url": "smtps://mail.example.com"}
    with pytest.raises(msgspec.ValidationError, match=message) as raised:
        msgspec.convert(right | settings, KINDS["email"].config, dec_hook=decode_value)
    assert PLANTED not in str(raised.value)


def test_the_configuration_is_written_as_documented():
    written = {"to": [ANN], "from": "router@example.com", "smtp_url": "smtps://mail.example.com"}
    read = msgspec.convert(written, KINDS["email"].config, dec_hook=decode_value)
    assert (read.from_, read.to) == ("router@example.com", (ANN,))


def test_a_name_with_other_letters_is_kept(delivery):
    mail = alert_mail(delivery, config(from_="Jörg's Röuter <router@example.com>"), Links())
    assert b"From: =?utf-8?b?SsO2cmcncyBSw7Z1dGVy?= <router@example.com>\r\n" in mail.ascii


async def test_the_preview_has_both_parts(environment, delivery):
    preview = EmailDestination("x", config(), environment).preview(delivery)
    assert dict(preview.headers)["subject"].startswith("[WARNING] Conference Weekly")
    assert preview.body.startswith("Conference Weekly Standup Meeting timed out\n")
    assert preview.html.startswith("<!DOCTYPE html>")
