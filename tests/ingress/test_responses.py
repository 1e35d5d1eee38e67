"""The response to an accepted request: its bytes are shared, the object is not."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from support.raw import answer_to, head, statuses

from router.datatypes import ByteSize
from router.http.connection import ListenAddress
from router.http.server import HttpServer, listen
from router.ingress.responses import accepted_response
from router.metrics import Metrics
from router.settings.model import Settings

NOW = 1764000000.5


class Server:
    """Answers each request as accepted, and remembers the responses."""

    def __init__(self) -> None:
        self.responses: list[web.StreamResponse] = []
        self.errors: list[ConnectionError] = []
        self.http: HttpServer

    async def accept(self, request: web.BaseRequest) -> web.StreamResponse:
        response = accepted_response(request, 1, 0, now=NOW, is_last="last" in request.query)
        self.responses.append(response)
        if "abort" in request.query and request.transport is not None:
            request.transport.abort()
            while request.transport is not None:  # noqa: ASYNC110 - aiohttp hears of it later
                await asyncio.sleep(0)
            try:
                await response.prepare(request)
            except ConnectionError as error:
                self.errors.append(error)
        return response


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    made.http = await listen(
        [web.post("/", made.accept)],
        Settings(max_body=ByteSize(1024)),
        ListenAddress("127.0.0.1", 0),
        Metrics(),
        keepalive_grace=0.0,
    )
    yield made
    await made.http.drain()


REQUEST = head("/", [("Content-Length", "0")])
LAST = head("/", [("Content-Length", "0"), ("Connection", "close")])


async def test_no_two_requests_share_a_response(server: Server) -> None:
    answer = await answer_to(server.http.address, REQUEST, REQUEST, REQUEST, LAST)

    assert statuses(answer) == [202] * 4
    assert len({id(response) for response in server.responses}) == 4
    assert len({type(response) for response in server.responses[:3]}) == 1


async def test_a_prepared_response_has_the_headers_of_any_other(server: Server) -> None:
    answer = (await answer_to(server.http.address, REQUEST, LAST)).decode()

    first, second = (
        part.split("\r\n\r\n") for part in answer.split("HTTP/1.1 202 Accepted\r\n")[1:]
    )
    prepared, plain = (
        dict(line.split(": ") for line in part[0].split("\r\n")) for part in (first, second)
    )
    assert prepared.keys() == plain.keys() - {"Connection"}
    assert prepared["Server"] == plain["Server"]
    assert first[1] == second[1] == '{"accepted":1,"quarantined":0}'
    assert prepared["Date"] == "Mon, 24 Nov 2025 16:00:00 GMT"


async def test_a_client_that_reads_no_response_is_not_read_either(server: Server) -> None:
    reader, writer = await asyncio.open_connection(
        server.http.address.host, server.http.address.port, limit=1024
    )
    sent, answered = 0, -1
    while answered != len(server.responses) or not answered:
        answered = len(server.responses)
        writer.write(REQUEST * 5_000)
        sent += 5_000
        await asyncio.sleep(0.2)

    assert len(server.responses) < sent
    assert statuses(await answer_to(server.http.address, LAST)) == [202]
    writer.transport.abort()
    assert not reader.at_eof()


async def test_a_connection_that_closed_gets_no_response(server: Server) -> None:
    answer = await answer_to(server.http.address, head("/?abort", [("Content-Length", "0")]))

    assert answer == b""
    assert [type(error) for error in server.errors] == [ConnectionResetError]
