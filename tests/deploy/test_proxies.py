"""nginx and Caddy in front of ingress: what they pass on, what they close, and whom the router sees."""

import io
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import aiohttp
import msgspec
import pytest
import trustme
from support import reverse_proxies
from support.proxy_path import caddy_path, nginx_path
from support.reverse_proxies import HOST, ReverseProxy
from support.running import Running
from support.sources import ingress_with

from router.client.send import Endpoint
from router.datatypes import ByteSize, Networks, Secret

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "operate" / "proxies.md").read_text("utf-8")
TOKEN: Final = Secret("token-of-twilio")
SENDER: Final = "127.0.0.3"
STRANGER: Final = "127.0.0.4"
RULES: Final = "sources: {any: {verify: none, event: {type: '\"com.example.any\"', data: body}}}"
SETTINGS: Final = {
    "twilio_auth_tokens": (TOKEN,),
    # The proxy, and not the senders, which the tests have on loopback, too.
    "trusted_proxies": Networks.parse("127.0.0.1"),
    "twilio_addresses": Networks.parse(SENDER),
    "max_body_memory": ByteSize(2 << 20),
}
CLOSED: Final = (
    *("/metrics", "/readyz", "/healthz", "/console", "/console/", "/openapi.json"),
    *("/api/v1/alerts", "/events", "/twilio/../metrics", "/in/../metrics", "//metrics"),
    *("/in/%2e%2e/metrics", "/in/..%2fmetrics", "/alerts/../metrics", "/alerts/%2e%2e/metrics"),
    # The other way: a path that is for senders once it is normalized, and was sent as one for operators.
    *(
        "/console/../twilio",
        "/console/%2e%2e/in/any",
        "/console/..%2ftwilio",
        "//console/../twilio",
    ),
    *("/api/v1/rules/..%2f..%2f..%2f..%2ftwilio", "/api/v1/alerts/../../../alerts/x"),
    *("/in/../console/../in/any", "/twilio/../console/../twilio", "/in/any/..;/..;/metrics"),
)
FORGED_URLS: Final = {
    "X_Forwarded_Host": "elsewhere.example.com",
    "X_Forwarded_Port": "1",
    "X_Forwarded_Prefix": "/else",
    "X_Forwarded_Proto": "http",
    "Forwarded": "host=elsewhere.example.com;proto=http",
}
Start = Callable[[Path, str, trustme.CA], AbstractAsyncContextManager[ReverseProxy]]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def router(redis_url: Secret, tmp_path: Path) -> AsyncIterator[Running]:
    """Ingress with one port for all, so that only the proxy closes what is for operators."""
    async with ingress_with(redis_url, tmp_path / "rules", RULES, **SETTINGS) as process:
        yield process


@pytest.fixture(
    params=[
        pytest.param(
            reverse_proxies.nginx,
            id="nginx",
            marks=pytest.mark.skipif(nginx_path() is None, reason="no nginx: make proxies"),
        ),
        pytest.param(
            reverse_proxies.caddy,
            id="caddy",
            marks=pytest.mark.skipif(caddy_path() is None, reason="no Caddy: make proxies"),
        ),
    ]
)
async def proxy(
    request: pytest.FixtureRequest, router: Running, authority: trustme.CA, tmp_path: Path
) -> AsyncIterator[ReverseProxy]:
    start: Start = request.param
    folder = tmp_path / "proxy"
    folder.mkdir()
    async with start(folder, router.url.removeprefix("http://"), authority) as running:
        yield running


def signed(proxy: ReverseProxy, body: bytes, prefix: str = "") -> tuple[str, dict[str, str]]:
    """Return the URL and the headers of a request that Twilio makes to the proxy on port 443."""
    called = f"https://{HOST}"
    endpoint = Endpoint(url=f"{proxy.url}{prefix}/twilio", auth_token=TOKEN, public_url=called)
    url, headers = endpoint.request(body, is_batch=True)
    return url, {**headers, "Host": HOST}


