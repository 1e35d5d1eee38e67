"""Mail servers as they are met in the field, with the whole destination."""

import asyncio
import contextlib
import re
import socket
from urllib.parse import parse_qsl

import msgspec
import pytest
from contracts.destination import attempt
from support.host_names import HostNames
from support.mail_field import FieldSmtpSink
from support.sinks import HttpSink, Reply
from support.waiting import until

from router.alerts import Delivered, DeliveryId, Failed, Refused
from router.datatypes import Duration, Secret
from router.destinations.email import EmailDestination
from router.destinations.email_config import EmailConfig, SmtpTimeouts
from router.destinations.transport.credentials import OAuth2Config
from router.destinations.transport.smtp_server import own_names
from router.worker.delivery.circuit_breaker import Health, health

ANN = "ann@example.com"


def destination(url: str, environment, **settings) -> EmailDestination:
    given = {"to": (ANN,), "from_": "router@example.com", "smtp_url": Secret(url)}
    return EmailDestination("x", EmailConfig(**given | settings), environment)


def numbered(delivery, count):
    return [
        msgspec.structs.replace(delivery, id=DeliveryId(f"msg_{number}")) for number in range(count)
    ]


async def at_once(target: EmailDestination, deliveries):
    """Attempt deliveries as a worker does: as many at once as the destination has slots."""
    slots = asyncio.Semaphore(target.config.slots)

    async def one(delivery):
        async with slots:
            return await target.attempt(delivery)

    await target.open()
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(delivery)) for delivery in deliveries]
        return [task.result() for task in tasks]
    finally:
        await target.close()


async def test_a_mail_whose_reply_is_late_arrives_once(environment, delivery):
    """Case D5: a content scanner's 250 comes long after the final dot."""
    async with FieldSmtpSink() as sink:
        sink.data_seconds = 0.8
        target = destination(sink.url(), environment, timeout=Duration(0.6))
        assert await attempt(target, delivery) == Delivered(250)
        assert len(sink.mails) == 1


@pytest.mark.parametrize(
    ("slow", "phase"),
    [
        ({"greeting_seconds": 0.6}, "greeting"),
        ({"recipient_seconds": 0.6}, "command"),
        ({"data_seconds": 0.6}, "data"),
    ],
)
@pytest.mark.parametrize("limit", [0.3, 2.0])
async def test_each_phase_has_its_own_limit(slow, phase, limit, environment, delivery):
    """Case D5: RFC 5321, section 4.5.3.2."""
    times = SmtpTimeouts(**{phase: Duration(limit)})
    async with FieldSmtpSink() as sink:
        for name, seconds in slow.items():
            setattr(sink, name, seconds)
        outcome = await attempt(destination(sink.url(), environment, timeouts=times), delivery)
    if limit > 0.6:
        assert outcome == Delivered(250)
    else:
        assert isinstance(outcome, Failed)
        assert outcome.reason.startswith("timed out waiting for the ")


async def test_a_mail_that_may_have_arrived_is_sent_again_with_its_message_id(
    environment, delivery
):
    """Case D5: the reply after the dot is lost, so a copy is possible; its id is the same."""
    async with FieldSmtpSink() as sink:
        sink.data_seconds = 0.4
        times = SmtpTimeouts(data=Duration(0.1))
        target = destination(sink.url(), environment, timeouts=times)
        outcome = await attempt(target, delivery)
        assert outcome == Failed(
            "timed out waiting for the reply to the mail, which may have arrived"
        )
        sink.data_seconds = 0.0
        assert await attempt(target, delivery) == Delivered(250)
        first, second = await sink.receive(2)
    assert first.content == second.content


def test_the_job_of_a_mail_may_take_as_long_as_the_mail(environment):
    """Case D5: a job that was cancelled earlier would send the mail again."""
    settings = destination("smtp://127.0.0.1", environment).config
    assert settings.longest_attempt >= settings.timeout + settings.timeouts.data >= 600


