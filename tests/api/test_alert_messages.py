"""The messages about an alert as its destinations were told, rendered again."""

from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from api.conftest import ACCESS, TOKEN
from support.keyed import START, put

from router.api.alert_messages import AlertMessages, AlertMessagesApi
from router.datatypes import Secret
from router.destinations.capture import CaptureConfig
from router.destinations.contract import Destination, Environment
from router.destinations.slack_config import SlackConfig
from router.destinations.spec import DestinationSpec, make_destination
from router.events.masks import Masks
from router.journal import keys
from router.journal.connection import Connection
from router.journal.keyed_alerts import KeyedAlert, KeyedAlerts
from router.rules.state.keyed_alert import ToldStatus
from router.settings.choices import Egress


def destinations() -> dict[str, Destination]:
    environment = Environment(
        egress=Egress.OPEN, now=lambda: START / 1000, on_template_error=pytest.fail
    )
    configs = {
        "chat": SlackConfig(webhook_url=Secret("https://hooks.slack.com/services/T/B/secret")),
        "noc": CaptureConfig(),
    }
    return {
        name: make_destination(DestinationSpec(name=name, kind=kind, config=config), environment)
        for (name, config), kind in zip(configs.items(), ("slack", "capture"), strict=True)
    }


async def test_each_destination_that_was_told_has_its_last_message(
    connection: Connection, sample: bytes
) -> None:
    told = {
        "chat": ToldStatus("resolved", START + 2000, 3),
        "noc": ToldStatus("firing", START + 1000, 2),
        "gone": ToldStatus("firing", START, 1),
    }
    summary = {"summary": "{{ alert.count }} of {{ data.friendly_name }} <b>"}
    key = await put(connection, sample, "ak_1", summary, status="resolved", told=told)
    found = await KeyedAlerts(connection).get(key)
    assert isinstance(found, KeyedAlert)

    messages = AlertMessages(destinations().get, Masks.parse(("data.friendly_name",)))
    chat, noc, gone = messages.of(found)

    assert (chat.destination, chat.status, chat.at) == (
        "chat",
        "resolved",
        "2023-11-14T22:13:22.000Z",
    )
    assert "Resolved" in chat.html
    assert "Weekly Standup Meeting" not in f"{chat.body}{chat.html}"
    assert "&lt;b&gt;" in chat.html
    assert "secret" not in f"{chat.headers}{chat.body}{chat.html}"
    assert '"2 of *** <b>"' in noc.body
    assert (gone.problem, gone.body) == ("the rules have no destination gone any more", "")


async def test_a_process_without_rules_says_that_a_worker_has_them(
    connection: Connection, sample: bytes
) -> None:
    await put(connection, sample, "ak_1", told={"noc": ToldStatus("firing", START, 1)})
    await put(connection, sample, "ak_2")
    await connection.redis.hset(keys.keyed_alert("ak_2"), "record", b"\xc1")
    application = web.Application()
    messages = AlertMessages(None, Masks())
    application.add_routes(AlertMessagesApi(connection, messages, ACCESS).routes())
    async with TestClient(
        TestServer(application), headers={"Authorization": f"Bearer {TOKEN.reveal()}"}
    ) as client:

        async def get(key: str) -> tuple[int, Any]:
            async with client.get(f"/api/v1/alerts/{key}/messages") as response:
                return response.status, await response.json()

        status, found = await get("ak_1")

        assert (status, found["messages"][0]["problem"]) == (
            200,
            "this process has no rules to render it by: ask a worker",
        )
        assert (await get("ak_2"))[0] == 409
        assert (await get("ak_3"))[0] == 404
