"""Authorization of requests: bearer, basic, and OAuth 2 client credentials."""

import asyncio
import base64
import contextlib

import msgspec
import pytest
from contracts.destination import PLANTED, attempt
from support.sinks import HttpSink, Reply, TcpSink, silence

from router.alerts import Delivered, Failed, Refused
from router.datatypes import Duration, Secret
from router.destinations.http import HttpDestination
from router.destinations.http_config import HttpConfig
from router.destinations.transport.credentials import BasicConfig, OAuth2Config, basic_authorization

TOKEN_ANSWER = {"access_token": f"tok-{PLANTED}", "token_type": "Bearer", "expires_in": 600}


def config(port: int, **more: object) -> HttpConfig:
    return HttpConfig(url=Secret(f"http://127.0.0.1:{port}/hook"), **more)


def granted(**more: object) -> Reply:
    return Reply(200, msgspec.json.encode(TOKEN_ANSWER | more))


def oauth(sink: HttpSink, **more: object) -> OAuth2Config:
    return OAuth2Config(
        token_url=sink.url, client_id="my client", client_secret=Secret("s3cr et%"), **more
    )


async def test_bearer_and_basic(environment, delivery):
    async with HttpSink() as sink:
        for settings in (
            {"bearer": Secret("t0ken")},
            {"basic": BasicConfig(user="Ann", password=Secret("pä:ss"))},
        ):
            await attempt(
                HttpDestination("x", config(sink.port, **settings), environment), delivery
            )
    sent = [request.headers["authorization"] for request in sink.requests]
    assert sent == ["Bearer t0ken", "Basic " + base64.b64encode("Ann:pä:ss".encode()).decode()]


async def test_an_oauth_token_is_fetched_once_and_used_until_it_expires(
    environment, delivery, time
):
    async with HttpSink(otherwise=granted()) as server, HttpSink() as sink:
        settings = config(sink.port, oauth2=oauth(server, scope="a b", audience="here"))
        destination = HttpDestination("x", settings, environment)
        await destination.open()
        async with asyncio.TaskGroup() as group:
            for _ in range(10):
                group.create_task(destination.attempt(delivery))
        assert len(server.requests) == 1
        time.now += 540  # of 600 seconds, less the margin
        await destination.attempt(delivery)
        assert len(server.requests) == 1
        time.now += 60
        assert await destination.attempt(delivery) == Delivered(200)
        assert len(server.requests) == 2
        await destination.close()
    request = server.requests[0]
    assert request.body == b"grant_type=client_credentials&scope=a+b&audience=here"
    encoded = base64.b64encode(b"my+client:s3cr+et%25").decode()
    assert request.headers["authorization"] == f"Basic {encoded}"
    assert {request.headers["authorization"] for request in sink.requests} == {
        f"Bearer tok-{PLANTED}"
    }


async def test_the_clients_secret_may_stand_in_the_form(environment, delivery):
    async with HttpSink(otherwise=granted()) as server, HttpSink() as sink:
        settings = config(sink.port, oauth2=oauth(server, credentials_in="body"))
        await attempt(HttpDestination("x", settings, environment), delivery)
    (request,) = server.requests
    assert request.body.endswith(b"&client_id=my+client&client_secret=s3cr+et%25")
    assert "authorization" not in request.headers


@pytest.mark.parametrize(
    ("answers", "expected", "fetched"),
    [([401], Delivered(200), 2), ([401, 401], Refused("HTTP 401 Unauthorized", 401, "ok"), 2)],
)
async def test_after_a_401_there_is_one_new_token(
    answers, expected, fetched, environment, delivery
):
    replies = [Reply(status) for status in answers]
    async with HttpSink(otherwise=granted()) as server, HttpSink(*replies) as sink:
        settings = config(sink.port, oauth2=oauth(server))
        outcome = await attempt(HttpDestination("x", settings, environment), delivery)
    assert outcome == expected
    assert (len(server.requests), len(sink.requests)) == (fetched, 2)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (
            Reply(401, b'{"error": "invalid_client"}'),
            Refused(
                "OAuth token: invalid_client (some servers expect credentials_in: body)",
                401,
                '{"error": "invalid_client"}',
            ),
        ),
        (Reply(503, b""), Failed("OAuth token: HTTP 503 Service Unavailable", 503)),
        (
            Reply(429, b"", {"Retry-After": "7"}),
            Failed("OAuth token: HTTP 429 Too Many Requests", 429, "", 7.0, throttled=True),
        ),
        (Reply(200, b"<html>"), Failed("OAuth token: the answer has no access_token", 200)),
        (
            Reply(400, b'{"error": "invalid_scope", "error_description": "AADSTS70011: x\\r\\ny"}'),
            Refused(
                "OAuth token: invalid_scope: AADSTS70011: x y",
                400,
                '{"error": "invalid_scope", "error_description": "AADSTS70011: x\\r\\ny"}',
            ),
        ),
        (
            Reply(200, b'{"error": "unauthorized_client", "error_description": "not s3cr et%"}'),
            Refused("OAuth token: unauthorized_client: not ***", 200),
        ),
        (
            Reply(200, b"error=temporarily_unavailable"),
            Failed("OAuth token: temporarily_unavailable", 200),
        ),
        (
            Reply(200, b'{"error": {"code": 7}}'),
            Failed("OAuth token: the answer has no access_token", 200),
        ),
        (granted(access_token=""), Failed("OAuth token: the answer has no access_token", 200)),
        (granted(access_token=None), Failed("OAuth token: the answer has no access_token", 200)),
        (granted(token_type="mac"), Failed("OAuth token: not a bearer token", 200)),
        (granted(access_token="x\r\nY: z"), Failed("OAuth token: not a bearer token", 200)),
    ],
)
async def test_without_a_token_nothing_is_sent(reply, expected, environment, delivery):
    async with HttpSink(reply) as server, HttpSink() as sink:
        settings = config(sink.port, oauth2=oauth(server))
        outcome = await attempt(HttpDestination("x", settings, environment), delivery)
        assert sink.connections == 0
    assert outcome == expected