async def test_every_address_of_the_server_is_tried(environment, delivery):
    """Case D5: the first address does not answer at all, as its backlog is full."""
    async with FieldSmtpSink() as sink:
        with (
            socket.create_server(("127.0.0.2", sink.port), backlog=0) as dead,
            HostNames() as host_names,
            contextlib.ExitStack() as stack,
        ):
            for _ in range(3):
                filling = stack.enter_context(socket.socket())
                filling.setblocking(False)
                filling.connect_ex(dead.getsockname())
            host_names.addresses["mail.test"] = ["127.0.0.2", "127.0.0.1"]
            times = SmtpTimeouts(connect=Duration(0.4))
            url = f"smtp://mail.test:{sink.port}"
            target = destination(url, environment, timeouts=times)
            assert await attempt(target, delivery) == Delivered(250)


async def test_a_server_that_refuses_a_bare_host_name_gets_an_address(
    environment, delivery, monkeypatch
):
    """Case D8: the host name of a container has no domain."""
    monkeypatch.setattr(socket, "gethostname", lambda: "5f7d9c6b8-router")
    async with FieldSmtpSink() as sink:
        sink.hello_reply = "504 5.5.2 <5f7d9c6b8-router>: need fully-qualified hostname"
        assert await attempt(destination(sink.url(), environment), delivery) == Delivered(250)
        assert sink.hellos == ["EHLO [127.0.0.1]"]


async def test_a_name_that_the_server_refuses_is_replaced_by_the_address(
    environment, delivery, monkeypatch
):
    """Case D8: a name that no name server has."""
    monkeypatch.setattr(socket, "gethostname", lambda: "router.internal")
    async with FieldSmtpSink() as sink:
        sink.knows_ehlo = False
        assert await attempt(destination(sink.url(), environment), delivery) == Delivered(250)
        assert sink.hellos == ["EHLO router.internal", "EHLO [127.0.0.1]", "HELO [127.0.0.1]"]


async def test_hello_is_the_name_in_ehlo_after_starttls_too(environment, delivery, server_tls):
    """Case D8: a configured name is the only one."""
    async with FieldSmtpSink(starttls=server_tls) as sink:
        target = destination(sink.url("smtp+starttls"), environment, hello="router.example.com")
        assert await attempt(target, delivery) == Delivered(250)
        assert sink.hellos == ["EHLO router.example.com"] * 2


@pytest.mark.parametrize(
    ("host", "address", "names"),
    [
        ("router", "192.0.2.1", ["[192.0.2.1]"]),
        ("router.example.com", "192.0.2.1", ["router.example.com", "[192.0.2.1]"]),
        ("localhost", "::1", ["[IPv6:::1]"]),
        ("x_y", "fe80::1%eth0", ["[IPv6:fe80::1]"]),
        ("röuter.example.com", "::ffff:192.0.2.1", ["[192.0.2.1]"]),
        ("", "192.0.2.1", ["[192.0.2.1]"]),
        ("a b.example.com", "192.0.2.1", ["[192.0.2.1]"]),
    ],
)
def test_own_names(host, address, names, monkeypatch):
    """Case D8: RFC 5321, section 4.1.4."""
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    assert own_names("", address) == names
    assert own_names("given.example.com", address) == ["given.example.com"]


@pytest.mark.parametrize(
    "crowded", ["421 4.7.0 too many connections", "432 4.3.2 limit", "450 4.7.0 not now", ""]
)
async def test_a_server_that_takes_three_connections_gets_sixty_mails_in_seconds(
    crowded, environment, delivery
):
    """Case D15: the limit is learnt; no attempt fails, the circuit stays closed."""
    async with FieldSmtpSink() as sink:
        sink.max_connections = 3
        sink.crowded_reply = crowded
        sink.data_seconds = 0.01
        async with asyncio.timeout(60):
            outcomes = await at_once(destination(sink.url(), environment), numbered(delivery, 60))
        assert outcomes == [Delivered(250)] * 60
        assert len({mail.content for mail in sink.mails}) == len(sink.mails) == 60
        assert sink.most_connections <= 3
        assert sink.rejected <= 20


