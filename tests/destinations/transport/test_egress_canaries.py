"""Canaries: no kind connects to a denied address, in whatever spelling."""

import socket
from collections.abc import Callable

import msgspec
import pytest
from contracts.destination import attempt
from support.proxy import Proxy
from support.sinks import HttpSink, Reply, TcpSink, silence

from router.alerts import Refused
from router.datatypes import Secret
from router.destinations.apprise import AppriseConfig
from router.destinations.contract import DestinationConfig
from router.destinations.email_config import EmailConfig
from router.destinations.http_config import HttpConfig
from router.destinations.kinds import build
from router.destinations.slack import SlackConfig
from router.destinations.transport.credentials import OAuth2Config
from router.settings.choices import Egress

Make = Callable[[str], DestinationConfig]
"""A configuration that leads to ``host:port``."""


def mail(place: str) -> DestinationConfig:
    return EmailConfig(
        to=("a@example.com",), from_="b@example.com", smtp_url=Secret(f"smtp://{place}")
    )


WAYS: dict[str, Make] = {
    "http": lambda place: HttpConfig(url=Secret(f"http://{place}/")),
    "token": lambda place: HttpConfig(
        url=Secret("https://8.8.8.8/"),
        oauth2=OAuth2Config(token_url=f"http://{place}/", client_id="x", client_secret=Secret("y")),
    ),
    "proxy": lambda place: HttpConfig(
        url=Secret("https://8.8.8.8/"), proxy=Secret(f"http://{place}")
    ),
    "slack webhook": lambda place: SlackConfig(webhook_url=Secret(f"http://{place}/services/x")),
    "slack token": lambda place: SlackConfig(
        token=Secret("xoxb-1"), channel="C1", api_url=f"http://{place}/api/"
    ),
    "email": mail,
    "apprise": lambda place: AppriseConfig(url=Secret(f"json://{place}/")),
}
# The spellings of this machine for which all configurations allow plain http.
SPELLINGS = ["127.0.0.1", "localhost"]
ODD_SPELLINGS = ["[::ffff:127.0.0.1]", "0x7f.1", "127.1", "LOCALHOST", "[::1]"]


@pytest.mark.parametrize("host", SPELLINGS)
@pytest.mark.parametrize("way", WAYS)
async def test_this_machine_is_not_connected_to_in_public(way, host, environment, delivery):
    public = msgspec.structs.replace(environment, egress=Egress.PUBLIC)
    async with TcpSink(silence) as canary:
        made = WAYS[way](f"{host}:{canary.port}")
        outcome = await attempt(build("x", made, public), delivery)
        assert canary.connections == 0
    assert isinstance(outcome, Refused)
    assert "address not allowed by ROUTER_EGRESS" in outcome.reason


@pytest.mark.fault_row(52)
@pytest.mark.parametrize("host", ODD_SPELLINGS)
@pytest.mark.parametrize("way", ["http", "proxy", "email"])
async def test_nor_by_another_spelling(way, host, environment, delivery):
    """Mutant: an embedded IPv4 address is not seen."""
    public = msgspec.structs.replace(environment, egress=Egress.PUBLIC)
    async with TcpSink(silence) as canary:
        made = WAYS[way](f"{host}:{canary.port}")
        await attempt(build("x", made, public), delivery)
        assert canary.connections == 0


@pytest.fixture
def rebinding(monkeypatch):
    """A name that resolves to this machine when a connection is made."""
    answer = socket.getaddrinfo

    def resolve(host, *arguments, **more):
        known = "127.0.0.1" if host == "rebinding.example" else host
        return answer(known, *arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return "rebinding.example"


@pytest.mark.parametrize(
    "address",
    ["http://{place}/", "https://{place}/"],
)
@pytest.mark.parametrize("kind", ["http", "slack", "email", "apprise", "token", "proxy"])
async def test_a_name_is_judged_by_what_it_means_at_the_connection(
    kind, address, rebinding, environment, delivery
):
    public = msgspec.structs.replace(environment, egress=Egress.PUBLIC)
    async with TcpSink(silence) as canary:
        place = f"{rebinding}:{canary.port}"
        url = address.format(place=place)
        secure = f"https://{place}/"
        client = OAuth2Config(token_url=secure, client_id="x", client_secret=Secret("y"))
        made: DestinationConfig = {
            "http": HttpConfig(url=Secret(url)),
            "slack": SlackConfig(webhook_url=Secret(secure)),
            "email": mail(place),
            "apprise": AppriseConfig(url=Secret(url.replace("http", "json"))),
            "token": HttpConfig(url=Secret("https://8.8.8.8/"), oauth2=client),
            "proxy": HttpConfig(url=Secret(url), proxy=Secret(secure)),
        }[kind]
        outcome = await attempt(build("x", made, public), delivery)
        assert canary.connections == 0
    assert isinstance(outcome, Refused)
    assert "address not allowed by ROUTER_EGRESS" in outcome.reason


@pytest.mark.parametrize("egress", list(Egress))
@pytest.mark.parametrize("way", ["http", "proxy", "email", "apprise"])
async def test_the_clouds_metadata_is_never_connected_to(way, egress, environment, delivery):
    used = msgspec.structs.replace(environment, egress=egress)
    outcome = await attempt(build("x", WAYS[way]("169.254.169.254:80"), used), delivery)
    assert isinstance(outcome, Refused)
    assert outcome.reason == "address not allowed by ROUTER_EGRESS"


@pytest.mark.fault_row(51)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("way", ["http", "token", "slack webhook", "slack token"])
async def test_no_redirect_is_followed(way, status, environment, delivery):
    """Mutant: redirects are followed."""
    async with HttpSink() as canary:
        there = Reply(status, b"", {"Location": canary.url})
        async with HttpSink(otherwise=there) as sink:
            made = WAYS[way](f"127.0.0.1:{sink.port}")
            outcome = await attempt(build("x", made, environment), delivery)
            assert sink.connections == 1
        assert canary.connections == 0
    assert isinstance(outcome, Refused)


async def test_no_proxy_is_asked_by_slack_for_what_is_denied(environment, delivery):
    async with Proxy() as canary:
        behind = msgspec.structs.replace(
            environment, egress=Egress.PUBLIC, proxy=Secret(canary.url)
        )
        made = SlackConfig(webhook_url=Secret("https://127.0.0.1/services/x"))
        outcome = await attempt(build("x", made, behind), delivery)
        assert canary.connections == 0
    assert outcome == Refused("address not allowed by ROUTER_EGRESS")
