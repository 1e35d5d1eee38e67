"""Bodies of requests: within their size and their time."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from router.api import requests
from router.api.json_responses import json_response
from router.api.requests import decode_body, handle_errors

LIMIT = 20


class Body(msgspec.Struct):
    name: str = ""


@pytest.fixture
async def client() -> AsyncIterator[TestClient[web.Request, web.Application]]:
    async def echo(request: web.Request) -> web.StreamResponse:
        return json_response(await decode_body(request, Body, limit=LIMIT))

    application = web.Application()
    application.add_routes([web.post("/", handle_errors(echo))])
    async with TestClient(TestServer(application)) as client:
        yield client


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 200),
        (b'{"name":"eight..."}', 200),
        (b'\xef\xbb\xbf{"name":"x"}', 200),
        (b"\xef\xbb\xbf", 200),
        (b'{"name":"ten......."}', 413),
        (b'{"name":"', 400),
        (b"\xff", 400),
    ],
)
async def test_a_body_is_decoded_within_its_limit(
    client: TestClient[web.Request, web.Application], body: bytes, status: int
) -> None:
    async with client.post("/", data=body) as response:
        assert response.status == status
        assert response.content_type == "application/json"


async def test_a_body_that_does_not_arrive_is_408(
    client: TestClient[web.Request, web.Application], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "BODY_SECONDS", 0.05)
    answered = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b'{"name":'
        await answered.wait()

    async with client.post("/", data=slow()) as response:
        assert response.status == 408
        assert (await response.json())["error"]["code"] == "body_too_slow"
        answered.set()
