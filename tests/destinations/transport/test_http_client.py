"""How the kind http gets to its receiver: credentials, certificates, proxies, batches."""

import asyncio
import base64
import ssl
from pathlib import Path

import msgspec
import pytest
import trustme
from cloudevents.core.bindings.http import HTTPMessage, from_http
from cloudevents.core.formats.json import JSONFormat
from contracts.destination import PLANTED, ConnectingContract, attempt
from support.proxy import Proxy
from support.sinks import HttpSink, Reply, TcpSink, silence

from router.alerts import Delivered, DeliveryId, Failed, Refused
from router.datatypes import Duration, Secret
from router.destinations.http import HttpDestination
from router.destinations.http_config import BatchConfig, HttpConfig
from router.destinations.rendering.json_body import Format
from router.destinations.transport.credentials import BasicConfig, OAuth2Config
from router.destinations.transport.tls import TlsConfig
from router.settings.model import Egress

TOKEN_ANSWER = {"access_token": f"tok-{PLANTED}", "token_type": "Bearer", "expires_in": 600}


def config(port: int, **more: object) -> HttpConfig:
    return HttpConfig(url=Secret(f"http://127.0.0.1:{port}/hook"), **more)


def granted(**more: object) -> Reply:
    return Reply(200, msgspec.json.encode(TOKEN_ANSWER | more))


def oauth(sink: HttpSink, **more: object) -> OAuth2Config:
    return OAuth2Config(
        token_url=sink.url, client_id="my client", client_secret=Secret("s3cr et%"), **more
    )


class TestBatchContract(ConnectingContract):
    flood_beginning = b"HTTP/1.1 500 Oh\r\nContent-Length: 10485760\r\n\r\n"
    greeting = b"HTTP"

    def accepting(self):
        return HttpSink()

    def config(self, port: int, timeout: float) -> HttpConfig:
        return HttpConfig(
            url=Secret(f"http://127.0.0.1:{port}/{PLANTED}"),
            basic=BasicConfig(user="router", password=Secret(PLANTED)),
            format=Format.CLOUDEVENTS,
            batch=BatchConfig(max=7, wait=Duration(0.01)),
            timeout=Duration(timeout),
        )

    def arrived(self, far: HttpSink) -> list[bytes]:
        # Not decoded: one of the contract's events cannot be read.
        beginning = b'{"specversion":"1.0","id":"'
        return [each for request in far.requests for each in request.body.split(beginning)[1:]]


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
            Refused("OAuth token: invalid_client", 401, '{"error": "invalid_client"}'),
        ),
        (Reply(503, b""), Failed("OAuth token: HTTP 503 Service Unavailable", 503)),
        (
            Reply(429, b"", {"Retry-After": "7"}),
            Failed("OAuth token: HTTP 429 Too Many Requests", 429, "", 7.0),
        ),
        (Reply(200, b"<html>"), Failed("OAuth token: the answer has no access_token", 200)),
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
    assert outcome == Refused("HTTP 400 Bad Request", 400, "who is ***?")


@pytest.fixture
def files(tmp_path: Path, authority: trustme.CA):
    """A client's certificate, its key, and the authority of both sides, as files."""
    issued = authority.issue_cert("client.example")
    certificate, key, ca = (tmp_path / f"{name}.pem" for name in ("certificate", "key", "ca"))
    issued.cert_chain_pems[0].write_to_path(certificate)
    issued.private_key_pem.write_to_path(key)
    authority.cert_pem.write_to_path(ca)
    return {"certificate": str(certificate), "key": str(key), "ca": str(ca)}


