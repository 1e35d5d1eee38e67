import asyncio
import base64

import msgspec
import pytest
from support.mail import SmtpSink
from support.sinks import TcpSink, greets

from router.alerts import Delivered, Failed, Refused
from router.datatypes import Secret
from router.destinations.transport.smtp import (
    Mailer,
    Recipient,
    SmtpServer,
    outcome,
    parse_url,
)

ANN, BOB = "ann@example.com", "bob@example.com"
MAIL = b"Subject: hello\r\n\r\n.leading dot\r\n"


@pytest.fixture
def mailer(environment):
    def make(url: str, timeout: float = 5.0) -> Mailer:
        return Mailer(parse_url(Secret(url)), environment, timeout=timeout)

    return make


async def send(mailer: Mailer, count: int = 1):
    outcomes = [await mailer.send("router@example.com", [ANN], MAIL) for _ in range(count)]
    await mailer.close()
    return outcomes


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail", SmtpServer("mail", 25, False, False, "", Secret(""))),
        ("smtps://mail", SmtpServer("mail", 465, True, False, "", Secret(""))),
        ("smtp+starttls://mail", SmtpServer("mail", 587, False, True, "", Secret(""))),
        ("smtps://u%40x:p%2F%3A@mail:1", SmtpServer("mail", 1, True, False, "u@x", Secret("p/:"))),
        ("smtp://u:p@127.0.0.1:9", SmtpServer("127.0.0.1", 9, False, False, "u", Secret("p"))),
    ],
)
def test_urls(url, server):
    assert parse_url(Secret(url)) == server


@pytest.mark.parametrize(("scheme", "option"), [("smtps", "tls"), ("smtp+starttls", "starttls")])
async def test_tls(scheme, option, mailer, server_tls):
    async with SmtpSink(**{option: server_tls}, login=("u", "p")) as sink:
        assert await send(mailer(sink.url(scheme, "u:p@"))) == [Delivered(250)]
    assert sink.mails[0].tls
    assert sink.mails[0].content == MAIL


@pytest.mark.parametrize(("scheme", "option"), [("smtps", "tls"), ("smtp+starttls", "starttls")])
async def test_a_certificate_of_a_stranger_is_not_trusted(
    scheme, option, environment, server_tls, stranger
):
    environment = msgspec.structs.replace(environment, tls=stranger)
    async with SmtpSink(**{option: server_tls}) as sink:
        server = parse_url(Secret(sink.url(scheme)))
        outcomes = await send(Mailer(server, environment, timeout=5.0))
        assert sink.mails == []
    assert outcomes == [Failed("TLS certificate from an unknown authority")]


async def test_a_server_without_starttls_gets_no_mail(mailer):
    async with SmtpSink() as sink:
        outcomes = await send(mailer(sink.url("smtp+starttls")))
        assert sink.mails == []
    assert outcomes == [Failed("the mail server does not offer STARTTLS")]


async def test_a_server_without_login_gets_no_mail(mailer):
    async with SmtpSink() as sink:
        outcomes = await send(mailer(sink.url("smtp", "u:p@")))
        assert sink.mails == []
    assert outcomes == [Failed("the mail server does not offer a login")]


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
                group.create_task(one.send("router@example.com", [ANN], MAIL))
        assert await send(one, count=4) == [Delivered(250)] * 4
    assert (sink.connections, len(sink.mails)) == (4, 8)


@pytest.mark.parametrize("rset_reply", ["421 idle too long", "500 what?"])
async def test_a_kept_connection_that_went_stale_is_replaced(rset_reply, mailer):
    async with SmtpSink() as sink:
        one = mailer(sink.url())
        await one.send("router@example.com", [ANN], MAIL)
        sink.rset_reply = rset_reply
        assert await send(one) == [Delivered(250)]
    assert (sink.connections, len(sink.mails)) == (2, 2)


async def test_a_kept_connection_that_the_server_closed_is_replaced(mailer):
    async with SmtpSink() as sink:
        one = mailer(sink.url())
        await one.send("router@example.com", [ANN], MAIL)
        sink.hang_up()
        assert await send(one) == [Delivered(250)]
    assert (sink.connections, len(sink.mails)) == (2, 2)


@pytest.mark.parametrize(("step", "arrived"), [("MAIL", 0), ("RCPT", 0), ("DATA", 1)])
async def test_a_connection_lost_on_the_way_is_tried_again(step, arrived, mailer):
    async with SmtpSink() as sink:
        sink.hangs_up_at = {step}
        assert await send(mailer(sink.url())) == [Failed("connection closed before the answer")]
        assert len(sink.mails) == arrived


async def test_after_a_failure_the_connection_is_not_kept(mailer):
    async with SmtpSink() as sink:
        one = mailer(sink.url())
        sink.data_reply = "451 later"
        await one.send("router@example.com", [ANN], MAIL)
        sink.data_reply = ""
        assert await send(one) == [Delivered(250)]
    assert sink.connections == 2


@pytest.mark.parametrize(
    ("refused", "expected"),
    [
        ([], Delivered(250)),
        (
            [Recipient(ANN, 450, "a"), Recipient(BOB, 550, "b")],
            Failed("1 of 2 recipients not taken for now", 450, f"{ANN}: 450 a; {BOB}: 550 b"),
        ),
        (
            [Recipient(ANN, 550, "a"), Recipient(BOB, 551, "b")],
            Refused("2 of 2 recipients refused", 550, f"{ANN}: 550 a; {BOB}: 551 b"),
        ),
        (
            [Recipient(BOB, 299, "?")],
            Failed("1 of 2 recipients not taken for now", 299, f"{BOB}: 299 ?", reached=(ANN,)),
        ),
    ],
)
def test_what_the_replies_mean(refused, expected):
    assert outcome([ANN, BOB], refused) == expected


def test_the_password_is_not_in_the_servers_repr():
    assert "p4ss" not in repr(parse_url(Secret("smtps://u:p4ss@mail")))
    assert base64.b64encode(b"p4ss").decode() not in repr(parse_url(Secret("smtps://u:p4ss@mail")))
