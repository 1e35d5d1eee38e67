"""An operator API over records of each kind."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from support.events import deliveries_of, event_from

from router.api.access import Access
from router.clock import Clock
from router.datatypes import Secret
from router.events.masks import Masks
from router.events.model import Malformed, Received
from router.journal.batches import Batches
from router.journal.connection import Connection
from router.journal.deliveries import Deliveries
from router.journal.finish import FinishedWork
from router.journal.keys import BatchId, SetId
from router.journal.quarantine import Quarantine
from router.journal.settlements import GivenUp
from router.runtime.build_api import build_operator_routes
from router.settings.model import Settings
from router.settings.tokens import Tokens

TOKEN = Secret("correct horse")
ACCESS = Access(Settings(admin_token=Tokens.of(TOKEN)))
MASKS = Masks.parse(["data.account_sid", "data.reason"])
Ask = Callable[..., Awaitable[tuple[int, Any]]]


@pytest.fixture
async def ask(connection: Connection, clock: Clock, sample: bytes) -> AsyncIterator[Ask]:
    """Ask an API over five dead letters of "mail" and a malformed event in quarantine."""
    event = event_from(sample)
    batches = Batches(connection, clock)
    await batches.accept(
        [Received([event], [Malformed("no id", "$[0].id", 1.0, b'{"data":{"reason":"+1')])]
    )
    deliveries = deliveries_of(event, 5)
    verdict = FinishedWork(
        duplicate=0, filtered=0, matched=1, quarantined=(), deliveries=deliveries
    )
    await batches.finish(BatchId("id0001"), verdict)
    await Deliveries(connection, clock).settle(
        [GivenUp(SetId("id0003"), delivery, "HTTP 404") for delivery in deliveries]
    )
    application = web.Application()
    routes = build_operator_routes(
        connection, lambda: ("slack",), clock, ACCESS, MASKS, Quarantine(connection, clock)
    )
    application.add_routes(routes)
    async with TestClient(TestServer(application)) as client:

        async def ask(method: str, path: str, **request: Any) -> tuple[int, Any]:
            headers = {"Authorization": f"Bearer {TOKEN.reveal()}"}
            async with client.request(
                method, f"/api/v1/{path}", **{"headers": headers, **request}
            ) as response:
                return response.status, await response.json()

        yield ask