async def test_two_workers_share_the_connections_of_a_server(environment, delivery):
    """Case D15: neither knows of the other; idle connections are given back soon."""
    async with FieldSmtpSink() as sink:
        sink.max_connections = 3
        sink.data_seconds = 0.01
        workers = [destination(sink.url(), environment) for _ in range(2)]
        halves = numbered(delivery, 60)
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            sending = [
                group.create_task(at_once(worker, halves[number::2]))
                for number, worker in enumerate(workers)
            ]
        outcomes = [outcome for task in sending for outcome in task.result()]
        assert {health(outcome) for outcome in outcomes} == {Health.SOUND}
        assert [each for each in outcomes if isinstance(each, Failed) and not each.throttled] == []
        assert len(sink.mails) == outcomes.count(Delivered(250)) > 40


async def test_a_worker_gives_back_scarce_connections_that_are_idle(environment, delivery):
    """Case D15: the only connection is another worker's, which has no mail left."""
    async with FieldSmtpSink() as sink:
        sink.max_connections = 1
        first, second = (destination(sink.url(), environment) for _ in range(2))
        await first.open()
        async with asyncio.TaskGroup() as group:
            for each in numbered(delivery, 2):
                group.create_task(first.attempt(each))
        assert len(sink.current) == 1
        assert await attempt(second, delivery) == Delivered(250)
        await first.close()


async def test_a_kept_connection_that_does_not_answer_is_replaced(environment, delivery):
    """Case D5: a firewall has dropped it without a word."""
    async with FieldSmtpSink() as sink:
        times = SmtpTimeouts(command=Duration(0.3))
        target = destination(sink.url(), environment, timeouts=times, concurrency=1)
        assert await target.attempt(delivery) == Delivered(250)
        sink.rset_seconds = 2.0
        assert await attempt(target, delivery) == Delivered(250)
        assert (len(sink.mails), sink.connections) == (2, 2)


async def test_a_limit_of_mails_at_once_is_learnt_from_432(environment, delivery):
    """Case D15: Exchange Online says 432 in reply to the mail itself, which it does not take."""
    async with FieldSmtpSink() as sink:
        sink.max_senders = 3
        sink.data_seconds = 0.01
        async with asyncio.timeout(60):
            outcomes = await at_once(destination(sink.url(), environment), numbered(delivery, 60))
        assert outcomes == [Delivered(250)] * 60
        assert len(sink.mails) == 60
        assert sink.rejected <= 20


async def test_a_limit_of_mails_for_a_connection_costs_no_attempt(environment, delivery):
    """Case D15: 421 after some mails."""
    async with FieldSmtpSink() as sink:
        sink.mails_per_connection = 4
        target = destination(sink.url(), environment, concurrency=1)
        outcomes = await at_once(target, numbered(delivery, 20))
        assert outcomes == [Delivered(250)] * 20
        assert (len(sink.mails), sink.connections) == (20, 5)


async def test_a_server_that_others_have_filled_is_tried_again_for_a_moment(environment, delivery):
    """Case D15: the connections are another worker's."""
    async with FieldSmtpSink() as sink:
        sink.max_connections = 1
        _, writer = await asyncio.open_connection("127.0.0.1", sink.port)
        target = destination(sink.url(), environment)
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(at_once(target, [delivery]))
            await until(sink.has_rejected)
            writer.close()
        assert sending.result() == [Delivered(250)]


