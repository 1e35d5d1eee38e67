"""The reasons of failed connections, from real connections."""

import asyncio
import errno
import socket
import ssl
from datetime import UTC, datetime

import aiohttp
import msgspec
import pytest
import trustme
from contracts.destination import attempt
from support.sinks import HttpSink, TcpSink, greets, hang_up, says

from router.alerts import Failed, Refused
from router.datatypes import Secret
from router.destinations.http import HttpDestination
from router.destinations.http_config import HttpConfig
from router.destinations.transport import network_errors
from router.destinations.transport.egress import EgressDeniedError


async def outcome_at(url, environment, delivery):
    return await attempt(HttpDestination("x", HttpConfig(url=Secret(url)), environment), delivery)


def tls_of(authority: trustme.CA, name: str, not_after: datetime | None = None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name, not_after=not_after).configure_cert(context)
    return context


async def test_tls_of_a_trusted_authority(environment, delivery, server_tls):
    async with HttpSink(tls=server_tls) as sink:
        outcome = await outcome_at(sink.url, environment, delivery)
    assert outcome.status == 200


@pytest.mark.fault_row(50)
@pytest.mark.parametrize(
    ("name", "not_after", "reason"),
    [
        (
            "localhost",
            datetime(2020, 1, 1, tzinfo=UTC),
            "TLS certificate expired",
        ),
        ("elsewhere.example", None, "TLS certificate for another host name"),
    ],
)
async def test_tls_certificates(name, not_after, reason, environment, delivery, authority):
    """Mutant: an expired certificate has no word of its own."""
    async with HttpSink(tls=tls_of(authority, name, not_after)) as sink:
        assert await outcome_at(sink.url, environment, delivery) == Failed(reason)
        assert sink.requests == []


async def test_tls_of_a_stranger(environment, delivery, server_tls, stranger):
    environment = msgspec.structs.replace(environment, tls=stranger)
    async with HttpSink(tls=server_tls) as sink:
        outcome = await outcome_at(sink.url, environment, delivery)
    assert outcome == Failed("TLS certificate from an unknown authority")


@pytest.mark.parametrize(
    ("conversation", "reason"),
    [
        (greets(b"not TLS at all\r\n"), "TLS handshake failed"),
        (says(then=hang_up), "connection reset"),
    ],
)
async def test_tls_with_a_server_that_has_none(conversation, reason, environment, delivery):
    async with TcpSink(conversation) as sink:
        url = f"https://localhost:{sink.port}/"
        assert await outcome_at(url, environment, delivery) == Failed(reason)


async def test_a_connection_reset_before_the_answer(environment, delivery):
    async with TcpSink(says(then=hang_up)) as sink:
        outcome = await outcome_at(sink.url, environment, delivery)
    assert outcome in (
        Failed("connection reset"),
        Failed("connection closed before the answer"),
    )


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (socket.gaierror(socket.EAI_NONAME, "?"), Failed("name not found")),
        (socket.gaierror(socket.EAI_AGAIN, "?"), Failed("name lookup failed")),
        (TimeoutError(), Failed("timed out")),
        (OSError(errno.ETIMEDOUT, "?"), Failed("timed out")),
        (OSError(errno.ENETUNREACH, "?"), Failed("no route to host")),
        (OSError(errno.EHOSTUNREACH, "?"), Failed("no route to host")),
        (OSError(errno.EMFILE, "?"), Failed("too many open files in this process")),
        (ConnectionResetError(errno.ECONNRESET, "?"), Failed("connection reset")),
        (BrokenPipeError(errno.EPIPE, "?"), Failed("connection reset")),
        (aiohttp.ServerDisconnectedError(), Failed("connection closed before the answer")),
        (aiohttp.ClientPayloadError("https://secret/"), Failed("answer cut short")),
        (aiohttp.InvalidURL("https://secret/"), Failed("connection failed")),
        (OSError("https://secret/"), Failed("connection failed")),
        (EgressDeniedError("?"), Refused("address not allowed by ROUTER_EGRESS")),
    ],
)
def test_the_words_for_each_error(error, expected):
    assert network_errors.outcome(error) == expected


@pytest.mark.fault_row(50)
async def test_a_name_that_there_is_not():
    # RFC 6761: .invalid never resolves; without a name server the lookup itself fails.
    with pytest.raises(socket.gaierror) as raised:
        await asyncio.get_running_loop().getaddrinfo("router.invalid", 80)
    reason = network_errors.outcome(raised.value).reason
    assert reason in {"name not found", "name lookup failed"}


def test_the_inner_cause_is_the_reason():
    outer = aiohttp.ClientConnectionError("https://user:secret@host/")
    outer.__cause__ = ConnectionRefusedError(errno.ECONNREFUSED, "?")
    assert network_errors.outcome(outer, 502) == Failed("connection refused", 502)
