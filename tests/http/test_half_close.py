"""A client that ends its half of the connection gets the response to its request."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from support.raw import head, statuses
from support.running import Running, running, settings_for
from support.waiting import until

from router.datatypes import Duration, Secret
from router.journal import ledger
from router.journal.connection import Connection
from router.runtime.roles import Roles

EVENT = b'{"specversion":"1.0","id":"%d","source":"/s","type":"t"}'
JSON = ("Content-Type", "application/json")


@pytest.fixture
async def ingress(redis_url: Secret) -> AsyncIterator[Running]:
    settings = settings_for(redis_url, keepalive_timeout=Duration(60), body_timeout=Duration(60))
    async with running(settings, Roles(port=0, ingress=True)) as process:
        yield process


def post(number: int, *headers: tuple[str, str]) -> bytes:
    body = EVENT % number
    return head("/events", [JSON, ("Content-Length", str(len(body))), *headers]) + body


async def answer_to_half(process: Running, *pieces: bytes) -> tuple[bytes, float]:
    """Send, end this half, and return what the server sends until it closes, and the seconds."""
    reader, writer = await asyncio.open_connection(process.address.host, process.address.port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
    writer.write_eof()
    began = asyncio.get_running_loop().time()
    async with asyncio.timeout(60):
        answer = await reader.read()
    writer.close()
    return answer, asyncio.get_running_loop().time() - began


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([post(1)], [202]),
        ([post(1, ("Connection", "keep-alive"))], [202]),
        ([post(1).replace(b"HTTP/1.1", b"HTTP/1.0")], [202]),
        ([post(1)[:20], post(1)[20:-5], post(1)[-5:]], [202]),
        ([post(1) + post(2) + post(3)], [202, 202, 202]),
        ([b"".join(map(post, range(100)))], [202] * 100),
        ([head("/healthz", [], "GET")], [200]),
        ([head("/nowhere", [], "GET")], [404]),
        ([post(1)[:-1] + b"x"], [400]),
        ([head("/twilio", [("Content-Length", "2")]) + b"[]"], [401]),
    ],
    ids=range(10),
)
async def test_complete_requests_are_answered_and_then_the_connection_ends(
    ingress: Running, pieces: list[bytes], expected: list[int]
) -> None:
    """Case I15 (RFC 9112, section 9.6). Revert: nothing, though the event is stored."""
    answer, seconds = await answer_to_half(ingress, *pieces)

    assert statuses(answer) == expected
    assert seconds < 5  # and not after the keep-alive time-out

    async def all_are_out() -> bool:
        return ingress.metric("router_connections") == 0

    assert await until(all_are_out)


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [b"POST /events HTT"],
        [post(1)[:-1]],
        [head("/events", [JSON, ("Transfer-Encoding", "chunked")]), b"2\r\n{}\r\n"],
    ],
    ids=range(4),
)
async def test_an_incomplete_request_ends_the_connection_at_once(
    ingress: Running, connection: Connection, pieces: list[bytes]
) -> None:
    """Case I15: nothing is accepted, and nothing waits for its deadline."""
    answer, seconds = await answer_to_half(ingress, *pieces)

    assert statuses(answer) in ([], [408])
    assert seconds < 5
    assert (await ledger.read(connection)).accepted == 0
