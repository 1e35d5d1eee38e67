"""Digests: one mail for all deliveries that are due together, and an outcome for each."""

import asyncio

import msgspec
import pytest
from contracts.destination import PLANTED, ConnectingContract
from hypothesis import given
from hypothesis import strategies as st
from support.golden import golden
from support.mail import SmtpSink

from router.alerts import (
    AlertId,
    AlertStatus,
    Attempt,
    Delivered,
    Failed,
    Refused,
    Severity,
    delivery_id,
)
from router.datatypes import Duration, Secret
from router.destinations.email import EmailDestination
from router.destinations.email_config import EmailConfig
from router.destinations.rendering.digest import LIMIT, DigestConfig

ANN, BOB = "ann@example.com", "bob@example.com"
HOURLY = DigestConfig(every=Duration(3600))


def config(port: int = 25, **more: object) -> EmailConfig:
    settings = {
        "to": (ANN,),
        "from_": "router@example.com",
        "smtp_url": Secret(f"smtp://127.0.0.1:{port}"),
        "digest": HOURLY,
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
        return [mail.message().get_body(("plain",)).get_content().encode() for mail in far.mails]

    async def test_attempts_may_be_under_way_at_once(self, environment, delivery):
        # Concurrent attempts make one mail: see the tests below.
        pass


@pytest.fixture
def deliveries(delivery):
    """Alerts of several rules, severities and times."""
    kinds = [
        ("call-quality", Severity.CRITICAL, AlertStatus.FIRING, 1),
        ("conference-summary-timeout", Severity.WARNING, AlertStatus.FIRING, 1),
        ("call-quality", Severity.CRITICAL, AlertStatus.FIRING, 4),
        ("call-quality", Severity.CRITICAL, AlertStatus.RESOLVED, 1),
        ("empty-conference", Severity.INFO, AlertStatus.FIRING, 1),
    ]
    made = []
    for number, (rule, severity, status, count) in enumerate(kinds):
        alert = msgspec.structs.replace(
            delivery.alert,
            id=AlertId(f"al_{number}"),
            rule=rule,
            severity=severity,
            status=status,
            count=count,
            raised_at=delivery.alert.raised_at + 60 * number,
            summary=f"No. {number} of <{{{{ data.friendly_name }}}}>",
        )
        made.append(
            msgspec.structs.replace(delivery, alert=alert, id=delivery_id(alert.id, "here"))
        )
    return made


async def attempt_all(destination, deliveries):
    await destination.open()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(destination.attempt(each)) for each in deliveries]
    await destination.close()
    return [task.result() for task in tasks]


async def test_what_falls_due_together_is_one_mail_that_reads_like_this(linked, deliveries):
    async with SmtpSink() as sink:
        outcomes = await attempt_all(EmailDestination("x", config(sink.port), linked), deliveries)
    assert outcomes == [Delivered(250)] * 5
    (mail,) = sink.mails
    headers = mail.message()
    assert headers["Subject"] == "5 alerts: 2 critical, 1 warning, 1 info, 1 resolved"
    assert headers["Importance"] == "high"
    text = headers.get_body(("plain",)).get_content()
    html = headers.get_body(("html",)).get_content()
    assert text == golden("digest.txt", text)
    assert html == golden("digest.html", html)
    assert all(each.id in text for each in deliveries)


async def test_a_digest_has_acknowledgements_before_its_ends(linked, deliveries):
    told = {"status": AlertStatus.ACKNOWLEDGED, "acknowledged_by": "Ann <b>"}
    alert = msgspec.structs.replace(deliveries[0].alert, **told)
    deliveries[0] = msgspec.structs.replace(deliveries[0], alert=alert)
    async with SmtpSink() as sink:
        await attempt_all(EmailDestination("x", config(sink.port), linked), deliveries)
    message = sink.mails[0].message()
    expected = "5 alerts: 1 critical, 1 warning, 1 info, 1 acknowledged, 1 resolved"
    assert message["Subject"] == expected
    text = message.get_body(("plain",)).get_content()
    assert text.index("empty-conference") < text.index("Acknowledged by Ann <b>.")
    assert "Ann &lt;b&gt;" in message.get_body(("html",)).get_content()


