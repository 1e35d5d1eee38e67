"""Clients that cost more than they send: memory, time of the event loop, connections, log lines."""

import asyncio
import io
import os
import socket
import statistics
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from support.events import event_from
from support.hostile_bodies import SIZE, hostile_bodies
from support.processes import RouterProcess
from support.raw import answer_to, head, one_response, statuses
from support.running import Running, running, settings_for
from support.waiting import until

from router.datatypes import Duration, Networks, Secret
from router.errors import EventError
from router.events.decode import decode_leniently, decode_request, decode_strictly
from router.events.limits import max_request_values
from router.events.model import document
from router.http.server import Address
from router.log_throttle import LINES_PER_CLIENT
from router.runtime.roles import Roles

ROLES = Roles(port=0, ingress=True)
ASK = head("/healthz", [], "GET")
BIG = head("/openapi.json", [], "GET")
CHARSETS = 1500
LONGEST_HOLD = 0.5
"""Seconds of CPU that the event loop may be busy with one body of 4 MiB; about 0.1 on an idle core."""


def environ(redis_url: Secret, **changes: str) -> dict[str, str]:
    return {"ROUTER_REDIS_URL": redis_url.reveal(), "ROUTER_PORT": "0", **changes}


def address_of(router: RouterProcess) -> Address:
    host, _, port = router.url.removeprefix("http://").partition(":")
    return Address(host, int(port))