async def test_a_server_that_is_down_fails_all_attempts_at_once(environment, delivery):
    """Case D15: nothing is learnt from it, and no attempt waits for another one."""
    async with FieldSmtpSink() as sink:
        url = sink.url()
    target = destination(url, environment)
    async with asyncio.timeout(2):
        outcomes = await at_once(target, numbered(delivery, 20))
    assert outcomes == [Failed("connection refused")] * 20
    async with FieldSmtpSink() as sink:
        target = destination(sink.url(), environment)
        await at_once(target, numbered(delivery, 2))
        sink.stop_accepting()
        sink.hang_up()
        async with asyncio.timeout(2):
            outcomes = await at_once(target, numbered(delivery, 20))
    assert {type(outcome) for outcome in outcomes} == {Failed}


async def test_a_server_that_stays_full_fails_the_attempt(environment, delivery):
    """Case D15: it is not waited for without end."""
    async with FieldSmtpSink() as sink:
        sink.max_connections = 0
        (outcome,) = await at_once(destination(sink.url(), environment), [delivery])
    assert (outcome.reason, outcome.status) == ("connection not taken for now", 421)


TOKEN_REASON = "OAuth token: invalid_client (some servers expect credentials_in: body)"
GRANTED = b'{"access_token": "%s", "token_type": "Bearer", "expires_in": 3600}'


def oauth(tokens: HttpSink, **more) -> OAuth2Config:
    given = {"token_url": tokens.url, "client_id": "id", "client_secret": Secret("hush-hush")}
    return OAuth2Config(**given | more)


@pytest.mark.parametrize(
    ("mechanisms", "login"),
    [
        (("XOAUTH2",), ("XOAUTH2", "user=router@example.com\x01auth=Bearer TOKEN\x01\x01")),
        (
            ("OAUTHBEARER", "XOAUTH2"),
            ("XOAUTH2", "user=router@example.com\x01auth=Bearer TOKEN\x01\x01"),
        ),
        (
            ("OAUTHBEARER",),
            (
                "OAUTHBEARER",
                "n,a=router@example.com,\x01host=127.0.0.1\x01port=PORT\x01auth=Bearer TOKEN\x01\x01",
            ),
        ),
    ],
)
async def test_a_login_by_access_token(mechanisms, login, environment, delivery):
    """Case D16: a server that offers no password."""
    async with (
        HttpSink(Reply(body=GRANTED % b"t0ken-one")) as tokens,
        FieldSmtpSink(tokens=("t0ken-one",)) as sink,
    ):
        sink.mechanisms = mechanisms
        target = destination(sink.url(), environment, oauth2=oauth(tokens, scope="mail.send"))
        assert await at_once(target, numbered(delivery, 2)) == [Delivered(250)] * 2
        assert set(sink.logins) == {(login[0], login[1].replace("PORT", str(sink.port)))}
        assert [request.body for request in tokens.requests] == [
            b"grant_type=client_credentials&scope=mail.send"
        ]


async def test_a_refresh_token_gets_the_access_token(environment, delivery):
    """Case D16: Gmail has no client credentials for SMTP."""
    async with (
        HttpSink(Reply(body=GRANTED % b"t0ken-one")) as tokens,
        FieldSmtpSink(tokens=("t0ken-one",)) as sink,
    ):
        settings = oauth(tokens, refresh_token=Secret("1//refresh"), credentials_in="body")
        target = destination(sink.url(), environment, oauth2=settings)
        assert await attempt(target, delivery) == Delivered(250)
        (request,) = tokens.requests
        assert dict(parse_qsl(request.body.decode())) == {
            "grant_type": "refresh_token",
            "refresh_token": "1//refresh",
            "client_id": "id",
            "client_secret": "hush-hush",
        }
        assert "refresh" not in repr(settings).replace("refresh_token", "")


