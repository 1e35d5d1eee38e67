"""``POST /api/v1/deliveries/discard``: counted first, in pages, and only what waits."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from support.clock import SetClock
from support.lanes import KEY, OTHER, Outbox, message

from router.api.access import Access
from router.clock import Clock
from router.datatypes import Secret
from router.journal.connection import Connection
from router.journal.history_log import NONE_KEPT
from router.runtime.build_api import build_discard_routes
from router.settings.model import Settings
from router.settings.tokens import Tokens

PATH = "/api/v1/deliveries/discard"
ACCESS = Access(Settings(admin_token=Tokens.of(Secret("token"))))


@pytest.fixture
async def client(
    connection: Connection, clock: Clock, time: SetClock
) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    """Three deliveries of one key and three of another wait; the last ones are an hour younger."""
    outbox = Outbox(connection, clock)
    await outbox.open(*(message(number, key=KEY) for number in range(3)))
    await outbox.open(*(message(3600 + number, key=OTHER) for number in range(3)))
    time.now += 7200
    application = web.Application()
    application.add_routes(
        build_discard_routes(connection, lambda: ("mail",), clock, ACCESS, NONE_KEPT)
    )
    headers = {"Authorization": "Bearer token"}
    async with TestClient(TestServer(application), headers=headers) as client:
        yield client


async def answer(client: Any, **body: object) -> tuple[int, Any]:
    async with client.post(PATH, json=body) as response:
        return response.status, await response.json()


async def test_a_flood_is_counted_and_then_discarded(client: Any, time: SetClock) -> None:
    old = {"destination": "pager", "older_than": "90m"}
    _, counted = await answer(client, **old, dry_run=True)
    assert counted == {
        "discarded": 3,
        "in_flight": 0,
        "after": "",
        "until": int(time.now * 1000),
    }

    discarded, after = 0, ""
    while True:
        _, page = await answer(client, **old, limit=1, after=after, until=counted["until"])
        discarded, after = discarded + page["discarded"], page["after"]
        if not after:
            break
    assert discarded == 3
    _, rest = await answer(client, destination="pager", all=True)
    assert rest["discarded"] == 3


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"destination": "pager"}, 400, 'give a rule, an age or "all": true'),
        ({"destination": "pager", "all": True, "after": "x"}, 400, "after: 'x' is not a cursor"),
        ({"destination": "page", "all": True}, 404, "there is no destination 'page'"),
        ({"all": True}, 400, "Object missing required field `destination`"),
    ],
)
async def test_a_request_that_is_wrong_says_why(
    client: Any, body: dict[str, object], status: int, message: str
) -> None:
    found, problem = await answer(client, **body)

    assert found == status
    assert problem["error"]["message"].startswith(message)