async def status_of(
    proxy: ReverseProxy, body: bytes, *, address: str = SENDER, prefix: str = "", **headers: str
) -> tuple[int, str]:
    """Send a signed request; return the status and ``Retry-After``."""
    url, own = signed(proxy, body, prefix)
    written = {name.replace("_", "-"): text for name, text in headers.items()}
    async with (
        proxy.client(address=address) as client,
        client.post(url, data=io.BytesIO(body), headers=own | written) as response,
    ):
        return response.status, response.headers.get("Retry-After", "")


def event(size: int = 0) -> bytes:
    """Return an array of one CloudEvent with so many bytes of data."""
    return msgspec.json.encode(
        [
            {
                "specversion": "1.0",
                "id": f"event-of-{size}",
                "source": "/proxies",
                "type": "com.example.size",
                "data": "x" * size,
            }
        ]
    )


async def test_a_request_that_is_signed_for_the_public_url_is_accepted(
    proxy: ReverseProxy, router: Running
) -> None:
    """Without ROUTER_PUBLIC_URL: the headers of the proxy say what was called."""
    assert await status_of(proxy, event()) == (202, "")
    assert router.metric("router_events_received_total", source="twilio", outcome="accepted") == 1


async def test_a_url_in_the_request_line_is_reached(proxy: ReverseProxy) -> None:
    """RFC 9112, section 3.2.2."""
    head = f"POST https://{HOST}/in/any HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n"
    answer = await proxy.raw(
        f"{head}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}".encode()
    )

    assert answer.split(b" ", 2)[1] == b"202"


async def test_sources_and_alert_links_are_reached(proxy: ReverseProxy) -> None:
    async with proxy.client() as client:
        async with client.post(f"{proxy.url}/in/any", json={"a": 1}) as response:
            assert response.status == 202
        async with client.get(f"{proxy.url}/alerts/none") as response:
            assert "html" in response.headers["Content-Type"] or "error" in await response.json()