@pytest.fixture
def asking(authority: trustme.CA) -> ssl.SSLContext:
    """A server that asks for a certificate of the authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


async def test_a_server_that_asks_for_it_is_shown_the_certificate(
    environment, delivery, files, asking, stranger
):
    nobody = msgspec.structs.replace(environment, tls=stranger)
    async with HttpSink(tls=asking) as sink:
        for settings, expected in (
            ({"tls": TlsConfig(**files)}, Delivered),
            ({"tls": TlsConfig(ca=files["ca"])}, Failed),
            ({}, Failed),
        ):
            made = HttpConfig(url=Secret(sink.url), **settings)
            outcome = await attempt(HttpDestination("x", made, nobody), delivery)
            assert type(outcome) is expected


async def test_whom_the_environment_trusts_is_trusted_where_no_ca_is_named(
    environment, delivery, files, asking
):
    async with HttpSink(tls=asking) as sink:
        tls = TlsConfig(certificate=files["certificate"], key=files["key"])
        made = HttpConfig(url=Secret(sink.url), tls=tls)
        assert await attempt(HttpDestination("x", made, environment), delivery) == Delivered(200)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"key": "certificate"}, "certificate: the files are no certificate and key"),
        ({"certificate": "key"}, "the files are no certificate and key"),
        ({"ca": "key"}, "ca: the file holds no certificate"),
    ],
)
def test_a_file_that_does_not_serve_is_named(changed, message, files):
    with pytest.raises(ValueError, match=message):
        TlsConfig(**files | {name: files[other] for name, other in changed.items()})


def test_a_key_of_another_certificate_is_told(files, tmp_path):
    other = tmp_path / "other.pem"
    trustme.CA().issue_cert("x.example").private_key_pem.write_to_path(other)
    with pytest.raises(ValueError, match="key does not belong to the certificate"):
        TlsConfig(**files | {"key": str(other)})


async def test_a_proxy_is_asked_for_a_tunnel_and_for_plain_requests(
    environment, delivery, server_tls
):
    async with HttpSink(tls=server_tls) as secure, HttpSink() as plain, Proxy() as proxy:
        named = proxy.url.replace("//", f"//user:{PLANTED}@")
        for sink in (secure, plain):
            made = HttpConfig(url=Secret(sink.url), proxy=Secret(named))
            outcome = await attempt(HttpDestination("x", made, environment), delivery)
            assert outcome == Delivered(200)
    assert [(asked.method, asked.target) for asked in proxy.asked] == [
        ("CONNECT", f"localhost:{secure.port}"),
        ("POST", f"http://127.0.0.1:{plain.port}/hook"),
    ]
    password = base64.b64encode(f"user:{PLANTED}".encode()).decode().lower()
    assert [asked.headers["proxy-authorization"] for asked in proxy.asked] == [
        f"basic {password}"
    ] * 2


async def test_the_environments_proxy_counts_unless_the_destination_names_its_own(
    environment, delivery
):
    async with HttpSink() as sink, Proxy() as ours, Proxy() as theirs:
        behind = msgspec.structs.replace(environment, proxy=Secret(ours.url))
        for proxy in (None, Secret(theirs.url), Secret("direct")):
            destination = HttpDestination("x", config(sink.port, proxy=proxy), behind)
            assert await attempt(destination, delivery) == Delivered(200)
    assert (ours.connections, theirs.connections, len(sink.requests)) == (1, 1, 3)


async def test_a_proxy_that_refuses_is_a_failure_that_says_so(environment, delivery, server_tls):
    async with HttpSink(tls=server_tls) as sink, Proxy(refusal="407 Who are you") as proxy:
        made = HttpConfig(url=Secret(sink.url), proxy=Secret(proxy.url))
        outcome = await attempt(HttpDestination("x", made, environment), delivery)
        assert sink.connections == 0
    assert outcome == Failed("the proxy refused to connect")


@pytest.fixture
def deliveries(delivery):
    return [
        msgspec.structs.replace(delivery, id=DeliveryId(f"msg_{number:02}")) for number in range(10)
    ]


async def attempt_all(destination, deliveries):
    await destination.open()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(destination.attempt(each)) for each in deliveries]
    await destination.close()
    return [task.result() for task in tasks]


@pytest.mark.parametrize("form", [Format.CLOUDEVENTS, Format.EVENT])
async def test_attempts_at_once_leave_in_one_request(form, environment, deliveries):
    async with HttpSink() as sink:
        made = config(sink.port, format=form, batch=BatchConfig(), signing_secret=Secret("x"))
        outcomes = await attempt_all(HttpDestination("x", made, environment), deliveries)
    (request,) = sink.requests
    assert outcomes == [Delivered(200)] * 10
    assert request.headers["content-type"] == "application/cloudevents-batch+json"
    assert request.headers["webhook-id"].startswith("batch_")
    # The SDK has no batches: each element is a structured event.
    structured = {"content-type": "application/cloudevents+json"}
    read = [
        from_http(HTTPMessage(structured, msgspec.json.encode(each)), JSONFormat())
        for each in request.json()
    ]
    assert len(read) == 10
    if form is Format.CLOUDEVENTS:
        assert [each.get_id() for each in read] == [each.id for each in deliveries]


async def test_a_full_batch_does_not_wait(environment, deliveries):
    async with HttpSink() as sink:
        made = config(sink.port, format=Format.EVENT, batch=BatchConfig(max=5, wait=Duration(1.0)))
        loop = asyncio.get_running_loop()
        began = loop.time()
        await attempt_all(HttpDestination("x", made, environment), deliveries)
        assert loop.time() - began < 0.9
    assert [len(request.json()) for request in sink.requests] == [5, 5]


class _OneIsBad(HttpSink):
    """Answers 422 to each batch that holds a certain id."""

    def __init__(self, bad: str) -> None:
        super().__init__()
        self._bad = bad.encode()

    def reply_to(self, request):
        return Reply(422 if self._bad in request.body else 202)


async def test_one_that_is_refused_does_not_take_its_batch_along(environment, deliveries):
    async with _OneIsBad("msg_03") as sink:
        made = config(sink.port, format=Format.CLOUDEVENTS, batch=BatchConfig())
        outcomes = await attempt_all(HttpDestination("x", made, environment), deliveries)
    assert [type(outcome) for outcome in outcomes] == [
        Refused if number == 3 else Delivered for number in range(10)
    ]
    assert len(sink.requests) < 10


@pytest.mark.parametrize("status", [401, 404, 503])
async def test_a_refusal_of_the_whole_is_everybodys(status, environment, deliveries):
    async with HttpSink(otherwise=Reply(status)) as sink:
        made = config(sink.port, format=Format.CLOUDEVENTS, batch=BatchConfig())
        outcomes = await attempt_all(HttpDestination("x", made, environment), deliveries)
    assert {outcome.status for outcome in outcomes} == {status}
    assert len(sink.requests) == 1


async def test_one_that_is_cancelled_leaves_the_others_their_outcome(environment, deliveries):
    async with HttpSink() as sink:
        made = config(sink.port, format=Format.EVENT, batch=BatchConfig(wait=Duration(0.05)))
        destination = HttpDestination("x", made, environment)
        await destination.open()
        async with asyncio.TaskGroup() as group:
            leader, follower, other = (
                group.create_task(destination.attempt(each)) for each in deliveries[:3]
            )
            await asyncio.sleep(0)
            follower.cancel()
        assert (leader.result(), other.result()) == (Delivered(200), Delivered(200))
        async with asyncio.TaskGroup() as group:
            leader, other = (
                group.create_task(destination.attempt(each)) for each in deliveries[:2]
            )
            await asyncio.sleep(0)
            leader.cancel()
        assert isinstance(other.result(), Failed)
        assert await destination.attempt(deliveries[0]) == Delivered(200)
        await destination.close()


def test_a_batching_destination_has_room_for_whole_batches():
    made = config(1, format=Format.EVENT, batch=BatchConfig(max=50), concurrency=4)
    assert made.slots == 200


class TestEgress:
    """No connection where ROUTER_EGRESS denies it, whichever way there is."""

    @pytest.fixture
    def public(self, environment):
        return msgspec.structs.replace(environment, egress=Egress.PUBLIC)

    async def test_the_token_endpoint_is_checked(self, public, delivery):
        async with HttpSink() as canary:
            settings = config(canary.port, oauth2=oauth(canary))
            outcome = await attempt(HttpDestination("x", settings, public), delivery)
            assert canary.connections == 0
        assert outcome == Refused("OAuth token: address not allowed by ROUTER_EGRESS")

    async def test_a_proxy_of_a_rules_file_is_checked(self, public, delivery):
        async with Proxy() as canary:
            made = HttpConfig(url=Secret("https://8.8.8.8/"), proxy=Secret(canary.url))
            outcome = await attempt(HttpDestination("x", made, public), delivery)
            assert canary.connections == 0
        assert outcome == Refused("address not allowed by ROUTER_EGRESS")

    async def test_a_proxy_of_the_environment_may_be_in_the_private_network(self, public, delivery):
        async with Proxy(refusal="502 Bad Gateway") as proxy:
            behind = msgspec.structs.replace(public, proxy=Secret(proxy.url))
            made = HttpConfig(url=Secret("https://8.8.8.8/"))
            outcome = await attempt(HttpDestination("x", made, behind), delivery)
            assert proxy.connections == 1
        assert outcome == Failed("the proxy refused to connect")

    @pytest.mark.parametrize(
        "host",
        ["169.254.169.254", "127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0x7f.1", "127.1"],
    )
    async def test_no_proxy_is_asked_for_what_is_denied(self, host, public, delivery):
        async with Proxy() as canary:
            behind = msgspec.structs.replace(public, proxy=Secret(canary.url))
            made = HttpConfig(url=Secret(f"https://{host}/x"))
            outcome = await attempt(HttpDestination("x", made, behind), delivery)
            assert canary.connections == 0
        assert outcome == Refused("address not allowed by ROUTER_EGRESS")

    async def test_metadata_is_denied_in_open_too(self, environment, delivery):
        made = HttpConfig(url=Secret("http://169.254.169.254/latest/meta-data/"))
        outcome = await attempt(HttpDestination("x", made, environment), delivery)
        assert outcome == Refused("address not allowed by ROUTER_EGRESS")