async def test_the_same_deliveries_are_the_same_mail(environment, deliveries):
    async with SmtpSink() as sink:
        for order in (deliveries, deliveries[::-1]):
            await attempt_all(EmailDestination("x", config(sink.port), environment), order)
    first, second = (mail.message()["Message-ID"] for mail in sink.mails)
    assert first == second


@pytest.mark.parametrize(("reply", "expected"), [("451 later", Failed), ("550 no", Refused)])
async def test_the_mails_outcome_is_that_of_each(reply, expected, environment, deliveries):
    async with SmtpSink() as sink:
        sink.data_reply = reply
        outcomes = await attempt_all(
            EmailDestination("x", config(sink.port), environment), deliveries
        )
    assert {type(outcome) for outcome in outcomes} == {expected}


async def test_those_who_have_it_are_not_written_to_again(environment, deliveries):
    past = Attempt(number=1, at=0.0, seconds=0.0, reason="later", reached=(ANN,))
    again = [msgspec.structs.replace(each, failed_attempts=(past,)) for each in deliveries[:2]]
    async with SmtpSink() as sink:
        destination = EmailDestination("x", config(sink.port, to=(ANN, BOB)), environment)
        assert await attempt_all(destination, [*again, *deliveries[2:]]) == [Delivered(250)] * 5
    assert sorted(mail.recipients for mail in sink.mails) == [(ANN, BOB), (BOB,)]


async def test_a_storm_is_counted_and_the_mail_stays_whole(environment, deliveries):
    storm = []
    for number in range(LIMIT):
        alert = msgspec.structs.replace(
            deliveries[0].alert, id=AlertId(f"al_{number}"), rule=f"rule-{number % 40:02}"
        )
        storm.append(
            msgspec.structs.replace(deliveries[0], alert=alert, id=delivery_id(alert.id, "here"))
        )
    async with SmtpSink() as sink:
        await attempt_all(EmailDestination("x", config(sink.port), environment), storm)
    (mail,) = sink.mails
    html = mail.message().get_body(("html",)).get_content()
    assert html.rstrip().endswith("</html>")
    assert "and 5 more" in html
    assert "and alerts of 20 more rules" in html
    assert len(mail.content) < 600_000


@pytest.mark.parametrize(
    ("digest", "now", "end"),
    [
        (HOURLY, 7200.0, 10800.0),
        (HOURLY, 7200.001, 10800.0),
        (HOURLY, 10799.999, 10800.0),
        (DigestConfig(every=Duration(86400), offset=Duration(25200)), 0.0, 25200.0),
        (DigestConfig(every=Duration(86400), offset=Duration(25200)), 25200.0, 111600.0),
    ],
)
def test_spans_end_where_they_are_said_to(digest, now, end):
    assert digest.end(now) == end
    assert config(digest=digest).due_at(now) == end


@given(st.floats(0, 4e9), st.sampled_from([60, 3600, 86400, 604800]), st.floats(0, 59))
def test_a_span_ends_after_now_and_within_its_length(now, every, offset):
    digest = DigestConfig(every=Duration(every), offset=Duration(offset))
    assert now < digest.end(now) <= now + every + 1e-3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"every": Duration(59)}, "every must be from 1m to 7d"),
        ({"every": Duration(8 * 86400)}, "every must be from 1m to 7d"),
        ({"every": Duration(60), "offset": Duration(60)}, "offset must be shorter than every"),
    ],
)
def test_a_wrong_digest_says_what_would_be_right(settings, message):
    with pytest.raises(ValueError, match=message):
        DigestConfig(**settings)