def resident(pid: int) -> int:
    """Bytes of memory that the process has."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def binary_event(number: int, charset: str) -> bytes:
    headers = [("ce-specversion", "1.0"), ("ce-id", str(number)), ("ce-source", "/s")]
    headers += [("ce-type", "t"), ("Content-Type", f"text/plain; charset={charset}")]
    return head("/events", [*headers, ("Content-Length", "1")]) + b"x"


async def post_all(address: Address, requests: list[bytes]) -> list[bytes]:
    """Send one request after another on one connection."""
    reader, writer = await asyncio.open_connection(address.host, address.port)
    responses = []
    for request in requests:
        writer.write(request)
        responses.append(await one_response(reader))
    writer.close()
    return responses


async def test_distinct_charsets_leave_nothing_in_memory(redis_url: Secret) -> None:
    """Revert (aiohttp's parser of content types, Python's registry of codecs): 7 KiB for each name."""
    async with RouterProcess("ingress", environ=environ(redis_url)) as router:
        address = address_of(router)
        await post_all(address, [binary_event(n, "latin-1") for n in range(CHARSETS // 3)])
        before = resident(router.pid)
        answers = await post_all(
            address, [binary_event(CHARSETS + n, f"x-{n:05}") for n in range(CHARSETS)]
        )
        grown = resident(router.pid) - before
    print(f"\n{CHARSETS} charsets: {grown / CHARSETS:,.0f} bytes each")  # noqa: T201 - the figure
    assert statuses(b"".join(answers)) == [415] * CHARSETS
    assert grown / CHARSETS < 300


MALFORMED = {
    "first line": b"\x01",
    "header": b"POST /events HTTP/1.1\r\nHost: a\r\nX-A: \x01\r\n\r\n",
    "chunk": b"POST /events HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
    "trailer": b"POST /events HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\x01",
}


@pytest.mark.fault_row(38)
@pytest.mark.parametrize("name", MALFORMED)
async def test_malformed_http_leaves_nothing_in_memory(redis_url: Secret, name: str) -> None:
    """Revert (a reference cycle of aiohttp's parse error with what arrived): 100 to 500 KB for each."""
    count, rest = 200, bytes(100_000)
    async with RouterProcess("ingress", environ=environ(redis_url)) as router:
        address = address_of(router)
        for _ in range(count // 4):
            await answer_to(address, MALFORMED[name] + rest)
        before = resident(router.pid)
        for _ in range(count):
            await answer_to(address, MALFORMED[name] + rest)
        grown = resident(router.pid) - before
    print(f"\n{count} malformed requests ({name}): {grown / count:,.0f} bytes each")  # noqa: T201 - the figure
    assert grown < 10 << 20


@pytest.mark.fault_row(38)
@pytest.mark.parametrize(
    "size", [SIZE // 2, pytest.param(SIZE, marks=pytest.mark.slow)], ids=["half", "whole"]
)
def test_no_body_holds_the_event_loop_for_long(size: int) -> None:
    """Mutants: limits checked after decoding; a request without ``max_values``."""
    figures = {}
    for name, body in hostile_bodies(size).items():
        for decode in (decode_strictly, decode_request, decode_leniently):
            began = time.process_time()
            try:
                decode(body, received_at=0.0, max_events=1000, max_values=max_request_values(size))
                result = "accepted"
            except EventError as error:
                result = error.code
            figures[f"{name}, {decode.__name__}"] = (time.process_time() - began, result)
    slowest = sorted(figures, key=lambda name: -figures[name][0])[:5]
    for name in slowest:
        seconds, result = figures[name]
        print(f"\n{seconds * 1000:6.0f} ms  {result:18} {name}", end="")  # noqa: T201 - the figures
    assert max(seconds for seconds, _ in figures.values()) < LONGEST_HOLD * size / SIZE
    assert figures["tiny elements, decode_request"][1] == "too_many_values"


@pytest.mark.fault_row(38)
def test_json_in_a_text_has_the_limits_of_an_event() -> None:
    """Mutant: ``document`` decodes the text at once."""
    lists = ("[" + "[]," * 100_000 + "[]]").replace('"', "")
    body = (
        b'{"specversion":"1.0","id":"1","source":"/s","type":"com.twilio.t",'
        b'"datacontenttype":"application/json","data":"' + lists.encode() + b'"}'
    )
    (event,) = decode_request(body, received_at=0.0, max_events=1).events

    assert document(event)["data"] == lists  # it stays a text


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_honest_senders_beside_hostile_bodies(redis_url: Secret, sample: bytes) -> None:
    """Print the latency of honest requests alone, and beside four senders of the worst bodies.

    Mutant: bodies take no turns to be decoded. Then 480 ms, and 13 of 200 requests get 503.
    """
    bodies = list(hostile_bodies().values())
    results: list[int] = []
    async with (
        RouterProcess("ingress", environ=environ(redis_url)) as router,
        aiohttp.ClientSession() as http,
    ):

        async def honest(count: int, name: str) -> list[float]:
            taken = []
            for number in range(count):
                body = event_from(sample, id=f"{name}{number}").body
                began = time.perf_counter()
                async with http.post(
                    f"{router.url}/events",
                    data=body,
                    headers={"Content-Type": "application/json"},
                ) as response:
                    results.append(response.status)
                taken.append(time.perf_counter() - began)
                await asyncio.sleep(0.02)
            return taken

        async def hostile() -> None:
            while True:
                for body in bodies:
                    async with http.post(
                        f"{router.url}/events",
                        data=io.BytesIO(body),
                        headers={"Content-Type": "application/cloudevents+json"},
                    ) as response:
                        await response.read()

        alone = await honest(100, "a")
        async with asyncio.TaskGroup() as group:
            attackers = [group.create_task(hostile()) for _ in range(4)]
            beside = await honest(200, "b")
            for attacker in attackers:
                attacker.cancel()
    print(  # noqa: T201 - the figures
        f"\nhonest p50 {statistics.median(alone) * 1000:.1f} ms alone,"
        f" {statistics.median(beside) * 1000:.1f} ms beside hostile bodies,"
        f" longest {max(beside) * 1000:.0f} ms; {results.count(503)} of {len(beside)} to send again"
    )
    assert set(results) <= {202, 503}
    assert results[: len(alone)] == [202] * len(alone)
    assert statistics.median(beside) < 0.1


@pytest.fixture
async def ingress(redis_url: Secret) -> AsyncIterator[Running]:
    settings = settings_for(
        redis_url,
        max_connections_per_address=3,
        write_timeout=Duration(0.4),
        trusted_proxies=Networks.parse("127.0.0.9"),
    )
    async with running(settings, ROLES) as process:
        yield process


async def connect_from(
    source: str, address: Address
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(address.host, address.port, local_addr=(source, 0))


@pytest.mark.fault_row(41)
async def test_a_client_that_reads_no_response_is_cut_off(ingress: Running) -> None:
    """Mutant: ``_look`` does not call ``check_progress``. Before: open until the client closes."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(client, (ingress.address.host, ingress.address.port))
    with client:
        sending = loop.create_task(loop.sock_sendall(client, BIG * 200))

        async def is_cut() -> bool:
            count = ingress.metric("router_connections_refused_total", reason="write_timeout")
            return count == 1 and ingress.metric("router_connections") == 0

        assert await until(is_cut)
        sending.cancel()


async def test_a_client_that_reads_slowly_gets_all_responses(ingress: Running) -> None:
    """A buffer that shrinks, or that was nearly empty meanwhile, is progress."""
    reader, writer = await asyncio.open_connection(
        ingress.address.host, ingress.address.port, limit=16_384
    )
    last = head("/openapi.json", [("Connection", "close")], "GET")
    writer.write(BIG * 40 + last)
    received = b""
    while piece := await reader.read(65_536):
        received += piece
        await asyncio.sleep(0.01)
    writer.close()

    assert statuses(received) == [200] * 41
    assert ingress.metric("router_connections_refused_total", reason="write_timeout") == 0


@pytest.mark.fault_row(34)
async def test_one_address_does_not_take_all_connections(ingress: Running) -> None:
    """Mutants: ``admit`` counts without comparing; ``release`` does not count out."""
    taken = [await connect_from("127.0.0.1", ingress.address) for _ in range(3)]

    async def all_are_in() -> bool:
        return ingress.metric("router_connections") == 3

    await until(all_are_in)
    refused, refusing = await connect_from("127.0.0.1", ingress.address)
    assert statuses(await refused.read()) == [503]
    refusing.close()
    assert ingress.metric("router_connections_refused_total", reason="address") == 1

    others = [await connect_from("127.0.0.2", ingress.address)]
    others += [await connect_from("127.0.0.9", ingress.address) for _ in range(5)]
    for reader, writer in others:
        writer.write(ASK)
        assert statuses(await one_response(reader)) == [200]

    taken[0][1].close()

    async def is_served() -> bool:
        reader, writer = await connect_from("127.0.0.1", ingress.address)
        writer.write(ASK)
        served = statuses(await reader.read(1000)) == [200]
        writer.close()
        return served

    assert await until(is_served)
    for _, writer in (*taken, *others):
        writer.close()


@pytest.mark.parametrize(
    "target",
    [b"/twilio?a=" + b"x" * 7000, b"/events", b"/ HTTP/1.1\r\nbad header " + b"x" * 5000],
    ids=["signed URL", "no token", "malformed"],
)
async def test_refused_requests_write_few_short_log_lines(redis_url: Secret, target: bytes) -> None:
    """Mutants: no throttle; the field ``detail`` in full. Before: 8 KB a request."""
    settings = environ(redis_url, ROUTER_EVENTS_TOKEN="t0ken", ROUTER_TWILIO_AUTH_TOKENS="t0ken")
    request = (
        b"POST " + target + b" HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        b"Content-Length: 2\r\nX-Twilio-Signature: x\r\nConnection: close\r\n\r\n{}"
    )
    async with RouterProcess("ingress", environ=settings) as router:
        for _ in range(60):
            assert statuses(await answer_to(address_of(router), request))[0] in {400, 401, 403}
    lines = [line for line in router.log if line["level"] == "warning"]
    size = max(len(str(line)) for line in lines)
    print(f"\n60 refused requests: {len(lines)} lines, the longest has {size} characters")  # noqa: T201
    assert len(lines) <= 2 * LINES_PER_CLIENT
    assert size < 1200
