import asyncio

import msgspec
import pytest
from support.mail import SmtpSink
from support.sinks import TcpSink, greets

from router.alerts import Delivered, Failed, Refused
from router.datatypes import Secret
from router.destinations.rendering.mailbox import parse_mailbox
from router.destinations.transport.smtp import Mailer
from router.destinations.transport.smtp_connection import Client, Envelope, Phases
from router.destinations.transport.smtp_server import parse_url

CONTENT = b"Subject: hello\r\n\r\n.leading dot\r\n"
SENDER, ANN = (parse_mailbox(f"{name}@example.com", "to") for name in ("router", "ann"))
MAIL = Envelope(SENDER, (ANN,), CONTENT)
PHASES = Phases(connect=2.0, greeting=2.0, command=2.0, data=5.0)


def client(url: str, environment, hello: str = "", phases: Phases = PHASES) -> Client:
    return Client(
        parse_url(Secret(url)),
        environment.egress,
        environment.names,
        environment.tls,
        hello,
        phases,
    )


@pytest.fixture
def mailer(environment):
    def make(url: str, timeout: float = 5.0, **more) -> Mailer:
        return Mailer(client(url, environment, **more), timeout=timeout)

    return make


async def send(mailer: Mailer, count: int = 1):
    outcomes = [await mailer.send(MAIL) for _ in range(count)]
    await mailer.close()
    return outcomes


@pytest.mark.parametrize(("scheme", "option"), [("smtps", "tls"), ("smtp+starttls", "starttls")])
async def test_tls(scheme, option, mailer, server_tls):
    async with SmtpSink(**{option: server_tls}, login=("u", "p")) as sink:
        assert await send(mailer(sink.url(scheme, "u:p@"))) == [Delivered(250)]
    assert sink.mails[0].tls
    assert sink.mails[0].content == CONTENT


@pytest.mark.parametrize(("scheme", "option"), [("smtps", "tls"), ("smtp+starttls", "starttls")])
async def test_a_certificate_of_a_stranger_is_not_trusted(
    scheme, option, environment, server_tls, stranger
):
    environment = msgspec.structs.replace(environment, tls=stranger)
    async with SmtpSink(**{option: server_tls}) as sink:
        outcomes = await send(Mailer(client(sink.url(scheme), environment), timeout=5.0))
        assert sink.mails == []
    assert outcomes == [Failed("TLS certificate from an unknown authority")]


async def test_a_server_without_starttls_gets_no_mail(mailer):
    async with SmtpSink() as sink:
        outcomes = await send(mailer(sink.url("smtp+starttls")))
        assert sink.mails == []
    assert outcomes == [Refused("the mail server does not offer STARTTLS")]
    assert outcomes[0].blames_destination


async def test_a_server_without_login_gets_no_mail(mailer):
    async with SmtpSink() as sink:
        outcomes = await send(mailer(sink.url("smtp", "u:p@")))
        assert sink.mails == []
    assert outcomes == [Refused("the mail server does not offer a login")]


async def test_a_wrong_password_is_refused_and_not_told(mailer):
    async with SmtpSink(login=("u", "right")) as sink:
        (refused,) = await send(mailer(sink.url("smtp", "u:wr0ng-password@")))
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.status) == ("login refused by the mail server", 535)
    assert "wr0ng-password" not in repr(refused)


@pytest.mark.fault_row(72)
async def test_a_reply_that_repeats_the_password_is_struck_out(mailer):
    async with SmtpSink(login=("u", "s3cret-password")) as sink:
        sink.data_reply = "554 I know you, u:s3cret-password"
        (refused,) = await send(mailer(sink.url("smtp", "u:s3cret-password@")))
    assert refused.response == "I know you, u:***"


async def test_a_reply_of_any_bytes_can_be_stored(mailer):
    async with TcpSink(greets(b"554 5.7.1 \xff\xfe\x00 no \xe2\x80\xae\r\n")) as sink:
        (refused,) = await send(mailer(f"smtp://127.0.0.1:{sink.port}"))
    assert isinstance(refused, Refused)
    assert refused.response.encode() == b"5.7.1 no"


async def test_a_connection_carries_many_mails(mailer):
    async with SmtpSink() as sink:
        assert await send(mailer(sink.url()), count=10) == [Delivered(250)] * 10
    assert (sink.connections, len(sink.mails)) == (1, 10)


async def test_mails_at_once_have_a_connection_each_and_keep_them(mailer):
    async with SmtpSink() as sink:
        one = mailer(sink.url())
        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(one.send(MAIL))
        assert await send(one, count=4) == [Delivered(250)] * 4
    assert (sink.connections, len(sink.mails)) == (4, 8)


@pytest.mark.parametrize("rset_reply", ["421 idle too long", "500 what?"])
async def test_a_kept_connection_that_went_stale_is_replaced(rset_reply, mailer):
    async with SmtpSink() as sink:
        one = mailer(sink.url())
        await one.send(MAIL)
        sink.rset_reply = rset_reply
        assert await send(one) == [Delivered(250)]
    assert (sink.connections, len(sink.mails)) == (2, 2)


async def test_a_kept_connection_that_the_server_closed_is_replaced(mailer):
    async with SmtpSink() as sink:
        one = mailer(sink.url())
        await one.send(MAIL)
        sink.hang_up()
        assert await send(one) == [Delivered(250)]
    assert (sink.connections, len(sink.mails)) == (2, 2)


@pytest.mark.parametrize(("step", "arrived"), [("MAIL", 0), ("RCPT", 0), ("DATA", 1)])
async def test_a_connection_lost_on_the_way_is_tried_again(step, arrived, mailer):
    async with SmtpSink() as sink:
        sink.hangs_up_at = {step}
        assert await send(mailer(sink.url())) == [Failed("connection closed before the answer")]
        assert len(sink.mails) == arrived


async def test_after_a_rejected_mail_the_connection_carries_the_next(mailer):
    async with SmtpSink() as sink:
        one = mailer(sink.url())
        sink.data_reply = "451 later"
        await one.send(MAIL)
        sink.data_reply = ""
        assert await send(one) == [Delivered(250)]
    assert sink.connections == 1
