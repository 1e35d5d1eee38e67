"""The operator API is closed without the token."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from router.api.auth import require_operator
from router.api.json_responses import json_response
from router.datatypes import Secret

TOKEN = Secret("correct horse")


async def _ask(token: Secret | None, headers: dict[str, str]) -> tuple[int, dict[str, object]]:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return json_response({"secret": True})

    application = web.Application()
    application.add_routes([web.get("/", require_operator(answer, token))])
    async with (
        TestClient(TestServer(application)) as client,
        client.get("/", headers=headers) as response,
    ):
        return response.status, await response.json()


@pytest.mark.parametrize(
    ("token", "headers", "status", "code"),
    [
        (None, {"Authorization": "Bearer correct horse"}, 403, "closed"),
        (TOKEN, {}, 401, "no_token"),
        (TOKEN, {"Authorization": "Bearer wrong"}, 403, "wrong_token"),
        (TOKEN, {"Authorization": "Basic correct horse"}, 403, "wrong_token"),
    ],
)
async def test_requests_without_the_token_are_rejected(
    token: Secret | None, headers: dict[str, str], status: int, code: str
) -> None:
    got, answer = await _ask(token, headers)

    assert got == status
    assert answer["error"]["code"] == code  # type: ignore[index]


async def test_the_operator_gets_the_answer() -> None:
    assert await _ask(TOKEN, {"Authorization": "Bearer correct horse"}) == (200, {"secret": True})
