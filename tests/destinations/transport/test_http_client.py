"""The HTTP client: proxies, the egress policy, replies and connections."""

import base64

import msgspec
import pytest
from contracts.destination import PLANTED, attempt
from support.proxy import Proxy
from support.sinks import HttpSink, Reply

from router.alerts import Delivered, Failed, Refused
from router.datatypes import Duration, Secret
from router.destinations.http import HttpDestination
from router.destinations.http_config import HttpConfig
from router.destinations.slack import SlackConfig, SlackDestination
from router.destinations.transport.credentials import OAuth2Config
from router.no_proxy import NoProxy
from router.settings.choices import Egress

TOKEN_ANSWER = {"access_token": f"tok-{PLANTED}", "token_type": "Bearer", "expires_in": 600}


def config(port: int, **more: object) -> HttpConfig:
    return HttpConfig(url=Secret(f"http://127.0.0.1:{port}/hook"), **more)


def granted(**more: object) -> Reply:
    return Reply(200, msgspec.json.encode(TOKEN_ANSWER | more))


def oauth(sink: HttpSink, **more: object) -> OAuth2Config:
    return OAuth2Config(
        token_url=sink.url, client_id="my client", client_secret=Secret("s3cr et%"), **more
    )


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


class TestEgress:
    """No connection is made to an address that ROUTER_EGRESS denies, by any way."""

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


@pytest.mark.parametrize("size", [0, 10, 60_000, 100_000, 300_000])
async def test_a_success_of_any_size_leaves_the_destination_usable(size, environment, delivery):
    async with HttpSink(otherwise=Reply(200, b"x" * size)) as sink:
        destination = HttpDestination("x", config(sink.port, timeout=Duration(2)), environment)
        await destination.open()
        outcomes = [await destination.attempt(delivery) for _ in range(5)]
        await destination.close()
    assert outcomes == [Delivered(200)] * 5


class TestNoProxy:
    """Case D27: hosts that are reached without the proxy of the environment."""

    @pytest.fixture
    def behind(self, environment):
        """Return an environment with a proxy that leads nowhere, and these hosts without it."""

        def behind_proxy(no_proxy: str):
            return msgspec.structs.replace(
                environment, proxy=Secret("http://127.0.0.1:1"), no_proxy=NoProxy.parse(no_proxy)
            )

        return behind_proxy

    @pytest.mark.parametrize(
        ("no_proxy", "expected"),
        [("127.0.0.0/8", Delivered(200)), ("example.com", Failed("connection refused"))],
    )
    async def test_a_host_in_the_list_is_reached_directly(
        self, no_proxy, expected, behind, delivery
    ):
        async with HttpSink() as sink:
            destination = HttpDestination("x", config(sink.port), behind(no_proxy))
            assert await attempt(destination, delivery) == expected

    async def test_a_token_server_and_slack_are_reached_directly_too(self, behind, delivery):
        async with HttpSink(otherwise=granted()) as server, HttpSink() as sink:
            oauth2 = oauth(server)
            settings = config(sink.port, oauth2=oauth2)
            slack = SlackConfig(webhook_url=Secret(sink.url))
            for made in (
                HttpDestination("x", settings, behind("127.0.0.1")),
                SlackDestination("y", slack, behind("127.0.0.1")),
            ):
                assert await attempt(made, delivery) == Delivered(200)

    async def test_a_proxy_of_the_destination_itself_is_used_all_the_same(self, behind, delivery):
        async with HttpSink() as sink, Proxy() as proxy:
            settings = config(sink.port, proxy=Secret(proxy.url))
            destination = HttpDestination("x", settings, behind("*"))
            assert await attempt(destination, delivery) == Delivered(200)
            assert proxy.connections == 1

    async def test_a_host_without_a_proxy_is_checked_itself(self, behind, delivery):
        public = msgspec.structs.replace(behind("*"), egress=Egress.PUBLIC)
        async with HttpSink() as canary:
            outcome = await attempt(HttpDestination("x", config(canary.port), public), delivery)
            assert canary.connections == 0
        assert outcome == Refused("address not allowed by ROUTER_EGRESS")