async def test_a_token_server_that_says_nothing_keeps_to_the_deadline(environment, delivery):
    async with TcpSink(silence) as server, HttpSink() as sink:
        settings = config(
            sink.port,
            timeout=Duration(0.2),
            oauth2=OAuth2Config(token_url=server.url, client_id="x", client_secret=Secret(PLANTED)),
        )
        outcome = await attempt(HttpDestination("x", settings, environment), delivery)
    assert isinstance(outcome, Failed)
    assert "timed out" in outcome.reason


async def test_a_receiver_that_sends_the_token_back_does_not_tell_it(environment, delivery):
    echo = Reply(400, f"who is tok-{PLANTED}?".encode())
    async with HttpSink(otherwise=granted()) as server, HttpSink(echo) as sink:
        settings = config(sink.port, oauth2=oauth(server))
        outcome = await attempt(HttpDestination("x", settings, environment), delivery)
    assert outcome == Refused("HTTP 400 Bad Request", 400, "who is ***?", of_delivery=True)


@pytest.mark.parametrize(
    ("user", "password", "header"),
    [
        ("Aladdin", "open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),  # RFC 7617, section 2
        ("test", "123\u00a3", "Basic dGVzdDoxMjPCow=="),  # RFC 7617, section 2.1
        ("", "", "Basic Og=="),
    ],
)
def test_the_header_of_basic(user, password, header):
    assert basic_authorization(user, Secret(password)) == header


@pytest.mark.parametrize(
    ("token_url", "is_allowed"),
    [
        ("https://login.example.com/token", True),
        ("http://127.0.0.1:8080/token", True),
        ("http://localhost/token", True),
        ("http://[::1]/token", True),
        ("http://login.example.com/token", False),
        ("https://user@login.example.com/token", False),
        ("https:///token", False),
        ("https://[login/token", False),
        ("ftp://login.example.com/token", False),
    ],
)
def test_which_token_servers_are_allowed(token_url, is_allowed):
    raised = (
        contextlib.nullcontext() if is_allowed else pytest.raises(ValueError, match=r"^token_url ")
    )
    with raised:
        OAuth2Config(token_url=token_url, client_id="x", client_secret=Secret("y"))


@pytest.mark.parametrize(
    ("more", "lifetime"),
    [
        ({"expires_in": "3599"}, 3599),
        ({"expires_in": " 600 "}, 600),
        ({"expires_in": 600.5}, 600),
        ({"expires_in": "600.0"}, 600),
        ({"expires_in": None}, 3600),
        ({"expires_in": ""}, 3600),
        ({"expires_in": "never"}, 3600),
        ({"expires_in": 0}, 3600),
        ({"expires_in": -1}, 3600),
        ({"expires_in": True}, 3600),
        ({"expires_in": [600]}, 3600),
        ({"expires_in": 10**400}, 3600),
        ({"expires_in": "1e400"}, 30 * 86400),
        ({"expires_in": "nan"}, 3600),
        ({"token_type": "BEARER"}, 600),
        ({"token_type": " Bearer "}, 600),
        ({"token_type": None}, 600),
        ({"token_type": ""}, 600),
        ({"token_type": 7}, 600),
        ({"scope": None, "ext_expires_in": "x", "expires_on": "1388444763", "resource": [1]}, 600),
    ],
)
async def test_the_lifetime_of_a_token_is_read_in_each_form(
    more, lifetime, environment, delivery, time
):
    """Case D10: an OAuth answer with ``"expires_in":"3599"`` as text."""
    async with HttpSink(otherwise=granted(**more)) as server, HttpSink() as sink:
        destination = HttpDestination("x", config(sink.port, oauth2=oauth(server)), environment)
        await destination.open()
        began = time.now
        for after, fetched in ((0, 1), (lifetime - 31, 1), (lifetime + 1, 2)):
            time.now = began + after
            assert await destination.attempt(delivery) == Delivered(200)
            assert len(server.requests) == fetched
        await destination.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"access_token=abc&token_type=bearer&expires_in=3600",
        b'\xef\xbb\xbf{"access_token": "abc"}',
        b'\r\n {"access_token": " abc\\n"}\n',
    ],
)
async def test_an_answer_of_an_odd_form_is_read(answer, environment, delivery):
    """Case D10."""
    async with HttpSink(otherwise=Reply(200, answer)) as server, HttpSink() as sink:
        settings = config(sink.port, oauth2=oauth(server))
        await attempt(HttpDestination("x", settings, environment), delivery)
    assert sink.requests[0].headers["authorization"] == "Bearer abc"


async def test_further_fields_of_the_form_are_sent(environment, delivery):
    async with HttpSink(otherwise=granted()) as server, HttpSink() as sink:
        settings = config(sink.port, oauth2=oauth(server, parameters={"resource": "https://x/"}))
        await attempt(HttpDestination("x", settings, environment), delivery)
    assert server.requests[0].body.endswith(b"&resource=https%3A%2F%2Fx%2F")
    with pytest.raises(ValueError, match="parameters: scope is a field that the router itself"):
        oauth(server, parameters={"scope": "x"})
