"""``/api/v1/deliveries``: those that wait, and those that ended."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from support.clock import SetClock
from support.past import Past

from router.api.access import Access
from router.datatypes import Secret
from router.events.masks import Masks
from router.journal.connection import Connection
from router.runtime.build_api import build_history_routes
from router.settings.model import Settings
from router.settings.tokens import Tokens

pytestmark = pytest.mark.server
RULES = """
rules:
  - {name: high, events: [a], when: data.n >= 3, cooldown: {for: 1s, by: [data.n]}, send_to: [noc]}
  - {name: each, events: [a], send_to: [boss]}
"""
ACCESS = Access(Settings(viewer_token=Tokens.of(Secret("v"))))
Client = TestClient[web.Request, web.Application]


@pytest.fixture
async def past(connection: Connection) -> AsyncIterator[Past]:
    past = Past(connection, SetClock(), RULES)
    await past.send(past.event("1", n=5))
    await past.deliver("noc")
    await past.give_up("HTTP 404", "boss")
    past.time.now += 3600
    await past.send(past.event("2", n=5), past.event("3", n=6))
    return past


@pytest.fixture
async def client(past: Past) -> AsyncIterator[Client]:
    application = web.Application()
    application.add_routes(build_history_routes(past.connection, past.clock, ACCESS, Masks(), None))
    async with TestClient(TestServer(application)) as client:
        yield client


async def get(client: Client, path: str) -> tuple[int, Any]:
    headers = {"Authorization": "Bearer v"}
    async with client.get(f"/api/v1/deliveries{path}", headers=headers) as response:
        return response.status, await response.json()


async def listed(client: Client, query: str) -> list[str]:
    status, page = await get(client, f"?{query}")
    assert status == 200, page
    return [
        f"{each['event_id']} {each['destination']} {each['state']}" for each in page["deliveries"]
    ]


async def test_those_that_wait_come_before_those_that_ended(client: Client) -> None:
    waiting = ["2 boss waiting", "3 boss waiting", "2 noc waiting", "3 noc waiting"]
    ended = ["1 boss dead-lettered", "1 noc delivered"]
    assert sorted(await listed(client, "")) == sorted([*waiting, *ended])
    assert (await listed(client, ""))[-2:] == ended
    queries = {
        "state=delivered": ended[1:],
        "state=dead-lettered&state=discarded": ended[:1],
        "state=in+flight": [],
        "destination=noc&state=open&state=delivered": [
            "2 noc waiting",
            "3 noc waiting",
            *ended[1:],
        ],
        "rule=each&older_than=30m": ended[:1],
        "rule=high&newer_than=30m": ["2 noc waiting", "3 noc waiting"],
    }
    # Those of one set have no order.
    found = {query: sorted(await listed(client, query)) for query in queries}
    assert found == {query: sorted(names) for query, names in queries.items()}


async def test_pages_of_any_size_have_each_delivery_once(client: Client) -> None:
    for limit in (1, 2, 3, 5):
        seen: list[str] = []
        after = ""
        while True:
            _, page = await get(client, f"?limit={limit}&after={after}")
            seen += [each["id"] for each in page["deliveries"]]
            assert len(page["deliveries"]) <= limit
            after = page["after"]
            if not after:
                break
        assert len(seen) == len(set(seen)) == 6


async def test_one_delivery_has_its_attempts_and_when_the_next_is_due(client: Client) -> None:
    _, page = await get(client, "")
    by_state = {each["state"]: each for each in page["deliveries"]}
    _, dead = await get(client, f"/{by_state['dead-lettered']['id']}")
    assert dead["attempts"][0]["reason"] == "HTTP 404"
    assert "1 attempt (HTTP 404)" in dead["text"]
    _, waiting = await get(client, f"/{by_state['waiting']['id']}")
    assert waiting["delivery"] == by_state["waiting"]
    assert waiting["delivery"]["due_at"].startswith("2023-11-14T23:13")
    _, page = await get(client, f"?key={waiting['delivery']['key']}")
    assert waiting["delivery"]["id"] in {each["id"] for each in page["deliveries"]}


async def test_what_is_not_known_is_said(client: Client) -> None:
    status, answer = await get(client, "/msg_none")
    assert (status, answer["error"]["code"]) == (404, "no_such_delivery")
    for query in ("state=odd", "after=odd", "after=open/noc/0/odd"):
        status, answer = await get(client, f"?{query}")
        assert status == 400
        assert answer["error"]["message"].startswith(query.partition("=")[0])