async def test_the_user_of_a_token_is_that_of_the_url(environment, delivery):
    """Case D16: a shared mailbox."""
    async with (
        HttpSink(Reply(body=GRANTED % b"t0ken-one")) as tokens,
        FieldSmtpSink(tokens=("t0ken-one",)) as sink,
    ):
        url = sink.url("smtp", "shared%40example.com@")
        assert await attempt(
            destination(url, environment, oauth2=oauth(tokens)), delivery
        ) == Delivered(250)
        assert sink.logins[0][1].startswith("user=shared@example.com\x01")


async def test_a_server_that_asks_for_the_token_gets_it(environment, delivery):
    """Case D16: RFC 4954 lets a server ignore the response in the command itself."""
    async with (
        HttpSink(Reply(body=GRANTED % b"t0ken-one")) as tokens,
        FieldSmtpSink(tokens=("t0ken-one",)) as sink,
    ):
        sink.asks_for_token = True
        target = destination(sink.url(), environment, oauth2=oauth(tokens))
        assert await attempt(target, delivery) == Delivered(250)


async def test_a_refused_token_is_renewed_once(environment, delivery):
    """Case D16: a token that was revoked before its time."""
    script = [Reply(body=GRANTED % token) for token in (b"t0ken-one", b"t0ken-two")]
    async with HttpSink(*script) as tokens, FieldSmtpSink(tokens=("t0ken-two",)) as sink:
        target = destination(sink.url(), environment, oauth2=oauth(tokens))
        assert await attempt(target, delivery) == Delivered(250)
        assert (len(tokens.requests), len(sink.logins)) == (2, 2)


@pytest.mark.parametrize(("mechanism", "answer"), [("XOAUTH2", b""), ("OAUTHBEARER", b"\x01")])
async def test_the_challenge_of_a_refused_token_is_the_reason(
    mechanism, answer, environment, delivery
):
    """Case D16: the server says why in JSON, and neither it nor the token is lost in a log."""
    async with (
        HttpSink(otherwise=Reply(body=GRANTED % b"t0ken-of-a-stranger")) as tokens,
        FieldSmtpSink(tokens=()) as sink,
    ):
        sink.mechanisms = (mechanism,)
        outcome = await attempt(
            destination(sink.url(), environment, oauth2=oauth(tokens)), delivery
        )
        assert isinstance(outcome, Refused)
        assert (outcome.reason, outcome.status) == ("login refused by the mail server", 535)
        assert outcome.response == (
            '5.7.3 unsuccessful {"status":"401","schemes":"bearer","hint":"***"}'
        )
        assert sink.answers == [answer, answer]


async def test_a_token_server_that_refuses_the_client_is_the_reason(environment, delivery):
    """Case D16: a client secret that has expired."""
    reply = Reply(status=401, body=b'{"error": "invalid_client"}')
    async with HttpSink(otherwise=reply) as tokens, FieldSmtpSink(tokens=()) as sink:
        outcome = await attempt(
            destination(sink.url(), environment, oauth2=oauth(tokens)), delivery
        )
        assert sink.mails == []
    assert (type(outcome), outcome.reason) == (Refused, TOKEN_REASON)


async def test_a_server_with_tokens_only_says_so_to_a_password(environment, delivery):
    """Case D16: the error names the way out."""
    async with FieldSmtpSink(tokens=()) as sink:
        outcome = await attempt(destination(sink.url("smtp", "u:p4ssword@"), environment), delivery)
    assert outcome == Refused(
        "the mail server does not offer a login by password, only XOAUTH2; oauth2 may be needed"
    )


async def test_a_server_without_tokens_says_so_to_a_token(environment, delivery):
    """Cases D16 and D25: the reverse; it pauses the destination with its reason."""
    async with (
        HttpSink(Reply(body=GRANTED % b"t0ken-one")) as tokens,
        FieldSmtpSink(login=("u", "p")) as sink,
    ):
        outcome = await attempt(
            destination(sink.url(), environment, oauth2=oauth(tokens)), delivery
        )
    assert re.fullmatch(r"the mail server does not offer a login by access token.*", outcome.reason)
    assert outcome.blames_destination