def nginx_below_a_prefix() -> dict[str, str]:
    """Return the lines of nginx.conf that the page changes, and those of the page."""
    file = (ROOT / "deploy" / "proxies" / "nginx.conf").read_text("utf-8")
    (block,) = re.findall(r"^```nginx\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    changes = {}
    for line in block.splitlines():
        kind = re.sub(r"/hooks|\s+", "", line.partition("proxy_pass")[0].partition('"')[0])
        (old,) = (
            each
            for each in file.splitlines()
            if re.sub(r"\s+", "", each.partition("proxy_pass")[0].partition('"')[0]) == kind
        )
        changes[old] = line
    return changes


def caddy_below_a_prefix() -> dict[str, str]:
    """Return the pieces of the Caddyfile that the page changes, and those of the page."""
    (block,) = re.findall(r"^```text\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    path, sent, header = block.splitlines()
    return {
        "path /twilio /in/* /alerts/*": path,
        sent.replace("/hooks", ""): sent,
        "header_up -X-Forwarded-Prefix": header,
        "\t\treverse_proxy ": "\t\turi strip_prefix /hooks\n\t\treverse_proxy ",
    }


@pytest.mark.deploy
@pytest.mark.parametrize(
    ("start", "own"),
    [
        pytest.param(
            reverse_proxies.nginx,
            nginx_below_a_prefix,
            id="nginx",
            marks=pytest.mark.skipif(nginx_path() is None, reason="no nginx: make proxies"),
        ),
        pytest.param(
            reverse_proxies.caddy,
            caddy_below_a_prefix,
            id="caddy",
            marks=pytest.mark.skipif(caddy_path() is None, reason="no Caddy: make proxies"),
        ),
    ],
)
async def test_the_router_may_have_a_prefix_of_the_host(
    start: Callable[..., AbstractAsyncContextManager[ReverseProxy]],
    own: Callable[[], dict[str, str]],
    router: Running,
    authority: trustme.CA,
    tmp_path: Path,
) -> None:
    """The lines of docs/operate/proxies.md; the signature covers the URL with the prefix."""
    (folder := tmp_path / "proxy").mkdir()
    upstream = router.url.removeprefix("http://")
    async with start(folder, upstream, authority, own=own()) as proxy, proxy.client() as client:
        assert await status_of(proxy, event(), prefix="/hooks") == (202, "")
        async with client.post(f"{proxy.url}/hooks/in/any", json={"a": 1}) as response:
            assert response.status == 202
        for path in ("/twilio", "/hooks/metrics", "/hooks/in/..%2fmetrics", "/hooks/console"):
            answer = await proxy.raw(
                f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode()
            )
            assert answer.split(b" ", 2)[1] == b"404", path


async def test_what_is_for_operators_is_closed(proxy: ReverseProxy, router: Running) -> None:
    host = urlsplit(proxy.url).netloc
    answers = {
        path: await proxy.raw(
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
        )
        for path in CLOSED
    }

    assert {answer.split(b" ", 2)[1] for answer in answers.values()} <= {b"400", b"404"}, answers
    assert not any(b"router_" in answer for answer in answers.values())
    async with aiohttp.ClientSession() as session, session.get(f"{router.url}/metrics") as response:
        assert response.status == 200


async def test_the_sender_is_the_client_of_the_proxy(
    proxy: ReverseProxy, caplog: pytest.LogCaptureFixture
) -> None:
    """Mutant: the proxy's address in the log. All senders would share one throttle, too."""
    forged = {
        "X_Forwarded_For": SENDER,
        "Forwarded": f"for={SENDER};proto=https",
        "X_Forwarded_Client_Cert": "Hash=00",
    }
    status, _ = await status_of(proxy, event(), address=STRANGER, **forged)

    assert status == 403
    (line,) = [each for each in caplog.records if each.message == "request rejected"]
    assert line.__dict__["remote"] == STRANGER


async def test_a_sender_says_nothing_of_the_called_url(proxy: ReverseProxy) -> None:
    answers = [
        await status_of(proxy, event(), **{name: text}) for name, text in FORGED_URLS.items()
    ]

    assert answers == [(202, "")] * len(FORGED_URLS)


@pytest.mark.parametrize("header", ["X-Forwarded-Client-Cert", "X-Client-Verify"])
@pytest.mark.parametrize(
    ("file", "removes"),
    [("nginx.conf", r'proxy_set_header +{} +"";'), ("Caddyfile", r"header_up -{}\n")],
)
def test_a_sender_says_nothing_of_its_certificate(file: str, removes: str, header: str) -> None:
    """The router trusts these headers of a trusted proxy, for sources that verify by ``mtls``."""
    text = (ROOT / "deploy" / "proxies" / file).read_text("utf-8")

    assert re.search(removes.format(header), text)


@pytest.mark.deploy
async def test_a_body_may_be_as_large_as_the_router_permits(proxy: ReverseProxy) -> None:
    assert (await status_of(proxy, event(1 << 20)))[0] == 202


@pytest.mark.deploy
async def test_a_larger_body_is_rejected(proxy: ReverseProxy) -> None:
    """By nginx, or by the router, whose limit Caddy's is."""
    assert (await status_of(proxy, event(5 << 20)))[0] == 413


@pytest.mark.deploy
async def test_a_router_that_takes_nothing_now_says_when_to_come_again(
    proxy: ReverseProxy,
) -> None:
    status, retry_after = await status_of(proxy, event(3 << 20))

    assert status == 503
    assert int(retry_after) >= 1


@pytest.mark.deploy
async def test_http_without_tls_leads_to_https(proxy: ReverseProxy) -> None:
    async with (
        proxy.client() as client,
        client.get(
            f"http://{HOST}:{proxy.plain_port}/twilio?x=1", allow_redirects=False
        ) as response,
    ):
        assert response.status == 308
        assert urlsplit(response.headers["Location"]).scheme == "https"
        assert urlsplit(response.headers["Location"]).path == "/twilio"
