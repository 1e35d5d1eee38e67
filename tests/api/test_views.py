"""The operator's API on dead letters, quarantine and destinations."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from support.events import deliveries_of, event_from

from router.clock import Clock
from router.datatypes import Secret
from router.events.model import Malformed, Received
from router.journal.batches import (
    Batches,
)
from router.journal.connection import Connection
from router.journal.deliveries import Deliveries, GivenUp
from router.journal.finish import (
    FinishedWork,
)
from router.journal.keys import BatchId, SetId
from router.journal.pauses import Pauses
from router.runtime.build_api import build_operator_routes

TOKEN = Secret("correct horse")
Ask = Callable[..., Awaitable[tuple[int, Any]]]


@pytest.fixture
async def ask(connection: Connection, clock: Clock, sample: bytes) -> AsyncIterator[Ask]:
    """Asks an API over five dead letters of "mail" and something malformed in quarantine."""
    event = event_from(sample)
    batches = Batches(connection, clock)
    await batches.accept([Received([event], [Malformed("no id", "$[0].id", 1.0, b"{}")])])
    deliveries = deliveries_of(event, 5)
    verdict = FinishedWork(
        duplicate=0, filtered=0, matched=1, quarantined=(), deliveries=deliveries
    )
    await batches.finish(BatchId("id0001"), verdict)
    await Deliveries(connection, clock).settle(
        [GivenUp(SetId("id0003"), delivery, "HTTP 404") for delivery in deliveries]
    )
    application = web.Application()
    application.add_routes(build_operator_routes(connection, lambda: ("slack",), clock, TOKEN))
    async with TestClient(TestServer(application)) as client:

        async def ask(method: str, path: str, **request: Any) -> tuple[int, Any]:
            headers = {"Authorization": f"Bearer {TOKEN.reveal()}"}
            async with client.request(
                method, f"/api/v1/{path}", **{"headers": headers, **request}
            ) as response:
                return response.status, await response.json()

        yield ask


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "dead-letters"),
        ("GET", "dead-letters/mail/x"),
        ("POST", "dead-letters/replay"),
        ("POST", "dead-letters/discard"),
        ("GET", "quarantine"),
        ("GET", "quarantine/x"),
        ("POST", "quarantine/replay"),
        ("POST", "quarantine/discard"),
        ("GET", "destinations"),
        ("POST", "destinations/mail/pause"),
        ("POST", "destinations/mail/resume"),
    ],
)
async def test_all_of_it_is_for_operators_only(ask: Ask, method: str, path: str) -> None:
    status, answer = await ask(method, path, headers={})
    assert (status, answer["error"]["code"]) == (401, "no_token")


async def test_dead_letters_are_paged_shown_and_moved(ask: Ask) -> None:
    assert await ask("GET", "dead-letters") == (200, {"destinations": ["mail"]})
    _, first = await ask("GET", "dead-letters?destination=mail&limit=3&reason=404")
    _, rest = await ask("GET", f"dead-letters?destination=mail&after={first['after']}")
    found = [letter["id"] for letter in first["dead_letters"] + rest["dead_letters"]]
    assert len(set(found)) == 5

    status, shown = await ask("GET", f"dead-letters/mail/{found[0]}")
    assert (status, shown["letter"]["id"], shown["event"]["specversion"]) == (200, found[0], "1.0")
    assert (await ask("GET", "dead-letters/mail/msg_unknown"))[0] == 404

    order = {"destination": "mail", "ids": found[:1]}
    _, answer = await ask("POST", "dead-letters/replay", json=order)
    assert answer["replayed"] == 1
    order = {"destination": "mail", "all": True, "limit": 3}
    _, answer = await ask("POST", "dead-letters/discard", json=order)
    assert answer["discarded"] == 3
    _, answer = await ask("POST", "dead-letters/discard", json=order)
    assert (answer["discarded"], answer["after"]) == (1, "")


@pytest.mark.parametrize(
    ("method", "path", "body", "message"),
    [
        ("GET", "dead-letters?destination=mail&limit=0", None, "limit: Expected `int` >= 1"),
        ("GET", "dead-letters?destination=mail&after=x", None, "after: 'x' is no cursor"),
        ("GET", "dead-letters?destination=mail&older_than=1x", None, "older_than: '1x'"),
        (
            "GET",
            "dead-letters?rules=mail",
            None,
            "unknown query parameter 'rules', expected reason, older_than",
        ),
        ("POST", "dead-letters/replay", {"destination": "mail"}, "give ids, a filter or"),
        ("POST", "dead-letters/replay", {}, "missing required field `destination`"),
        ("POST", "quarantine/discard", {"limit": 9999, "all": True}, "Expected `int` <= 1000"),
        ("POST", "quarantine/discard", {"everything": True}, "unknown field `everything`"),
    ],
)
async def test_what_is_not_understood_is_explained(
    ask: Ask, method: str, path: str, body: object, message: str
) -> None:
    status, answer = await ask(method, path, json=body)
    assert status == 400
    assert message in answer["error"]["message"]


async def test_quarantine_is_shown_and_discarded(ask: Ask) -> None:
    _, answer = await ask("GET", "quarantine")
    (item,) = answer["quarantine"]
    assert (item["reason"], item["path"], item["can_be_replayed"]) == ("no id", "$[0].id", False)
    assert (await ask("GET", f"quarantine/{item['id']}"))[1]["body"] == {}
    assert (await ask("POST", "quarantine/replay", json={"all": True}))[1]["replayed"] == 0
    assert (await ask("POST", "quarantine/discard", json={"all": True}))[1]["discarded"] == 1
    assert (await ask("GET", f"quarantine/{item['id']}"))[0] == 404


async def test_a_destination_is_paused_and_resumed(ask: Ask, connection: Connection) -> None:
    order = {"reason": "they move house", "by": "ann"}
    assert await ask("POST", "destinations/slack/pause", json=order) == (200, {"state": "paused"})
    assert (await ask("POST", "destinations/slack/pause"))[0] == 409
    assert (await ask("POST", "destinations/unknown/pause"))[0] == 404
    assert (await Pauses(connection).all())["slack"].by == "ann"
    _, answer = await ask("GET", "destinations")
    assert [(each["name"], each["state"]) for each in answer["destinations"]] == [
        ("mail", "running"),
        ("slack", "paused"),
    ]

    assert await ask("POST", "destinations/slack/resume") == (200, {"state": "running"})
    assert (await ask("POST", "destinations/slack/resume"))[0] == 409
