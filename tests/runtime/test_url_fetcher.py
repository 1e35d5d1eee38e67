"""Getting a URL once: certificates, and the confirmation of subscriptions."""

from collections.abc import AsyncIterator

import msgspec
import pytest
from aiohttp import web

from router.clock import system_clock
from router.destinations.transport.egress import Egress
from router.runtime.build_environment import build_environment
from router.runtime.url_fetcher import UrlFetcher
from router.settings.model import Settings
from router.sources.contract import FetchError

PLAIN = frozenset({"http"})


@pytest.fixture
async def server() -> AsyncIterator[str]:
    async def answer(request: web.Request) -> web.Response:
        match request.path:
            case "/moved":
                raise web.HTTPFound("/ok")
            case "/gone":
                raise web.HTTPGone
        return web.Response(text="a certificate")

    application = web.Application()
    application.router.add_get("/{tail:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


def fetcher(schemes: frozenset[str] = PLAIN, egress: Egress = Egress.OPEN) -> UrlFetcher:
    settings = msgspec.structs.replace(Settings(), egress=egress)
    environment = build_environment(settings, system_clock().now, lambda _: None)
    return UrlFetcher(environment, schemes)


async def test_a_url_is_got(server: str) -> None:
    assert await fetcher().fetch(f"{server}/ok") == b"a certificate"


@pytest.mark.parametrize(
    ("path", "reason"), [("/moved", "the reply was 302"), ("/gone", "the reply was 410")]
)
async def test_another_reply_than_2xx_is_an_error(server: str, path: str, reason: str) -> None:
    with pytest.raises(FetchError, match=reason):
        await fetcher().fetch(server + path)


async def test_only_https_is_got_unless_permitted(server: str) -> None:
    with pytest.raises(FetchError, match="https"):
        await UrlFetcher(fetcher()._environment).fetch(server)


async def test_the_egress_policy_holds(server: str) -> None:
    with pytest.raises(FetchError, match="ROUTER_EGRESS"):
        await fetcher(egress=Egress.PUBLIC).fetch(server)


async def test_a_host_that_does_not_answer_is_an_error() -> None:
    with pytest.raises(FetchError, match="onnect"):
        await fetcher().fetch("http://127.0.0.1:1/")


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1:99999/",
        "https://127.0.0.1:x/",
        "https://127.0.0.1:\\1/",
        "https://[::1",
        "https://",
        "https://a\u2100b/",
        "https://127.0.0.1:1/\x00",
        f"https://{'a' * 300}/",
    ],
)
async def test_a_malformed_url_is_an_error_of_its_sender(url: str) -> None:
    """Revert: the sender got 500 and the log a traceback."""
    with pytest.raises(FetchError):
        await fetcher(frozenset({"https"})).fetch(url)
