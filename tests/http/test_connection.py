"""Connections that never become a request, and connections above the limit."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from support.raw import answer_to, head, statuses
from support.running import Running, running, settings_for
from support.waiting import until

from router.datatypes import ByteSize, Duration, Secret
from router.http.connection_limits import cap_to_fd_limit
from router.runtime.roles import Roles

ROLES = Roles(port=0, ingress=True)
ASK = head("/healthz", [], "GET")


@pytest.fixture
async def ingress(redis_url: Secret) -> AsyncIterator[Running]:
    settings = settings_for(
        redis_url,
        head_timeout=Duration(0.3),
        keepalive_timeout=Duration(1),
        max_connections=5,
    )
    async with running(settings, ROLES) as process:
        yield process


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([], []),
        ([b"GET /healthz"], [408]),
        ([b"GET /healthz HTTP/1.1\r\nHost: test\r\nX: "], [408]),
        ([ASK, b"GET /hea"], [200, 408]),
        ([b"\r\n"], [408]),
    ],
)
async def test_an_unfinished_head_is_rejected_at_its_deadline(
    ingress: Running, pieces: list[bytes], expected: list[int]
) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    reader, writer = await asyncio.open_connection(ingress.address.host, ingress.address.port)
    answers = b""
    for piece in pieces:
        writer.write(piece)
        if piece == ASK:
            answers += await reader.readuntil(b"}")
    async with asyncio.timeout(60):
        answers += await reader.read()
    writer.close()

    assert statuses(answers) == expected
    assert 0.25 < loop.time() - began < 4
    assert ingress.metric("router_connections_refused_total", reason="head_timeout") == 1


async def test_dripping_does_not_extend_the_deadline(ingress: Running) -> None:
    reader, writer = await asyncio.open_connection(ingress.address.host, ingress.address.port)
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def drip() -> None:
        writer.write(b"GET /healthz HTTP/1.1\r\n")
        while True:
            writer.write(b"X: y\r\n")
            await asyncio.sleep(0.02)

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        dripping = group.create_task(drip())
        answer = await reader.readuntil(b"\r\n")
        dripping.cancel()
    writer.close()

    assert statuses(answer) == [408]
    assert loop.time() - began < 4


async def test_an_endless_head_is_rejected_at_its_size_limit(redis_url: Secret) -> None:
    async with running(settings_for(redis_url, max_head=ByteSize(4096)), ROLES) as process:
        pieces = [b"GET /healthz HTTP/1.1\r\n", *[b"X: " + b"x" * 100 + b"\r\n"] * 40]
        answer = await answer_to(process.address, *pieces)

        assert statuses(answer) == [431]
        assert process.metric("router_connections_refused_total", reason="head_size") == 1


async def test_an_idle_connection_outlives_the_deadline_of_a_head(ingress: Running) -> None:
    reader, writer = await asyncio.open_connection(ingress.address.host, ingress.address.port)
    loop = asyncio.get_running_loop()
    writer.write(ASK)
    await reader.readuntil(b"}")
    began = loop.time()
    async with asyncio.timeout(60):
        assert await reader.read() == b""
    writer.close()

    assert loop.time() - began > 0.8
    assert ingress.metric("router_connections_refused_total", reason="head_timeout") == 0


async def test_a_slow_body_does_not_count_as_a_slow_head(redis_url: Secret) -> None:
    settings = settings_for(redis_url, head_timeout=Duration(0.2), body_timeout=Duration(5))
    async with running(settings, ROLES) as process:
        reader, writer = await asyncio.open_connection(process.address.host, process.address.port)
        writer.write(
            head("/events", [("Content-Type", "application/json"), ("Content-Length", "20")])
        )
        for byte in b'{"id":  "1"}        ':
            writer.write(bytes([byte]))
            await asyncio.sleep(0.03)
        answer = await reader.readuntil(b"\r\n")
        writer.write(ASK)  # the connection is still usable
        await reader.readuntil(b"alive")
        writer.close()

    assert statuses(answer) == [400]


async def test_a_connection_above_the_limit_is_answered_with_retry_after(ingress: Running) -> None:
    opened = [
        await asyncio.open_connection(ingress.address.host, ingress.address.port) for _ in range(5)
    ]

    async def all_are_in() -> bool:
        return ingress.metric("router_connections") == 5

    await until(all_are_in)
    answer = await answer_to(ingress.address, ASK)

    assert statuses(answer) == [503]
    assert b"Retry-After: 1" in answer
    assert ingress.metric("router_connections_refused_total", reason="full") == 1

    opened[0][1].close()

    async def is_served() -> bool:
        closing = head("/healthz", [("Connection", "close")], "GET")
        return statuses(await answer_to(ingress.address, closing)) == [200]

    assert await until(is_served)
    for _, writer in opened:
        writer.close()


@pytest.mark.fault_row(41)
@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /events HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /events HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
        b"POST /events HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"POST /events HTTP/1.1\r\nHost: t\r\nX: " + b"x" * 9000 + b"\r\n\r\n",
        b"POST /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: t\r\n\r\n",
        b"POST /events HTTP/1.1\r\nHost: t\r\n" + b"X: y\r\n" * 500 + b"\r\n",
        b"POST /events HTTP/1.1\nHost: t\n\n",
        b"POST /events HTTP/1.1\r\nHost : t\r\n\r\n",
        b"POST /events HTTP/1.1\r\nHost: t\r\n folded: x\r\n\r\n",
        b"POST /events HTTP/9.9\r\nHost: t\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GARBAGE\r\n\r\n",
    ],
    ids=range(12),
)
async def test_malformed_http_is_rejected_and_smuggles_no_second_request(
    ingress: Running, request_bytes: bytes
) -> None:
    """Mutant: malformed HTTP is answered by aiohttp."""
    answer = await answer_to(ingress.address, request_bytes + ASK)

    assert statuses(answer) == [400]
    assert b'"code":"bad_http"' in answer
    assert b"alive" not in answer
    assert ingress.metric("router_connections_refused_total", reason="bad_http") == 1


@pytest.mark.parametrize(
    ("request_bytes", "reason"),
    [
        (b"POST * HTTP/1.1\r\nHost: t\r\n\r\n", "the request target is not a path or a URL"),
        (b"POST http://[ HTTP/1.1\r\nHost: t\r\n\r\n", "the request target is not a path or a URL"),
        (b"FOO / HTTP/1.1\r\nHost: t\r\n\r\n", "the first line has no method of HTTP"),
        (b"POST /a b HTTP/1.1\r\nHost: t\r\n\r\n", "the first line is malformed"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/2 is not supported here, use HTTP/1.1"),
        (
            b"POST / HTTP/1.1\r\nHost: t\r\nb d\r\n\r\n",
            "the name of a header has an invalid character",
        ),
        (b"GET /%b HTTP/1.1\r\n\r\n" % (b"a" * 9000), "the first line or a header is too long"),
    ],
    ids=["asterisk", "url", "method", "line", "http2", "header", "long"],
)
async def test_malformed_http_is_explained_without_repeating_it(
    ingress: Running, request_bytes: bytes, reason: str
) -> None:
    """Case I19: it was the parser's own text, such as "http://[" or "Invalid method encountered:"."""
    answer = await answer_to(ingress.address, request_bytes)

    assert f'"message":"{reason}"'.encode() in answer


