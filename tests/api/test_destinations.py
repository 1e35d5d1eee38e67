"""The operator API of destinations."""

from collections.abc import Awaitable, Callable
from typing import Any

from router.journal.connection import Connection
from router.journal.pauses import Pauses

Ask = Callable[..., Awaitable[tuple[int, Any]]]


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
