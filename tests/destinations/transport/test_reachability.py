"""A connection as an attempt would make it, without an alert."""

import socket
import ssl
from datetime import UTC, datetime

import msgspec
import pytest
import trustme
from support.host_names import HostNames
from support.mail import SmtpSink
from support.proxy import Proxy
from support.redis_servers import free_port
from support.sinks import HttpSink, TcpSink, hang_up

from router.datatypes import Secret
from router.destinations.contract import Environment
from router.destinations.transport.reachability import Reach, reach
from router.destinations.transport.receiver import Receiver
from router.destinations.transport.tls import TlsConfig
from router.settings.choices import Egress

_LATER = datetime(2031, 5, 6, tzinfo=UTC)


def tls_until(authority: trustme.CA, not_after: datetime) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", not_after=not_after).configure_cert(context)
    return context


async def reached(url: str, environment: Environment, **options: object) -> Reach:
    return await reach(Receiver.of(url, **options), environment, seconds=5)  # type: ignore[arg-type]


async def test_a_receiver_gets_no_request(environment: Environment) -> None:
    async with HttpSink() as sink:
        assert await reached(sink.url, environment) == Reach()

        assert (sink.connections, sink.requests) == (1, [])


async def test_the_end_of_a_certificate_is_told(
    environment: Environment, authority: trustme.CA
) -> None:
    async with HttpSink(tls=tls_until(authority, _LATER)) as sink:
        found = await reached(sink.url, environment)

    assert found == Reach(certificate_ends=_LATER.timestamp())


@pytest.mark.parametrize(
    ("not_after", "failure"),
    [(datetime(2020, 1, 1, tzinfo=UTC), "TLS certificate expired"), (_LATER, "")],
)
async def test_a_certificate_that_has_expired_has_the_words_of_an_attempt(
    not_after: datetime, failure: str, environment: Environment, authority: trustme.CA
) -> None:
    async with HttpSink(tls=tls_until(authority, not_after)) as sink:
        assert (await reached(sink.url, environment)).failure == failure


async def test_the_own_authority_of_a_destination_is_trusted_alone(
    environment: Environment, server_tls: ssl.SSLContext, tmp_path: object
) -> None:
    file = f"{tmp_path}/other.pem"
    trustme.CA().cert_pem.write_to_path(file)
    async with HttpSink(tls=server_tls) as sink:
        found = await reached(sink.url, environment, tls=TlsConfig(ca=file))

    assert found.failure == "TLS certificate from an unknown authority"


async def test_failures_have_the_words_of_an_attempt(environment: Environment) -> None:
    public = msgspec.structs.replace(environment, egress=Egress.PUBLIC)
    with HostNames() as names:
        names.failing["nowhere.example"] = socket.gaierror(socket.EAI_NONAME, "unknown")

        assert (await reached("http://nowhere.example/", environment)).failure == "name not found"
    refused = await reached(f"http://127.0.0.1:{free_port()}/", environment)
    forbidden = await reached(f"http://127.0.0.1:{free_port()}/", public)

    assert refused.failure == "connection refused"
    assert forbidden.failure == "address not allowed by ROUTER_EGRESS"


async def test_a_server_without_tls_fails_the_handshake(environment: Environment) -> None:
    async with HttpSink() as sink:
        found = await reached(f"https://127.0.0.1:{sink.port}/", environment)

    assert found.failure == "TLS handshake failed"


async def test_a_proxy_connects_to_a_receiver_with_tls(
    environment: Environment, server_tls: ssl.SSLContext
) -> None:
    async with HttpSink(tls=server_tls) as sink, Proxy() as proxy:
        by = proxy.url.replace("http://", "http://ann:secret@")
        found = await reached(sink.url, environment, proxy=Secret(by))

    (asked,) = proxy.asked
    assert found.by_proxy
    assert (found.failure, found.certificate_ends is None) == ("", False)
    assert (asked.method, asked.target) == ("CONNECT", f"localhost:{sink.port}")
    assert asked.headers["proxy-authorization"].startswith("basic ")


async def test_a_proxy_that_refuses_is_told(
    environment: Environment, server_tls: ssl.SSLContext
) -> None:
    async with HttpSink(tls=server_tls) as sink, Proxy(refusal="403 Forbidden") as proxy:
        found = await reached(sink.url, environment, proxy=Secret(proxy.url))
    async with HttpSink(tls=server_tls) as sink, TcpSink(hang_up) as closed:
        url = closed.url.removesuffix("/hook")
        hung_up = await reached(sink.url, environment, proxy=Secret(url))

    assert found == Reach(failure="the proxy refused to connect (HTTP 403)", by_proxy=True)
    assert hung_up.by_proxy
    assert hung_up.failure


async def test_a_mail_server_is_greeted_with_starttls_and_gets_no_mail(
    environment: Environment, server_tls: ssl.SSLContext
) -> None:
    async with SmtpSink(starttls=server_tls) as sink:
        found = await reached(f"smtp+starttls://ann:pw@localhost:{sink.port}", environment)

        assert (found.failure, sink.mails) == ("", [])
        assert found.certificate_ends is not None


async def test_a_mail_server_without_starttls_is_told(environment: Environment) -> None:
    async with SmtpSink() as sink:
        found = await reached(f"smtp+starttls://localhost:{sink.port}", environment)

    assert found.failure == "the mail server does not offer STARTTLS"


def test_a_receiver_has_no_secret_of_its_url() -> None:
    receiver = Receiver.of("https://ann:pw@hooks.example.com/T0/secret?token=x")

    assert receiver.place == "hooks.example.com:443"
    assert "secret" not in repr(receiver)
    assert "pw" not in repr(receiver)