@pytest.mark.parametrize("path", [b"/twilio", b"/nowhere"])
async def test_an_expectation_that_is_not_text_is_rejected_like_any_other(
    ingress: Running, path: bytes
) -> None:
    head = b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: \xf3\r\n\r\n" % path

    answer = await answer_to(ingress.address, head)

    assert statuses(answer) == [417]
    assert b'"code":"bad_http"' in answer


@pytest.mark.fault_row(41)
async def test_thousands_of_pipelined_requests_are_answered_in_order(ingress: Running) -> None:
    last = head("/healthz", [("Connection", "close")], "GET")
    answer = await answer_to(ingress.address, ASK * 2_999 + last, seconds=20)

    assert statuses(answer) == [200] * 3_000


def test_connections_leave_descriptors_for_redis() -> None:
    assert cap_to_fd_limit(10) == 10
    assert 10 < cap_to_fd_limit(10**9) < 10**9 or cap_to_fd_limit(10**9) == 10**9


@pytest.mark.fault_row(41)
@pytest.mark.parametrize(
    "target",
    [b"http://xn--a/events", b"http://xn--a"],
)
async def test_a_target_whose_host_cannot_be_parsed_is_rejected(
    ingress: Running, target: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Revert: no answer, and "Task exception was never retrieved" with a traceback.

    Mutant: a connection goes on after a target that cannot be parsed.
    """
    answer = await answer_to(ingress.address, b"POST %b HTTP/1.1\r\nHost: t\r\n\r\n" % target + ASK)

    assert statuses(answer) == [400]
    assert b'"code":"bad_http"' in answer
    assert not [entry for entry in caplog.records if entry.levelname == "ERROR"]
