"""Replies that are not quite HTTP, and that curl, Go or requests accept."""

import asyncio

import msgspec
import pytest
from contracts.destination import attempt
from support.sinks import HttpSink, Reply, TcpSink, says

from router.alerts import Delivered, Failed, Refused
from router.datatypes import Duration, Secret
from router.destinations.http import HttpDestination
from router.destinations.http_config import HttpConfig
from router.destinations.transport.credentials import OAuth2Config

OK = b"HTTP/1.1 200 OK\r\n"
BODY = b"Content-Length: 2\r\n\r\nok"
CHUNKS = b"\r\n2\r\nok\r\n0\r\n\r\n"


async def ends(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """End the connection as a server that has replied does."""
    writer.write_eof()
    await reader.read()


def config(port: int, **more: object) -> HttpConfig:
    return HttpConfig(url=Secret(f"http://127.0.0.1:{port}/hook"), timeout=Duration(2), **more)


@pytest.fixture
def outcome_of(environment, delivery):
    """Return the outcome of a delivery that gets a reply in these pieces."""

    async def outcome(*pieces, then=ends):
        async with TcpSink(says(*pieces, then=then)) as sink:
            return await attempt(HttpDestination("x", config(sink.port), environment), delivery)

    return outcome


@pytest.mark.parametrize(
    "reply",
    [
        OK + b"X-Token: " + b"a" * 9_000 + b"\r\n" + BODY,
        OK + b"X-Token: " + b"a" * 65_000 + b"\r\n" + BODY,
        OK + b"X-Token: " + b"a" * 65_536 + b"\r\n" + BODY,
        OK + b"".join(b"X-%d: y\r\n" % number for number in range(300)) + BODY,
        OK + b"X: " + b"a" * 300_000 + b"\r\n" + BODY,
        b"HTTP/1.1 200 " + b"O" * 9_000 + b"\r\n" + BODY,
        b"HTTP/1.1 200\r\n" + BODY,
        b"HTTP/1.1  200 OK\r\n" + BODY,
        b"HTTP/1.2 200 OK\r\n" + BODY,
        b"HTTP/2 200\r\n" + BODY,
        b"http/1.1 200 OK\r\n" + BODY,
        b"HTTP/1.1 200 Gr\xf6\xdfe\r\n" + BODY,
        (OK + BODY).replace(b"\r\n", b"\n"),
        b"HTTP/1.0 200 OK\r\n\r\nok",
        OK + b"\r\nok",
        OK + b"no colon here\r\n" + BODY,
        OK + b"X-Name : value\r\n" + BODY,
        OK + b"X Name: value\r\n" + BODY,
        OK + b"X@[Name]: value\r\n" + BODY,
        OK + b": value\r\n" + BODY,
        OK + "X-Größe: 1\r\n".encode() + BODY,
        OK + b"X: M\xfcller\r\n" + BODY,
        OK + b"X: a\x01b\r\n" + BODY,
        OK + b"X: a\x00b\r\n" + BODY,
        OK + b"X: a\rb\r\n" + BODY,
        OK + b"X: a\r\n b\r\n" + BODY,
        OK + b" X: a\r\n" + BODY,
        OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n" + CHUNKS,
        OK + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n" + CHUNKS,
        OK + b"Transfer-Encoding: identity\r\n" + BODY,
        OK + b"Transfer-Encoding: gzip, chunked\r\n" + CHUNKS,
        OK + b"Content-Length: 2\r\n" + BODY,
        OK + b"Content-Length: 3\r\n" + BODY,
        OK + b"Content-Length: 2, 2\r\n\r\nok",
        OK + b"Content-Length: +2\r\n\r\nok",
        OK + b"Content-Length: -1\r\n\r\nok",
        OK + b"Content-Length: two\r\n\r\nok",
        OK + b"Content-Length:\r\n\r\nok",
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\nok\n0\n\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n",
        OK + BODY + b"\r\n",
        OK + BODY + b"and more",
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK + BODY,
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK + b"X : y\r\n" + BODY,
        OK
        + b"Set-Cookie: =;;;\x7f\r\nContent-Type: ;;charset=\r\nContent-Encoding: gzip\r\n"
        + BODY,
    ],
)
async def test_an_odd_success_is_a_success(reply, outcome_of):
    """Case D9: a 200 with a header of 9,000 bytes, and other replies that curl accepts."""
    assert await outcome_of(reply) == Delivered(200)


@pytest.mark.parametrize(
    "head", [b"Content-Length: 2\r\n", b"Transfer-Encoding: chunked\r\n", b"X Y: z\r\n"]
)
async def test_what_follows_a_204_is_left_alone(head, outcome_of):
    """Case D9."""
    reply = b"HTTP/1.1 204 No Content\r\n" + head + b"\r\n2\r\nok\r\n0\r\n\r\n"
    assert await outcome_of(reply) == Delivered(204)


@pytest.mark.parametrize("size", [1, 2, 7, 30])
async def test_an_odd_head_may_arrive_in_pieces(size, outcome_of):
    """Case D9."""
    reply = OK + b"X Y: z\r\nContent-Length: 2\r\n" + BODY
    pieces = [reply[at : at + size] for at in range(0, len(reply), size)]
    assert await outcome_of(*pieces) == Delivered(200)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (b"404 Not Found", Refused("HTTP 404 Not Found", 404, "ok")),
        (b"503 Service Unavailable", Failed("HTTP 503 Service Unavailable", 503, "ok", 7.0)),
    ],
)
async def test_an_odd_error_is_read_like_any_other(status, expected, outcome_of):
    """Case D9."""
    head = b"HTTP/1.1 " + status + b"\r\nRetry-After : 7\r\nContent-Length: 2\r\n"
    assert await outcome_of(head + BODY) == expected


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 1000 What\r\n\r\n",
        b"HTTP/1.1 99 What\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"220 mail.example.com ESMTP\r\n",
        b"X" * 300_000,
        OK + b"X: never ends",
    ],
)
async def test_what_has_no_status_is_a_failure(reply, outcome_of):
    outcome = await outcome_of(reply)
    assert isinstance(outcome, Failed)
    assert outcome.status is None


