"""Headers with any bytes: never an error of the server, always counted, one line in the log."""

import random
from collections.abc import AsyncIterator, Iterator

import pytest
from support.raw import answer_to, statuses
from support.running import Running, running, settings_for

from router.datatypes import Networks, Secret, Texts
from router.runtime.roles import Roles

ROLES = Roles(port=0, ingress=True)
TARGETS = [
    (b"POST", b"/twilio?bodySHA256=1"),
    (b"POST", b"/events?access_token=x"),
    (b"POST", b"http://a/twilio"),
    (b"OPTIONS", b"/events"),
    (b"GET", b"/api/v1/twilio-tests"),
    (b"GET", b"/nowhere"),
]
NAMES = [
    *(b"Host", b"Content-Type", b"Authorization", b"Cookie", b"Content-Encoding", b"Expect"),
    *(b"X-Forwarded-For", b"X-Forwarded-Proto", b"X-Forwarded-Host", b"X-Forwarded-Port"),
    *(b"X-Forwarded-Prefix", b"Forwarded", b"X-Twilio-Signature", b"Accept", b"ce-id", b"ce-time"),
    *(b"X-Twilio-Webhooks-Signature-Settings", b"WebHook-Request-Origin", b"Content-Length"),
]
VALUES = [
    *(b"[", b"[::1", b"x]y[", "example.com℀".encode(), "ⅷ.example".encode(), b"xn--a", b"[]:1"),
    *(b"\xff", b"\xed\xa0\x80", b"a\x80b", b"\xc2\x85", "İ".encode(), b"", b" ", b"\t", b"*"),
    *(b"a:b:c", b"[::1]:99999", b"@", b"user:pass@host", b"host:", b":80", b"%00", b"%ff", b"//"),
    *(b"?", b"#", b"\\", b"a/../b", b";", b",", b",,,", b'"', b'="', b"9" * 400, b"a" * 2000),
    *(
        b"Bearer",
        b"Bearer \xff",
        b"bearer  x",
        b"Basic \xff",
        b"Basic ====",
        b"Basic dTpw",
        b"1e99",
    ),
    *(b'for="[::1"', b'for="[::1]:x";host="["', b"text/plain; charset=\xff", b"gzip, \xff", b"-1"),
]


def request(method: bytes, target: bytes, headers: list[tuple[bytes, bytes]]) -> bytes:
    """Return a request with two bytes of body, and with what each request needs."""
    lines = [(b"Host", b"test"), (b"Content-Type", b"application/json")]
    lines += [(b"X-Twilio-Signature", b"x"), (b"Content-Length", b"2")]
    changed = {name for name, _ in headers}
    lines = [line for line in lines if line[0] not in changed] + headers
    top = b"".join(b"%b: %b\r\n" % line for line in lines)
    return b"%b %b HTTP/1.1\r\n%bConnection: close\r\n\r\n{}" % (method, target, top)


@pytest.fixture(params=[False, True], ids=["no proxy", "proxy"])
def behind_proxy(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
async def ingress(redis_url: Secret, behind_proxy: bool) -> AsyncIterator[Running]:  # noqa: FBT001
    settings = settings_for(
        redis_url,
        twilio_auth_tokens=(Secret("t0ken"),),
        twilio_addresses=Networks.parse("127.0.0.0/8, 192.0.2.0/24"),
        trusted_proxies=Networks.parse("127.0.0.1") if behind_proxy else Networks(),
        admin_token=Secret("0perator"),
        events_token=Secret("s3nder"),
        webhook_origins=Texts(("a.example",)),
    )
    async with running(settings, ROLES) as process:
        yield process


def count(process: Running) -> float:
    """Return the requests and connections that were refused."""
    return sum(
        sample.value
        for family in process.metrics.registry.collect()
        for sample in family.samples
        if sample.name in {"router_requests_refused_total", "router_connections_refused_total"}
    )


async def check(process: Running, data: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """Send a request; it is answered as JSON, counted, and causes no more than a line."""
    caplog.clear()
    before = count(process)

    answer = await answer_to(process.address, data)

    (status,) = statuses(answer)
    assert status < 500, (data, answer)
    assert status < 400 or b'{"error":{"code":"' in answer, (data, answer)
    assert count(process) - before == (status >= 400), (data, answer)
    assert [entry.message for entry in caplog.records if entry.levelname == "ERROR"] == []
    lines = [entry.message for entry in caplog.records if entry.name.startswith("router.")]
    assert len(lines) <= 1, (data, lines)


@pytest.mark.parametrize(
    "is_whole", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["short", "whole"]
)
@pytest.mark.parametrize("name", NAMES)
async def test_no_header_is_an_error_of_the_server(
    ingress: Running,
    name: bytes,
    caplog: pytest.LogCaptureFixture,
    *,
    behind_proxy: bool,
    is_whole: bool,
) -> None:
    """Case I10.

    A proxy's header has each value where it is trusted. Another header has each value once, behind
    a proxy or not; in the slow form, both.
    """
    chance = random.Random(name)  # noqa: S311 - not for secrets
    all_of_them = is_whole or (behind_proxy and b"Forwarded" in name)
    for value in VALUES if all_of_them else VALUES[behind_proxy::2]:
        method, target = chance.choice(TARGETS)
        await check(ingress, request(method, target, [(name, value)]), caplog)


@pytest.mark.parametrize("host", ["[", "[::1", "x]y[", "example.com℀"])
@pytest.mark.parametrize("name", [b"Host", b"X-Forwarded-Host"])
async def test_a_host_that_is_none_is_rejected_at_twilios_endpoint(
    ingress: Running, name: bytes, host: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Case I10."""
    await check(ingress, request(*TARGETS[0], [(name, host.encode())]), caplog)

    (line,) = [entry for entry in caplog.records if entry.levelname == "WARNING"]
    assert line.__dict__.get("status", 400) in {400, 403}


def generated(seed: int, requests: int) -> Iterator[bytes]:
    """Yield requests with several headers of several pieces, raw bytes among them."""
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    forbidden = {0, 10, 13}
    for _ in range(requests):
        headers = []
        for name in chance.sample(NAMES[:-1], chance.randrange(1, 4)):
            pieces = [chance.choice(VALUES) for _ in range(chance.randrange(1, 4))]
            noise = bytes(chance.randrange(256) for _ in range(chance.randrange(4)))
            value = chance.choice([b"", b" ", b",", b";"]).join([*pieces, noise])[:4000]
            headers.append((name, bytes(byte for byte in value if byte not in forbidden)))
        yield request(*chance.choice(TARGETS), headers)


async def test_no_headers_together_are_an_error_of_the_server(
    ingress: Running, caplog: pytest.LogCaptureFixture
) -> None:
    """Case I10, from a seed."""
    for data in generated(1, 60):
        await check(ingress, data, caplog)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(2, 12))
async def test_no_headers_of_many_seeds_are_an_error_of_the_server(
    ingress: Running, caplog: pytest.LogCaptureFixture, seed: int
) -> None:
    """Case I10."""
    for data in generated(seed, 2000):
        await check(ingress, data, caplog)