@pytest.mark.parametrize(
    "reply",
    [
        OK + b"X Y: z\r\nContent-Length: 10\r\n\r\nhalf",
        OK + b"X Y: z\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf",
    ],
)
async def test_an_odd_success_that_breaks_off_is_tried_again(reply, outcome_of):
    assert await outcome_of(reply) == Failed("answer cut short", 200)


async def test_nothing_of_an_odd_reply_is_taken_for_the_next_one(environment, delivery):
    """Two replies that arrive at once are not two replies of two requests."""
    smuggled = OK + b"Content-Length: 2\r\n" + BODY + b"HTTP/1.1 410 Gone\r\n\r\n"
    async with TcpSink(says(smuggled, then=ends)) as sink:
        destination = HttpDestination("x", config(sink.port), environment)
        await destination.open()
        outcomes = [await destination.attempt(delivery) for _ in range(3)]
        await destination.close()
        assert sink.connections == 3
    assert outcomes == [Delivered(200)] * 3


async def test_the_body_of_an_odd_reply_is_read_where_it_counts(environment, delivery):
    """A token server behind a proxy that sends a length beside chunks."""
    granted = msgspec.json.encode({"access_token": "abc", "token_type": "Bearer"})
    chunks = b"\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(granted), granted)
    head = OK + b"Content-Length: 99\r\nTransfer-Encoding: chunked\r\n"
    async with TcpSink(says(head, chunks, then=ends)) as server, HttpSink(Reply(200)) as sink:
        oauth2 = OAuth2Config(
            token_url=server.url.replace("/hook", "/token"),
            client_id="me",
            client_secret=Secret("s3cret"),
        )
        made = config(sink.port, oauth2=oauth2)
        outcome = await attempt(HttpDestination("x", made, environment), delivery)
    assert outcome == Delivered(200)
    assert sink.requests[0].headers["authorization"] == "Bearer abc"
